"""Was this very sound handed in before, and does it sound as if played back? Evidence, no proof.

A recording that comes a second time is found by landmarks: codes of what surrounds its loudest
moments. They outlive codecs, a telephone line, another level and trimming. What a loudspeaker and
a second room add (no bass, a narrow band, a longer decay) is told to the reviewer as numbers: it
comes with telephones and bare rooms as well, and no threshold on it would be fair.

Source: J. Haitsma, T. Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002: signs of
    differences of band energies over time and frequency.
"""

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.result import EvidenceValue, Measurement
from veridical.voiceprint.fbank import HOP, RATE_HZ, band_centres_hz
from veridical.voiceprint.speech import SpeechAnalysis

__all__ = ["RADIUS_BITS", "SoundIndex", "VoiceReplayCheck", "decay_s", "sound_codes"]

CODES = 12
"""Landmarks of a recording: one for every half a second of a challenge."""
RADIUS_BITS = 56
"""Codes at most this far apart are one moment; see docs/measurements/voice.md for what is found at
it."""
LOWEST_HZ = 300.0
HIGHEST_HZ = 3_400.0
"""The telephone band, which every channel carries."""
BITS = 16
"""Differences between neighbouring bands, and instants of a code: 16 x 16 bits."""
STEP = 10
"""Frames from one instant of a code to the next: 100 ms, so that a code spans 1.6 s."""
SMOOTH = 17
"""Frames over which band energies are averaged: codecs smear below that, and frames of a trimmed
copy fall between those of the original."""
APART = 25
"""Least frames between two landmarks."""
BASS_HZ = (80.0, 200.0)
BODY_HZ = (300.0, 1_000.0)
DECAY_FRAMES = 12
"""Length of a decay that is fitted: 120 ms, shorter than pauses between words."""
LEAST_FALL_DB = 12.0
LEAST_DECAYS = 3


class SoundIndex(Protocol):
    """Where codes of earlier recordings are kept; the store brings one."""

    def remember(self, transaction: str, codes: Sequence[bytes]) -> None:
        """Keep the codes of one transaction.

        Args:
            transaction: Its id.
            codes: See `sound_codes`.
        """
        ...

    def best_share(self, codes: Sequence[bytes], radius_bits: int, besides: str = "") -> float:
        """Largest share of the codes that one other transaction has, too.

        Args:
            codes: See `sound_codes`.
            radius_bits: Codes at most this far apart count as one.
            besides: Id of the transaction that is not compared: the one that asks.

        Returns:
            0..1; 0 when nothing is stored.
        """
        ...


class VoiceReplayCheck:
    """Looks for the sound of an earlier transaction, and tells signs of playback.

    Advisory: a fresh prompt, the lips and the challenge's expiry are what keeps recordings out.
    """

    name = "voice.replay"

    def __call__(
        self, speech: SpeechAnalysis, transaction: str = "", seen: SoundIndex | None = None
    ) -> Measurement:
        """Score one recording.

        Args:
            speech: The recording.
            transaction: Id of the transaction that asks; its own codes do not count.
            seen: Codes of earlier recordings of the same tenant; None looks for none.

        Returns:
            1 less the largest share of landmarks that one earlier recording has, too; a low one
            means `replayed_sound`. Not assessed: `no_speech`, `no_index` (nothing is kept to
            compare with). Evidence: `replayed_share`, and of playback `bandwidth_hz`,
            `source_rate_hz`, `bass_db` (below 200 Hz against 300 Hz to 1 kHz; a small loudspeaker
            has none) and `decay_s` (time to fall by 60 dB; a second room prolongs it).
        """
        started = time.perf_counter()
        evidence = signs_of_playback(speech)
        codes = sound_codes(speech)
        score, reason = None, "no_speech"
        if codes and seen is None:
            reason = "no_index"
        elif codes and seen is not None:
            share = seen.best_share(codes, RADIUS_BITS, transaction)
            evidence["replayed_share"] = round(share, 3)
            score, reason = 1.0 - share, "replayed_sound"
        elapsed_ms = (time.perf_counter() - started) * 1000
        return Measurement(self.name, score, reason, evidence, (speech.model,), elapsed_ms)


