"""Simulated media on disk: readable, on time, and labelled."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from veridical.errors import InputError
from veridical.rehearsal.recording import write_audio, write_clip, write_image
from veridical.types import Audio, Clip, Image

LABEL = "simulated attack: print, seed 7"


def tone(rate_hz: int) -> Audio:
    samples = 0.5 * np.sin(2 * np.pi * 500 * np.arange(rate_hz) / rate_hz)
    return Audio(samples.astype(np.float32), rate_hz)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_clip_keeps_its_uneven_times_and_its_sound(tmp_path: Path, suffix: str) -> None:
    times_ms = np.array([0.0, 31.0, 77.0, 100.0, 139.0, 171.0, 300.0, 333.0])
    frames = tuple(Image(np.full((64, 81, 3), 25 * i, dtype=np.uint8)) for i in range(8))
    path = tmp_path / f"clip{suffix}"
    write_clip(path, Clip(frames, times_ms, tone(16000)), LABEL)
    with av.open(str(path)) as container:
        comments = {key.lower(): value for key, value in container.metadata.items()}
        assert comments["comment"] == LABEL
        decoded = list(container.decode(video=0))
        assert [float(f.time or 0) * 1000 for f in decoded] == pytest.approx(times_ms, abs=1.5)
        assert decoded[4].to_ndarray(format="rgb24").mean() == pytest.approx(100, abs=6)
    with av.open(str(path)) as container:
        parts = [f.to_ndarray() for f in container.decode(audio=0)]
        rate_hz = container.streams.audio[0].rate
    samples = np.concatenate(parts, axis=1)[0]
    assert len(samples) / rate_hz == pytest.approx(1.0, abs=0.08)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * rate_hz / len(samples) == pytest.approx(500, abs=3)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sound_survives_to_16_bits(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sound{suffix}"
    sound = tone(8000)
    write_audio(path, sound, LABEL)
    with av.open(str(path)) as container:
        samples = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)[0]
        assert container.streams.audio[0].rate == 8000
    assert np.abs(samples / 32768 - sound.samples).max() < 2e-4


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_carries_its_label(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / name, Image(np.full((10, 12, 3), 90, dtype=np.uint8)), LABEL)
    with PillowImage.open(tmp_path / name) as picture:
        said = picture.info.get("Comment") or picture.info.get("comment")
        assert said in (LABEL, LABEL.encode())
        assert picture.size == (12, 10)


def test_a_wrong_suffix_says_which_are_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.mp4, \.webm"):
        write_clip(
            tmp_path / "a.gif", Clip((Image(np.zeros((4, 4, 3), np.uint8)),), np.zeros(1)), LABEL
        )
