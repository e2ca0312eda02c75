"""Is there speech, how much, and how good? One analysis serves every voice check."""

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.models import Session
from veridical.result import EvidenceValue, ModelRef
from veridical.types import Audio
from veridical.voiceprint.fbank import HOP, RATE_HZ, WINDOW, filter_banks

__all__ = ["SpeechAnalysis", "analyse_speech"]

CHUNK = 512
"""Samples the activity net judges at a time: 32 ms."""
CONTEXT = 64
"""Samples before a chunk that the net hears again."""
CHUNKS_A_CALL = 512
"""Chunks of one call; bounds memory on long recordings."""
SPEECH_FROM = 0.5
SPEECH_UNTIL = 0.35
"""Probability at which speech begins and below which it ends; the net's own defaults."""
SHORTEST_PAUSE_S = 0.1
SHORTEST_SPEECH_S = 0.1
PAD_S = 0.03
"""Sound kept around a segment, for weak first and last sounds."""
GUARD_S = 0.1
"""Sound near a segment that counts as neither speech nor noise: breath and reverberation."""
LEAST_NOISE_S = 0.2
LARGEST_SNR_DB = 60.0
FLAT_TOP = 0.995
"""Share of the peak at which a sample counts as cut off, when its neighbours are too."""
BANDWIDTH_DB = -55.0
"""How far below its strongest band speech counts as absent."""
SPECTRUM = 512


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class SpeechAnalysis:
    """What one recording holds; made once per transaction and read by every voice check.

    Attributes:
        samples: (n,) float32 at 16 kHz.
        source_rate_hz: Rate the recording came with.
        segments_s: Start and end of each stretch of speech in seconds, in order.
        speech: (frames,) bool: which frames lie in a segment.
        fbank: (frames, 80) float32 log mel powers, not normalised; 10 ms a frame.
        snr_db: Speech to background power ratio, at most 60; NaN without speech.
        clipped_share: Share of speech samples that are cut off at the peak, 0..1.
        bandwidth_hz: Highest frequency that speech reaches; about 3,400 on a telephone line.
        model: The net that told speech from silence.
    """

    samples: NDArray[np.float32]
    source_rate_hz: int
    segments_s: tuple[tuple[float, float], ...]
    speech: NDArray[np.bool_]
    fbank: NDArray[np.float32]
    snr_db: float
    clipped_share: float
    bandwidth_hz: float
    model: ModelRef

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return len(self.samples) / RATE_HZ

    @property
    def net_speech_s(self) -> float:
        """Speech without pauses."""
        return sum(end - start for start, end in self.segments_s)

    def evidence(self) -> dict[str, EvidenceValue]:
        """The quality figures, as checks quote them."""
        return {
            "net_speech_s": round(self.net_speech_s, 2),
            "snr_db": None if np.isnan(self.snr_db) else round(self.snr_db, 1),
            "clipped_share": round(self.clipped_share, 4),
            "bandwidth_hz": round(self.bandwidth_hz),
        }


def analyse_speech(audio: Audio, vad_session: Session) -> SpeechAnalysis:
    """Find the speech in a recording and measure its quality.

    Args:
        audio: Any rate; resampled to 16 kHz. No speech, or no samples at all, is no error.
        vad_session: Silero VAD as sequence: `input` (n, 576), `h` and `c` (1, 1, 128) to n
            probabilities and the next `h` and `c`.

    Raises:
        InputError: `media.audio_not_finite`: a sample is NaN or infinite.
    """
    if not np.isfinite(audio.samples).all():
        raise InputError(
            "every audio sample must be a finite number; decode the recording again",
            "media.audio_not_finite",
        )
    samples = audio.samples
    if audio.rate_hz != RATE_HZ and len(samples):
        samples = np.asarray(
            soxr.resample(samples, audio.rate_hz, RATE_HZ, quality="HQ"), np.float32
        )
    segments = _segments(_speech_probabilities(samples, vad_session), len(samples))
    fbank = filter_banks(samples)
    speech = _inside(segments, len(fbank), 0.0)
    return SpeechAnalysis(
        samples=samples,
        source_rate_hz=audio.rate_hz,
        segments_s=segments,
        speech=speech,
        fbank=fbank,
        snr_db=_snr_db(samples, speech, _inside(segments, len(fbank), GUARD_S)),
        clipped_share=_clipped_share(audio, segments),
        bandwidth_hz=_bandwidth_hz(samples, speech),
        model=vad_session.ref,
    )