def sound_codes(speech: SpeechAnalysis) -> tuple[bytes, ...]:
    """Code what surrounds the loudest moments of the speech, in order of time.

    Returns:
        Up to 12 codes of 32 bytes; none for less than two seconds or without speech.
    """
    centres = band_centres_hz()
    used = np.flatnonzero((centres >= LOWEST_HZ) & (centres <= HIGHEST_HZ))
    reach = STEP * BITS // 2
    if len(speech.fbank) < 2 * reach + STEP + SMOOTH or not speech.speech.any():
        return ()
    power = np.exp(speech.fbank[:, used])
    groups = np.array_split(np.arange(len(used)), BITS + 1)
    bands = np.log(np.stack([power[:, group].sum(axis=1) for group in groups], axis=1) + 1e-9)
    kernel = np.full(SMOOTH, 1 / SMOOTH)
    bands = np.stack([np.convolve(band, kernel, "same") for band in bands.T], axis=1)
    rises = np.diff(bands, axis=1)
    changes = rises[STEP:] - rises[:-STEP]
    loud = np.convolve(power.sum(axis=1), np.hanning(2 * APART + 1), "same")
    return tuple(
        np.packbits(changes[at - reach : at + reach : STEP].ravel() > 0).tobytes()
        for at in _landmarks(loud, reach, len(changes) - reach)
    )


def signs_of_playback(speech: SpeechAnalysis) -> dict[str, EvidenceValue]:
    """What a loudspeaker and a second room would change; None where it cannot be told."""
    found: dict[str, EvidenceValue] = {
        "bandwidth_hz": round(speech.bandwidth_hz),
        "source_rate_hz": speech.source_rate_hz,
    }
    if speech.speech.any():
        power = np.exp(speech.fbank[speech.speech]).mean(axis=0)
        centres = band_centres_hz()
        bass, body = (
            float(power[(centres >= low) & (centres <= high)].mean())
            for low, high in (BASS_HZ, BODY_HZ)
        )
        found["bass_db"] = round(10 * float(np.log10(max(bass, 1e-12) / max(body, 1e-12))), 1)
    decay = decay_s(speech)
    found["decay_s"] = None if decay is None else round(decay, 2)
    return found


def decay_s(speech: SpeechAnalysis) -> float | None:
    """Time in which sound dies away by 60 dB, from the steepest falls of the speech itself.

    Speech can't fall faster than its room lets it: the steep end of the falls that are found tells
    of the room, or of both rooms of a playback.

    Returns:
        Seconds; None with fewer than three falls of 12 dB.
    """
    level_db = 10 / np.log(10) * np.log(np.exp(speech.fbank).sum(axis=1))
    if len(level_db) < DECAY_FRAMES:
        return None
    views = np.lib.stride_tricks.sliding_window_view(level_db, DECAY_FRAMES)
    falling = (np.diff(views, axis=1) < 0.5).all(axis=1)
    falling &= views[:, 0] - views[:, -1] >= LEAST_FALL_DB
    if int(falling.sum()) < LEAST_DECAYS:
        return None
    steps = np.arange(DECAY_FRAMES) - (DECAY_FRAMES - 1) / 2
    slopes = views[falling] @ steps / (steps @ steps) * RATE_HZ / HOP
    return float(np.quantile(60.0 / -slopes, 0.1))


def _landmarks(loud: NDArray[np.float64], first: int, last: int) -> list[int]:
    """The loudest moments, at least a quarter of a second apart, in order of time."""
    peaks = [
        at
        for at in range(first, last)
        if loud[at] == loud[max(0, at - APART) : at + APART + 1].max()
    ]
    return sorted(sorted(peaks, key=lambda at: -float(loud[at]))[:CODES])
