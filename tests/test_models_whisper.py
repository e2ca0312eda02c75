"""A CTranslate2 file is read and checked; the two graphs made of it agree with themselves."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from veridical.errors import ModelError
from veridical.models.convert.ctranslate2 import read_ctranslate2
from veridical.models.convert.whisper import convert_whisper
from veridical.models.fetch import Fetcher
from veridical.models.session import OnnxSession
from veridical.models.source import SourceFile
from veridical.result import ModelRef

WIDTH, WORDS, STEPS = 128, 30, 20
VOCABULARY = "\n".join(f"t{i}" for i in range(WORDS)).encode()


def _text(name: str) -> bytes:
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


def written(arrays: dict[str, np.ndarray], kind: str = "WhisperSpec", version: int = 6) -> bytes:
    """A file as CTranslate2 writes it."""
    parts = [struct.pack("<I", version), _text(kind), struct.pack("<II", 3, len(arrays))]
    for name, array in arrays.items():
        parts += [_text(name), struct.pack("<B", array.ndim)]
        parts += [struct.pack("<I", side) for side in array.shape]
        data = array.astype("<f2").tobytes()
        parts += [struct.pack("<BI", 4, len(data)), data]
    alias = [_text("decoder/projection/weight"), _text("decoder/embeddings/weight")]
    return b"".join([*parts, struct.pack("<I", 1), *alias])


@pytest.fixture(scope="module")
def model() -> bytes:
    """One layer a side, two heads."""
    rng = np.random.default_rng(1)
    arrays: dict[str, np.ndarray] = {}

    def dense(name: str, rows: int, columns: int) -> None:
        arrays[f"{name}/weight"] = rng.normal(0, 0.1, (rows, columns))
        arrays[f"{name}/bias"] = rng.normal(0, 0.1, rows)

    def norm(name: str) -> None:
        arrays[f"{name}/gamma"], arrays[f"{name}/beta"] = np.ones(WIDTH), np.zeros(WIDTH)

    arrays["encoder/conv1/weight"] = rng.normal(0, 0.1, (WIDTH, 80, 3))
    arrays["encoder/conv2/weight"] = rng.normal(0, 0.1, (WIDTH, WIDTH, 3))
    arrays["encoder/conv1/bias"] = arrays["encoder/conv2/bias"] = np.zeros(WIDTH)
    arrays["encoder/position_encodings/encodings"] = rng.normal(size=(STEPS, WIDTH))
    arrays["decoder/position_encodings/encodings"] = rng.normal(size=(16, WIDTH))
    arrays["decoder/embeddings/weight"] = rng.normal(size=(WORDS, WIDTH))
    for side in ("encoder", "decoder"):
        norm(f"{side}/layer_norm")
        for part in ("self_attention", "ffn"):
            norm(f"{side}/layer_0/{part}/layer_norm")
        dense(f"{side}/layer_0/self_attention/linear_0", 3 * WIDTH, WIDTH)
        dense(f"{side}/layer_0/self_attention/linear_1", WIDTH, WIDTH)
        dense(f"{side}/layer_0/ffn/linear_0", 4 * WIDTH, WIDTH)
        dense(f"{side}/layer_0/ffn/linear_1", WIDTH, 4 * WIDTH)
    norm("decoder/layer_0/attention/layer_norm")
    for i, rows in ((0, WIDTH), (1, 2 * WIDTH), (2, WIDTH)):
        dense(f"decoder/layer_0/attention/linear_{i}", rows, WIDTH)
    return written(arrays)


def session(model: bytes, part: str) -> OnnxSession:
    graph = convert_whisper(model, part, VOCABULARY, [0, 1])
    return OnnxSession(onnxruntime.InferenceSession(graph), ModelRef(part, "0" * 64), "")


def test_tokens_one_by_one_answer_as_all_at_once(model: bytes) -> None:
    mel = np.random.default_rng(2).normal(size=(1, 80, 2 * STEPS)).astype(np.float32)
    (cross,) = session(model, "encoder").run({"mel": mel})
    assert cross.shape == (2, 1, 2, STEPS, 64)
    decoder = session(model, "decoder")
    tokens = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
    nothing = np.zeros((2, 2, 2, 0, 64), np.float32)
    whole, memory, attention = decoder.run({"tokens": tokens, "past": nothing, "cross": cross})
    assert attention.shape == (2, 1, 5, STEPS)
    assert np.allclose(attention.sum(axis=-1), 1, atol=1e-5)
    past, found = nothing, []
    for i in range(5):
        logits, past, _ = decoder.run(
            {"tokens": tokens[:, i : i + 1], "past": past, "cross": cross}
        )
        found.append(logits[:, 0])
    assert np.abs(np.stack(found, axis=1) - whole).max() < 1e-4
    assert np.abs(past - memory).max() < 1e-5


def test_the_decoder_carries_its_vocabulary(model: bytes) -> None:
    metadata = session(model, "decoder").metadata
    assert metadata["vocabulary"].encode() == VOCABULARY


def test_aliases_are_read_and_what_follows_is_left_alone(model: bytes) -> None:
    arrays = read_ctranslate2(model + VOCABULARY, "WhisperSpec")
    assert arrays["decoder/projection/weight"] is arrays["decoder/embeddings/weight"]


@pytest.mark.parametrize("cut", [3, 30, 5_000, -1])
def test_a_cut_file_is_refused(model: bytes, cut: int) -> None:
    with pytest.raises(ModelError) as error:
        read_ctranslate2(model[:cut], "WhisperSpec")
    assert error.value.code == "model.checkpoint"


@pytest.mark.parametrize(("kind", "version"), [("TransformerSpec", 6), ("WhisperSpec", 5)])
def test_another_format_is_refused(kind: str, version: int) -> None:
    with pytest.raises(ModelError):
        read_ctranslate2(written({}, kind, version), "WhisperSpec")


def test_a_file_that_lacks_a_layer_is_refused() -> None:
    with pytest.raises(ModelError) as error:
        convert_whisper(written({"encoder/conv1/bias": np.zeros(64)}), "encoder", b"", [])
    assert error.value.code == "model.checkpoint"


def _part(data: bytes, name: str) -> SourceFile:
    return SourceFile(name, hashlib.sha256(data).hexdigest(), len(data))


def test_a_file_in_parts_is_joined_and_verified(tmp_path: Path) -> None:
    for i, data in enumerate((b"one", b"other")):
        (tmp_path / f"part{i}").write_bytes(data)
    parts = _part(b"one", "part0"), _part(b"other", "part1")
    whole = hashlib.sha256(b"oneother").hexdigest()
    fetcher = Fetcher(tmp_path / "cache", tmp_path)
    assert fetcher.fetch(SourceFile("whole", whole, 8, parts=parts)).data == b"oneother"
    with pytest.raises(ModelError) as error:
        fetcher.fetch(SourceFile("whole", whole, 8, parts=parts[::-1]))
    assert error.value.code == "model.card"
