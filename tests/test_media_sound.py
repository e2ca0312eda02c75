"""A long recording read block by block is the recording, and holds one block at a time."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from veridical.errors import InputError
from veridical.media import Limits, read_audio, read_sound

RATE_HZ = 16_000


def _written(path: Path, seconds: float, codec: str, container: str) -> np.ndarray:
    """A rising tone with a click at every whole second."""
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = 0.3 * np.sin(2 * np.pi * (200 + 0.5 * at) * at)
    sound[::RATE_HZ] = 0.9
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=RATE_HZ, layout="mono")
        assert isinstance(stream, AudioStream)
        resampler = av.AudioResampler(stream.codec_context.format, "mono", RATE_HZ)
        for first in range(0, len(sound), RATE_HZ):
            pcm = (sound[first : first + RATE_HZ] * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.rate, frame.pts = RATE_HZ, first
            for part in resampler.resample(frame):
                file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    path.write_bytes(buffer.getvalue())
    return sound.astype(np.float32)


@pytest.mark.parametrize(("codec", "container"), [("pcm_s16le", "wav"), ("flac", "flac")])
def test_the_blocks_are_the_recording(tmp_path: Path, codec: str, container: str) -> None:
    sound = _written(tmp_path / "long", 250.5, codec, container)
    blocks = [block.samples for block in read_sound(tmp_path / "long")]
    assert [len(block) for block in blocks[:2]] == [120 * RATE_HZ] * 2
    assert np.abs(np.concatenate(blocks) - sound).max() < 1e-3


def test_lossy_blocks_are_where_they_were(tmp_path: Path) -> None:
    _written(tmp_path / "long", 130.0, "libmp3lame", "mp3")
    whole = read_audio(tmp_path / "long").samples
    blocks = np.concatenate([block.samples for block in read_sound(tmp_path / "long")])
    assert abs(len(blocks) - len(whole)) < RATE_HZ // 20
    late = slice(121 * RATE_HZ, 129 * RATE_HZ)
    assert np.corrcoef(blocks[late], whole[late])[0, 1] > 0.99


def test_a_recording_beyond_the_cap_is_refused(tmp_path: Path) -> None:
    _written(tmp_path / "long", 130.0, "pcm_s16le", "wav")
    with pytest.raises(InputError) as error:
        list(read_sound(tmp_path / "long", Limits(max_recording_s=100.0)))
    assert error.value.code == "media.too_long"


def test_a_recording_without_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound at all, for sure" * 20)
    with pytest.raises(InputError):
        list(read_sound(tmp_path / "text.wav"))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_recording_that_was_streamed_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    """Who writes a WAV to a pipe cannot know its length when its header is written."""
    path = tmp_path / "streamed.wav"
    sound = _written(path, 2.5, "pcm_s16le", "wav")
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + size.to_bytes(4, "little") + data[at + 4 :])
    assert np.abs(read_audio(path).samples - sound).max() < 1e-3
    (block,) = read_sound(path)
    assert len(block.samples) == len(sound)
    path.write_bytes(data[:-4_000])
    with pytest.raises(InputError) as error:
        read_audio(path)
    assert error.value.code == "media.truncated"
