"""The speech net's front end: Kaldi's filter banks."""

import numpy as np
import pytest

from tests.voice_sounds import tone
from veridical.voiceprint.fbank import BANDS, band_centres_hz, filter_banks, frame_count

KALDI_BANDS = [11, 12, 13, 14, 79]
KALDI_VALUES = [-3.66086, -0.59773, 2.63563, 3.38577, -15.94238]


def test_agrees_with_kaldi() -> None:
    knf = pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank is not installed")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = 16_000
    options.mel_opts.num_bins = BANDS
    options.energy_floor = 0.0
    rng = np.random.default_rng(3)
    sound = tone(180, 2.0) + 0.1 * tone(2_900, 2.0) + rng.normal(0, 0.01, 32_000).astype(np.float32)
    kaldi = knf.OnlineFbank(options)
    kaldi.accept_waveform(16_000, sound.tolist())
    kaldi.input_finished()
    wanted = np.array([kaldi.get_frame(i) for i in range(kaldi.num_frames_ready)])
    assert np.abs(filter_banks(np.asarray(sound, np.float32)) - wanted).max() <= 1e-3


def test_stored_kaldi_values_hold() -> None:
    # Worked out by kaldi-native-fbank 1.23.0 on the same sound.
    bands = filter_banks(tone(440, 0.1))
    assert bands.shape == (8, BANDS)
    np.testing.assert_allclose(bands[4, KALDI_BANDS], KALDI_VALUES, atol=1e-3)


def test_loudness_only_shifts() -> None:
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 0.1, 8_000).astype(np.float32)
    difference = filter_banks(sound) - filter_banks(sound * np.float32(0.5))
    np.testing.assert_allclose(difference, 2 * np.log(2), atol=2e-3)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2)])
def test_only_whole_frames_count(samples: int, frames: int) -> None:
    assert frame_count(samples) == frames
    assert filter_banks(np.zeros(samples, np.float32)).shape == (frames, BANDS)


def test_digital_silence_is_finite() -> None:
    assert np.isfinite(filter_banks(np.zeros(1_600, np.float32))).all()


def test_a_tone_lands_in_its_band() -> None:
    loudest = filter_banks(tone(1_000, 0.2)).mean(axis=0).argmax()
    assert abs(band_centres_hz()[loudest] - 1_000) < 60
