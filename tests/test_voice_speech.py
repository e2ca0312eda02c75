"""Speech, its quality and its bounds."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice_sounds import LoudIsSpeech, analysed, silence, tone, voice
from veridical.errors import InputError
from veridical.types import Audio
from veridical.voiceprint import SpeechAnalysis, analyse_speech


def test_segments_and_net_speech_follow_the_sound() -> None:
    speech = analysed(silence(1.0), voice(120, 1.0), silence(1.0), voice(120, 0.5), silence(0.5))
    assert len(speech.segments_s) == 2
    assert speech.segments_s[0] == pytest.approx((1.0, 2.0), abs=0.08)
    assert speech.net_speech_s == pytest.approx(1.5, abs=0.2)
    assert speech.speech.sum() * 0.01 == pytest.approx(speech.net_speech_s, abs=0.05)


@pytest.mark.parametrize("samples", [0, 1, 300, 16_000])
def test_silence_and_scraps_hold_no_speech(samples: int) -> None:
    speech = analyse_speech(Audio(np.zeros(samples, np.float32), 16_000), LoudIsSpeech())
    assert speech.segments_s == ()
    assert speech.net_speech_s == 0
    assert speech.evidence()["snr_db"] is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_refused(bad: float) -> None:
    samples = np.zeros(1_600, np.float32)
    samples[7] = bad
    with pytest.raises(InputError, match="finite") as caught:
        analyse_speech(Audio(samples, 16_000), LoudIsSpeech())
    assert caught.value.code == "media.audio_not_finite"


@pytest.mark.parametrize("wanted_db", [5, 15, 30])
def test_the_snr_is_the_one_mixed(wanted_db: float) -> None:
    sound = voice(120, 2.0)
    level = float(np.sqrt(np.square(sound).mean()) * 10 ** (-wanted_db / 20))
    noise = np.random.default_rng(2).normal(0, level, 5 * 16_000).astype(np.float32)
    noise[16_000:48_000] += sound
    assert analysed_loud(noise).snr_db == pytest.approx(wanted_db, abs=1.5)


def analysed_loud(samples: NDArray[np.float32]) -> SpeechAnalysis:
    """Analyse with a stand-in that knows where the speech is."""

    class Middle(LoudIsSpeech):
        def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
            outputs = super().run(feeds)
            at = np.arange(len(outputs[0])) * 512 / 16_000
            outputs[0] = np.where((at > 1.0) & (at < 3.0), 0.9, 0.1).astype(np.float32)
            return outputs

    return analyse_speech(Audio(samples, 16_000), Middle())


def test_clipping_counts_cut_tops_at_any_loudness() -> None:
    sound = np.concatenate([silence(0.5), voice(120, 1.0), silence(0.5)])
    assert analysed(sound).clipped_share < 0.002
    cut = np.clip(sound, -0.15, 0.15)
    assert analysed(cut).clipped_share > 0.1
    assert analysed(np.asarray(cut * 0.3, np.float32)).clipped_share > 0.1


def test_a_telephone_band_is_seen() -> None:
    wide = analysed(silence(0.5), voice(120, 1.0), silence(0.5))
    narrow = sum(tone(k * 120, 1.0, 0.2 / k) for k in range(1, 28))
    assert wide.bandwidth_hz > 6_000
    assert 3_000 < analysed(silence(0.5), np.asarray(narrow), silence(0.5)).bandwidth_hz < 3_800


def test_another_rate_gives_the_same_bounds() -> None:
    sound = np.concatenate([silence(0.5), voice(120, 1.0), silence(0.5)])
    doubled = np.repeat(sound, 3)
    speech = analyse_speech(Audio(doubled, 48_000), LoudIsSpeech())
    assert speech.source_rate_hz == 48_000
    assert speech.segments_s[0] == pytest.approx(analysed(sound).segments_s[0], abs=0.04)


def test_nothing_is_carried_from_one_call_to_the_next() -> None:
    sound = np.concatenate([silence(0.3), voice(120, 1.0)])
    session = LoudIsSpeech()
    first, second = (analyse_speech(Audio(sound, 16_000), session) for _ in range(2))
    assert first.segments_s == second.segments_s
    np.testing.assert_array_equal(first.fbank, second.fbank)


def test_long_recordings_go_in_blocks() -> None:
    session = LoudIsSpeech()
    analyse_speech(Audio(np.zeros(16_000 * 40, np.float32), 16_000), session)
    assert session.calls == 3
