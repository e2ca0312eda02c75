"""What tensors does a PyTorch checkpoint hold? Read without PyTorch, and without running its code.

A checkpoint is a pickle, and a pickle is a program. This reader accepts only what a saved state
dict needs: every opcode is looked at before anything runs, and of the named objects only
`OrderedDict`, `_rebuild_tensor_v2` and the storage types are known, as stand-ins of our own.
Both layouts are read: the zip of PyTorch 1.6 and later, and the run of pickles before it.
"""

import io
import pickle
import pickletools
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.errors import ModelError

__all__ = ["read_checkpoint"]

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of the layout before PyTorch 1.6 (`torch.serialization.MAGIC_NUMBER`)."""

STORAGE_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}

ALLOWED_OPCODES = frozenset({
    "PROTO", "STOP", "MARK", "POP", "GLOBAL", "REDUCE", "BUILD", "BINPERSID",
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST",
    "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS",
    "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET",
})  # fmt: skip
ALLOWED_GLOBALS = frozenset(
    ["collections OrderedDict", "torch._utils _rebuild_tensor_v2"]
    + [f"torch {name}" for name in STORAGE_DTYPES]
)


@dataclass(frozen=True, slots=True)
class _Storage:
    """A run of numbers that tensors look into."""

    key: str
    dtype: str
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage, before the storage is read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_checkpoint(data: bytes) -> dict[str, NDArray[np.generic]]:
    """Read a saved state dict.

    Args:
        data: The whole file.

    Returns:
        The tensors by their state-dict keys.

    Raises:
        ModelError: `model.checkpoint`: it is no state dict, is cut short, or asks for anything
            that a state dict does not need. Nothing of it was run.
    """
    try:
        state, storages = _read_zip(data) if data[:4] == b"PK\x03\x04" else _read_legacy(data)
        return {name: _materialise(tensor, storages) for name, tensor in state.items()}
    except ModelError:
        raise
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
        NotImplementedError,  # an encrypted or exotically packed zip
        RuntimeError,
    ) as error:
        raise _refused(str(error)) from error


def _read_zip(data: bytes) -> tuple[dict[str, _Tensor], Callable[[_Storage], bytes]]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = {info.filename: info for info in archive.infolist()}
    (program,) = (name for name in members if name.split("/")[1:] == ["data.pkl"])
    folder = program.split("/")[0]

    def member(name: str) -> bytes:
        info = members[name]
        if info.compress_type != zipfile.ZIP_STORED:  # PyTorch never packs; a bomb does
            raise _refused(f"{name} is compressed")
        return archive.read(info)

    state = _state(_unpickle(io.BytesIO(member(program))))
    return state, lambda storage: member(f"{folder}/data/{storage.key}")


def _read_legacy(data: bytes) -> tuple[dict[str, _Tensor], Callable[[_Storage], bytes]]:
    file = io.BytesIO(data)
    if _unpickle(file) != LEGACY_MAGIC:
        raise _refused("it does not begin as one")
    _unpickle(file)  # the protocol's version
    system = _unpickle(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _refused("it was saved on a big-endian machine")
    found: dict[str, _Storage] = {}
    state = _state(_unpickle(file, found))
    keys = _unpickle(file)
    if not isinstance(keys, list):
        raise _refused("its list of storages is none")
    blocks: dict[str, bytes] = {}
    for key in keys:
        head = file.read(8)
        length = int.from_bytes(head, "little")
        storage = found[key]
        if len(head) < 8 or length != storage.length:
            raise _refused(f"storage {key!r} has another length than its tensors say")
        blocks[key] = file.read(length * np.dtype(storage.dtype).itemsize)
    return state, lambda storage: blocks[storage.key]


def _unpickle(file: io.BytesIO, found: dict[str, _Storage] | None = None) -> object:
    """Run one pickle after looking at every opcode of it."""
    start = file.tell()
    room = len(file.getbuffer()) - start
    for opcode, argument, _ in _opcodes(file):
        if opcode.name not in ALLOWED_OPCODES:
            raise _refused(f"it holds the opcode {opcode.name}")
        if opcode.name == "GLOBAL" and argument not in ALLOWED_GLOBALS:
            raise _refused(f"it asks for {str(argument)[:60]!r}")
        if opcode.name == "LONG_BINPUT" and not (isinstance(argument, int) and argument < room):
            raise _refused("its memo is larger than itself")  # would be allocated
    file.seek(start)
    return _StateDictUnpickler(file, {} if found is None else found).load()


def _opcodes(file: io.BytesIO) -> Iterator[tuple[pickletools.OpcodeInfo, object, int | None]]:
    """The opcodes of a pickle, none of them run."""
    with warnings.catch_warnings():
        # Reading the argument of a string opcode, which is refused a line later, may warn of its
        # escapes; what a hostile file holds must not reach the log.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = list(pickletools.genops(file))
    yield from found


class _StateDictUnpickler(pickle.Unpickler):
    """Knows the stand-ins and nothing else."""

    def __init__(self, file: io.BytesIO, found: dict[str, _Storage]) -> None:
        super().__init__(file, encoding="utf-8")
        self._found = found

    def find_class(self, module: str, name: str, /) -> object:
        """A stand-in, never what the file names."""
        match module, name:
            case "collections", "OrderedDict":
                return _Names
            case "torch._utils", "_rebuild_tensor_v2":
                return _rebuild_tensor
            case "torch", storage if storage in STORAGE_DTYPES:
                return STORAGE_DTYPES[storage]
        raise _refused(f"it asks for {module}.{name}")

    def persistent_load(self, pid: object, /) -> _Storage:
        """Note a storage; its numbers come later."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise _refused("a reference in it is no storage")
        _, dtype, key, _, length = pid[:5]
        if len(pid) > 5 and pid[5] is not None:
            raise _refused("a storage in it is a view of another")
        if not (isinstance(dtype, str) and isinstance(key, str) and isinstance(length, int)):
            raise _refused("a storage in it is not described as one")
        if dtype not in STORAGE_DTYPES.values() or "/" in key:
            raise _refused("a storage in it is of an unknown type")
        storage = _Storage(key, dtype, length)
        if self._found.setdefault(key, storage) != storage:
            raise _refused(f"storage {key!r} is described twice")
        return storage


