"""A checkpoint gives its tensors, and a hostile one gives an error and nothing else."""

import contextlib
import io
import os
import pickle
import subprocess
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.models.convert.checkpoint import LEGACY_MAGIC, read_checkpoint

State = dict[str, NDArray[np.float32]]


class Storage:
    """What the pickler sees of a tensor's numbers; written as a persistent id."""

    def __init__(self, key: str, kind: type, values: NDArray[np.generic]) -> None:
        self.key, self.kind, self.values = key, kind, values


class Saved:
    """Pickles as `torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, ...)`."""

    def __init__(self, arguments: tuple[object, ...]) -> None:
        self.arguments = arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        if isinstance(obj, Storage):
            return ("storage", obj.kind, obj.key, "cpu", obj.values.size)
        return None


@pytest.fixture(autouse=True)
def stand_in_for_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough of torch's names for the pickler; the reader never imports them."""
    torch, inner = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*_: object) -> None:
        raise AssertionError("the reader ran what the file named")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    inner._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    for name in ("FloatStorage", "LongStorage"):
        kind = type(name, (), {"__module__": "torch"})
        setattr(torch, name, kind)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", inner)


def saved(key: str, values: NDArray[np.generic]) -> tuple[Saved, Storage]:
    name = "FloatStorage" if values.dtype == np.float32 else "LongStorage"
    storage = Storage(key, getattr(sys.modules["torch"], name), values)
    strides = tuple(stride // values.itemsize for stride in values.strides)
    return Saved((storage, 0, values.shape, strides, False, OrderedDict())), storage


def state_of(values: dict[str, NDArray[np.generic]]) -> tuple[object, list[Storage]]:
    pairs = {name: saved(str(k), array) for k, (name, array) in enumerate(values.items())}
    state = OrderedDict((name, pair[0]) for name, pair in pairs.items())
    return state, [pair[1] for pair in pairs.values()]


def pickled(value: object) -> bytes:
    file = io.BytesIO()
    Pickler(file, 2).dump(value)
    return file.getvalue()


def as_zip(program: bytes, storages: list[Storage], *, packed: bool = False) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if packed else 0) as archive:
        archive.writestr("archive/data.pkl", program)
        for storage in storages:
            archive.writestr(f"archive/data/{storage.key}", storage.values.tobytes())
    return file.getvalue()


def as_legacy(program: bytes, storages: list[Storage]) -> bytes:
    head = [LEGACY_MAGIC, 1001, {"little_endian": True, "protocol_version": 1001}]
    parts = [pickle.dumps(value, 2) for value in head]
    parts += [program, pickle.dumps([storage.key for storage in storages], 2)]
    for storage in storages:
        parts += [storage.values.size.to_bytes(8, "little"), storage.values.tobytes()]
    return b"".join(parts)


VALUES: dict[str, NDArray[np.generic]] = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "bn.num_batches_tracked": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}
LAYOUTS = pytest.mark.parametrize("layout", [as_zip, as_legacy])
Layout = Callable[[bytes, list[Storage]], bytes]


@LAYOUTS
def test_both_layouts_give_their_tensors(layout: Layout) -> None:
    state, storages = state_of(VALUES)
    found = read_checkpoint(layout(pickled(state), storages))
    assert found.keys() == VALUES.keys()
    for name, values in VALUES.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


def test_a_transposed_tensor_keeps_its_strides() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor, storage = saved("0", values)
    tensor.arguments = (storage, 0, (3, 2), (1, 3), False, OrderedDict())
    found = read_checkpoint(as_zip(pickled(OrderedDict(w=tensor)), [storage]))
    np.testing.assert_array_equal(found["w"], values.T)


class Runs:
    """Runs a command when it is unpickled by an ordinary reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.system, (f"touch {self.path}",)


@LAYOUTS
@pytest.mark.parametrize("place", ["whole", "value", "extra"])
def test_code_in_a_checkpoint_is_refused_and_not_run(
    tmp_path: Path, layout: Layout, place: str
) -> None:
    state, storages = state_of(VALUES)
    evil = Runs(tmp_path / "run")
    assert isinstance(state, OrderedDict)
    if place == "whole":
        program = pickled(evil)
    elif place == "value":
        program = pickled(OrderedDict(w=evil))
    else:
        program = pickled(OrderedDict(state, w=[evil]))
    refused(layout(program, storages))
    assert not (tmp_path / "run").exists()


def test_the_hostile_checkpoint_of_the_test_above_is_hostile(tmp_path: Path) -> None:
    code = f"import pickle; pickle.loads({pickled(Runs(tmp_path / 'run'))!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "run").exists()


def refused(data: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        read_checkpoint(data)
    assert caught.value.code == "model.checkpoint"


@pytest.mark.parametrize(
    "program",
    [
        b"",
        b".",
        b"\x80\x02}.",
        b"\x80\x02]q\x00.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02ctorch\nload\n)R.",
        b"\x80\x02cos\nsystem\n.",
        b"\x80\x02}r\xff\xff\xff\x7f.",  # a memo of 2^31 entries
        b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00}\x94.",  # another protocol
        b"(dp0\nS'a'\nI1\ns.",
        b"\x80\x02X\x01\x00\x00\x00aQ.",
        b"\x80\x02}X\x01\x00\x00\x00aK\x01s.",
    ],
)
@LAYOUTS
def test_a_program_that_is_no_state_dict_is_refused(layout: Layout, program: bytes) -> None:
    refused(layout(program, []))


@pytest.mark.parametrize(
    "arguments",
    [
        (0, (25,), (1,)),  # longer than its storage
        (1, (24,), (1,)),  # reaches past its end
        (-1, (2,), (1,)),
        (0, (2,), (1, 1)),
        (0, (-2,), (1,)),
        (0, (2,), (-1,)),
        (0, (1 << 40, 2), (0, 1)),  # a little storage made enormous by a stride of 0
        (0, "ab", (1,)),
        ("0", (2,), (1,)),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused(arguments: tuple[object, ...]) -> None:
    tensor, storage = saved("0", np.arange(24, dtype=np.float32))
    tensor.arguments = (storage, *arguments, False, OrderedDict())
    refused(as_zip(pickled(OrderedDict(w=tensor)), [storage]))


def test_a_packed_archive_is_refused() -> None:
    state, storages = state_of(VALUES)
    refused(as_zip(pickled(state), storages, packed=True))


@LAYOUTS
def test_a_storage_that_is_cut_short_or_absent_is_refused(layout: Layout) -> None:
    state, storages = state_of(VALUES)
    refused(layout(pickled(state), storages[:1]))


@pytest.mark.parametrize("data", [b"", b"x", b"PK\x03\x04", b"\x80\x02K\x01.", b"\x93NUMPY"])
def test_something_else_is_refused(data: bytes) -> None:
    refused(data)


@LAYOUTS
def test_every_truncation_is_refused_in_the_house_words(layout: Layout) -> None:
    state, storages = state_of(VALUES)
    whole = layout(pickled(state), storages)
    for length in range(len(whole) - 1):
        refused(whole[:length])


@LAYOUTS
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_any_spoilt_byte_gives_tensors_or_the_house_error(
    layout: Layout, at: int, byte: int
) -> None:
    state, storages = state_of({"w": np.arange(3, dtype=np.float32)})
    data = bytearray(layout(pickled(state), storages))
    data[at % len(data)] = byte
    with contextlib.suppress(ModelError):  # anything else it might raise fails the test
        found = read_checkpoint(bytes(data))
        assert all(isinstance(values, np.ndarray) for values in found.values())
