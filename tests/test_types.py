"""Values are checked where they are made."""

import math

import numpy as np
import pytest

from veridical import Audio, Challenge, Clip, Image, InputError


@pytest.mark.parametrize(
    "times",
    [
        (0.0, 900.0, 800.0, 2700.0),
        (0.0, 900.0),
        (-1.0, 900.0, 1800.0, 2700.0),
        (math.nan, 900.0, 1800.0, 2700.0),
        (0.0, 900.0, math.nan, 2700.0),
        (0.0, 900.0, 1800.0, math.inf),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(times: tuple[float, ...]) -> None:
    with pytest.raises(InputError) as caught:
        Challenge("4711", schedule_ms=times)
    assert caught.value.code == "challenge.malformed"


def test_a_schedule_may_start_at_once_and_show_two_digits_together() -> None:
    assert Challenge("4711", schedule_ms=(0.0, 900.0, 900.0, 1800.0)).schedule_ms[2] == 900.0


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_an_image_is_three_channels_of_bytes(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match="uint8 RGB"):
        Image(pixels)


def test_a_clip_has_one_time_a_frame_and_frames_of_one_size() -> None:
    small, large = (Image(np.zeros((n, n, 3), np.uint8)) for n in (4, 5))
    assert Clip((small, small), np.array([0.0, 40.0])).fps == 25
    for frames, times in (
        ((), []),
        ((small, small), [0.0]),
        ((small, small), [40.0, 0.0]),
        ((small, large), [0.0, 40.0]),
    ):
        with pytest.raises(InputError):
            Clip(frames, np.array(times, np.float64))


def test_audio_is_one_channel_of_float32() -> None:
    assert Audio(np.zeros(8000, np.float32), 16_000).duration_s == 0.5
    for samples, rate in (
        (np.zeros(8), 16_000),
        (np.zeros((2, 8), np.float32), 16_000),
        (np.zeros(8, np.float32), 0),
    ):
        with pytest.raises(InputError):
            Audio(samples, rate)  # type: ignore[arg-type]