def _speech_probabilities(samples: NDArray[np.float32], session: Session) -> NDArray[np.float32]:
    """(chunks,) probability of speech in each 32 ms."""
    if not len(samples):
        return np.zeros(0, np.float32)
    count = -(-len(samples) // CHUNK)
    padded = np.zeros(CONTEXT + count * CHUNK, np.float32)
    padded[CONTEXT : CONTEXT + len(samples)] = samples
    chunks = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + CHUNK)[::CHUNK]
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    found = []
    for first in range(0, count, CHUNKS_A_CALL):
        block = np.ascontiguousarray(chunks[first : first + CHUNKS_A_CALL])
        speech, hidden, cell = session.run({"input": block, "h": hidden, "c": cell})
        found.append(speech.reshape(-1))
    return np.concatenate(found)


def _segments(probabilities: NDArray[np.float32], samples: int) -> tuple[tuple[float, float], ...]:
    """Stretches of speech in seconds: hysteresis, short pauses bridged, blips dropped, padded."""
    step = CHUNK / RATE_HZ
    raw: list[list[float]] = []
    active = False
    for i, probability in enumerate(probabilities):
        if not active and probability >= SPEECH_FROM:
            active = True
            if raw and i * step - raw[-1][1] < SHORTEST_PAUSE_S:
                raw[-1][1] = (i + 1) * step
            else:
                raw.append([i * step, (i + 1) * step])
        elif active and probability < SPEECH_UNTIL:
            active = False
        elif active:
            raw[-1][1] = (i + 1) * step
    end = samples / RATE_HZ
    merged: list[tuple[float, float]] = []
    for start, stop in raw:
        if stop - start < SHORTEST_SPEECH_S:
            continue
        start, stop = max(0.0, start - PAD_S), min(end, stop + PAD_S)
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return tuple(merged)


def _inside(
    segments: tuple[tuple[float, float], ...], frames: int, margin_s: float
) -> NDArray[np.bool_]:
    """(frames,) bool: whether a frame's middle lies in a segment widened by the margin."""
    middle = (np.arange(frames) * HOP + WINDOW / 2) / RATE_HZ
    found = np.zeros(frames, np.bool_)
    for start, end in segments:
        found |= (middle >= start - margin_s) & (middle <= end + margin_s)
    return found


def _snr_db(
    samples: NDArray[np.float32], speech: NDArray[np.bool_], near: NDArray[np.bool_]
) -> float:
    """Mean power in speech over the background's; NaN without speech.

    The background is the median frame clear of speech, so that a click or a page turned does not
    count; where too little lies clear, the quietest twentieth of the frames stands in, which
    flatters speech without pauses.
    """
    if not speech.any():
        return float("nan")
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / WINDOW
    background = power[~near]
    if len(background) * HOP < LEAST_NOISE_S * RATE_HZ:
        noise = float(np.quantile(power, 0.05))
    else:
        noise = float(np.median(background))
    signal = max(float(power[speech].mean()) - noise, 1e-12)
    return float(min(10 * np.log10(signal / max(noise, 1e-12)), LARGEST_SNR_DB))


def _clipped_share(audio: Audio, segments: tuple[tuple[float, float], ...]) -> float:
    """Share of speech samples in runs of three or more at the peak, on the original samples."""
    level = np.abs(audio.samples)
    spoken = [
        level[int(start * audio.rate_hz) : int(end * audio.rate_hz)] for start, end in segments
    ]
    total = sum(map(len, spoken))
    peak = max((float(part.max(initial=0.0)) for part in spoken), default=0.0)
    if not total or not peak:
        return 0.0
    cut = 0
    for part in spoken:
        edges = np.flatnonzero(np.diff(part >= FLAT_TOP * peak, prepend=False, append=False))
        runs = edges[1::2] - edges[::2]
        cut += int(runs[runs >= 3].sum())
    return cut / total


def _bandwidth_hz(samples: NDArray[np.float32], speech: NDArray[np.bool_]) -> float:
    """Highest frequency whose loud moments come within 55 dB of the strongest; 0 without speech."""
    if not speech.any():
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][speech][::2]
    window = np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, SPECTRUM)) ** 2
    loud_db = 10 * np.log10(np.quantile(power, 0.95, axis=0) + 1e-12)
    reached = np.flatnonzero(loud_db >= loud_db.max() + BANDWIDTH_DB)
    return float(reached[-1] * RATE_HZ / SPECTRUM)
