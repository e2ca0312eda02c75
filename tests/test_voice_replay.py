"""The same sound is known again; another one, even of the same voice, is not."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice_sounds import analysed, silence, voice
from veridical.voiceprint.replay import (
    RADIUS_BITS,
    VoiceReplayCheck,
    decay_s,
    signs_of_playback,
    sound_codes,
)


def babble(seed: int, seconds: float = 6.0) -> NDArray[np.float32]:
    """Syllables of random pitch, colour and loudness."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * 16_000:
        sound = voice(float(rng.uniform(90, 250)), float(rng.uniform(0.1, 0.4)))
        spectrum = np.fft.rfft(sound)
        knots = np.interp(
            np.arange(len(spectrum)), np.linspace(0, len(spectrum), 12), rng.normal(0, 1.5, 12)
        )
        shaped = np.fft.irfft(spectrum * np.exp(knots), len(sound))
        shaped *= np.hanning(len(shaped)) * rng.uniform(0.1, 0.6) / np.abs(shaped).max()
        parts += [shaped.astype(np.float32), silence(float(rng.uniform(0.02, 0.2)))]
    return np.concatenate(parts)


class Kept:
    """Stands in for the store: one earlier recording."""

    def __init__(self) -> None:
        self.codes: dict[str, Sequence[bytes]] = {}

    def remember(self, transaction: str, codes: Sequence[bytes]) -> None:
        self.codes[transaction] = codes

    def best_share(self, codes: Sequence[bytes], radius_bits: int, besides: str = "") -> float:
        shares = [
            np.mean([min(apart(code, own) for own in known) <= radius_bits for code in codes])
            for name, known in self.codes.items()
            if name != besides
        ]
        return float(max(shares, default=0.0))


def apart(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


@pytest.fixture
def kept() -> Kept:
    index = Kept()
    index.remember("first", sound_codes(analysed(babble(1))))
    return index


def test_a_code_has_the_bytes_the_store_wants() -> None:
    codes = sound_codes(analysed(babble(1)))
    assert 3 <= len(codes) <= 12
    assert {len(code) for code in codes} == {32}


def test_the_same_sound_is_known_again(kept: Kept) -> None:
    measured = VoiceReplayCheck()(analysed(babble(1)), "second", kept)
    assert measured.score == 0.0
    assert measured.reason == "replayed_sound"
    assert measured.evidence["replayed_share"] == 1.0


def test_a_quieter_noisier_and_trimmed_copy_is_known_again(kept: Kept) -> None:
    sound = babble(1)[5_003:] * np.float32(0.4)
    noisy = sound + silence(len(sound) / 16_000, 0.002)[: len(sound)]
    measured = VoiceReplayCheck()(analysed(noisy), "second", kept)
    assert measured.score is not None
    assert measured.score < 0.75  # what the shipped operating point sends to review


def test_another_recording_is_not(kept: Kept) -> None:
    assert VoiceReplayCheck()(analysed(babble(2)), "second", kept).score == 1.0


def test_a_transaction_is_no_replay_of_itself(kept: Kept) -> None:
    assert VoiceReplayCheck()(analysed(babble(1)), "first", kept).score == 1.0


def test_without_an_index_signs_of_playback_are_still_told() -> None:
    measured = VoiceReplayCheck()(analysed(babble(1)))
    assert measured.score is None
    assert measured.reason == "no_index"
    assert measured.evidence["bass_db"] is not None


def test_silence_has_no_codes_and_is_not_assessed(kept: Kept) -> None:
    speech = analysed(silence(4.0))
    assert sound_codes(speech) == ()
    assert VoiceReplayCheck()(speech, seen=kept).reason == "no_speech"


def test_a_room_prolongs_the_decay_and_a_small_loudspeaker_takes_the_bass() -> None:
    dry = babble(3)
    rng = np.random.default_rng(4)
    count = int(0.8 * 16_000)
    tail = rng.normal(size=count) * np.exp(-6.9 * np.arange(count) / count)
    spectrum = np.fft.rfft(dry, len(dry) + count) * np.fft.rfft(tail, len(dry) + count)
    hertz = np.fft.rfftfreq(len(dry) + count, 1 / 16_000)
    wet = np.fft.irfft(spectrum, len(dry) + count)
    thin = np.fft.irfft(np.fft.rfft(dry, len(dry) + count) * (hertz > 300), len(dry) + count)
    wet, thin = (sound / np.abs(sound).max() * 0.5 for sound in (wet, thin))
    dry_s, wet_s = decay_s(analysed(dry)), decay_s(analysed(wet.astype(np.float32)))
    assert dry_s is not None
    assert wet_s is not None
    assert wet_s > 1.5 * dry_s
    bass = [
        signs_of_playback(analysed(sound.astype(np.float32)))["bass_db"] for sound in (dry, thin)
    ]
    assert float(bass[0] or 0) > float(bass[1] or 0) + 10


def test_the_radius_is_what_chance_does_not_reach() -> None:
    mine, others = (sound_codes(analysed(babble(seed, 30.0))) for seed in (5, 6))
    assert min(apart(a, b) for a in mine for b in others) > RADIUS_BITS