class _Names(dict[object, object]):
    """Stands in for OrderedDict; a dict that takes attributes, as `_metadata` is set on it."""


def _rebuild_tensor(
    storage: object, offset: object, shape: object, strides: object, *_: object
) -> _Tensor:
    """Stand in for `torch._utils._rebuild_tensor_v2`; gradients and hooks are of no use here."""
    if not isinstance(storage, _Storage) or not isinstance(offset, int):
        raise _refused("a tensor in it has no storage")
    return _Tensor(storage, offset, _sides(shape), _sides(strides))


def _sides(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple):
        raise _refused("a tensor in it has no shape")
    sides = tuple(value for value in values if isinstance(value, int) and value >= 0)
    if len(sides) != len(values):
        raise _refused("a tensor in it has a side that is no length")
    return sides


def _state(value: object) -> dict[str, _Tensor]:
    if not isinstance(value, Mapping):
        raise _refused("it is no mapping of names to tensors")
    state = {
        name: tensor
        for name, tensor in value.items()
        if isinstance(name, str) and isinstance(tensor, _Tensor)
    }
    if not state or len(state) != len(value):
        raise _refused("it holds something besides names and tensors")
    return state


def _materialise(tensor: _Tensor, read: Callable[[_Storage], bytes]) -> NDArray[np.generic]:
    data = read(tensor.storage)
    values = np.frombuffer(data, tensor.storage.dtype)
    if len(values) != tensor.storage.length:
        raise _refused(f"storage {tensor.storage.key!r} is cut short")
    if len(tensor.strides) != len(tensor.shape):
        raise _refused("a tensor in it has as many strides as it has not sides")
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, values.dtype)
    spans = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((side - 1) * stride for side, stride in spans)
    if not 0 <= tensor.offset <= last < len(values):
        raise _refused("a tensor in it reaches outside its storage")
    if int(np.prod(tensor.shape, dtype=object)) > len(values):
        raise _refused("a tensor in it is larger than its storage")
    strides = tuple(stride * values.itemsize for stride in tensor.strides)
    view = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides)
    return np.ascontiguousarray(view).reshape(tensor.shape)


def _refused(why: str) -> ModelError:
    return ModelError(
        f"the checkpoint is not a plain state dict: {why[:200]}; nothing of it was run",
        "model.checkpoint",
    )
