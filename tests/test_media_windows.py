"""The frames of a long recording, a window at a time, are the recording's frames."""

from pathlib import Path

import numpy as np
import pytest

from tests.test_media_clip import make_clip
from veridical.errors import InputError
from veridical.media import Limits, decoder, read_clip, read_windows
from veridical.types import Clip

TWENTY_SECONDS = [i * 40 for i in range(500)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("windows") / "long.webm"
    path.write_bytes(make_clip(times_ms=TWENTY_SECONDS, sound_ms=20_000))
    return path


def greys(clips: list[Clip]) -> list[int]:
    return [int(frame.pixels[-1, -1, 0]) for clip in clips for frame in clip.frames]


def test_all_windows_together_are_the_clip(recording: Path) -> None:
    windows = list(read_windows(recording))
    whole = read_clip(recording)
    assert all(4000 <= window.duration_ms <= 4050 for window in windows[:4])
    times = np.concatenate([window.times_ms for window in windows])
    assert np.abs(times - whole.times_ms).max() < 10.0
    assert greys(windows) == greys([whole])


def test_fewer_frames_are_spread_evenly(recording: Path) -> None:
    times = np.concatenate([w.times_ms for w in read_windows(recording, frames_a_second=10)])
    assert 195 <= len(times) <= 205
    assert np.diff(times).max() <= 121


def test_frames_are_scaled_down(recording: Path) -> None:
    window = next(iter(read_windows(recording, max_side_px=32)))
    assert (window.frames[0].width, window.frames[0].height) == (32, 24)


def test_a_recording_that_is_too_long_is_refused_first(recording: Path) -> None:
    with pytest.raises(InputError) as refused:
        next(iter(read_windows(recording, Limits(max_recording_s=10))))
    assert refused.value.code == "media.too_long"


def test_sound_alone_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "sound.webm"
    path.write_bytes(make_clip(video=None))
    with pytest.raises(InputError) as refused:
        list(read_windows(path))
    assert refused.value.code == "media.no_frames"


def test_a_reader_that_stops_leaves_the_decoders_free(recording: Path) -> None:
    for _ in range(2 * (len(decoder.default_pool()._idle) + 4)):
        windows = read_windows(recording)
        next(windows)
        assert read_clip(recording, keep_frames=1).frames  # while the other is between two windows
        windows.close()


def test_a_recording_that_breaks_off_is_refused(tmp_path: Path) -> None:
    data = make_clip("mp4", "libx264", "aac", times_ms=TWENTY_SECONDS)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError) as refused:
        list(read_windows(path))
    assert refused.value.code.startswith("media.")
