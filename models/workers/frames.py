"""Arrays over a pipe: a length, then a head, then the numbers. Nothing is ever unpickled.

A message is `VRDF`, the number of arrays (u32), and for each array a type (u8), the number of sides
(u8), the sides (u32 each) and the numbers, row by row; all little-endian. An answer that is one
array of text bytes under type `ERROR` says why there is none.
"""

import struct
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameError", "pack_arrays", "pack_error", "unpack_arrays"]

MAGIC = b"VRDF"
TYPES = ("u1", "<f4", "<f8", "<i4", "<i8")
ERROR = 255
MAX_ARRAYS = 64
MAX_BYTES = 1 << 28
"""A picture of 256 MB: far above what media lets through, far below what hurts."""


class FrameError(Exception):
    """The other side does not speak this language, or says that it failed."""


def pack_arrays(arrays: Sequence[NDArray[np.generic]]) -> bytes:
    """Write arrays as one message.

    Raises:
        FrameError: An array is of a type that is not sent.
    """
    parts = [MAGIC, struct.pack("<I", len(arrays))]
    for array in arrays:
        kind = array.dtype.newbyteorder("<").str.lstrip("|")
        if kind not in TYPES:
            raise FrameError(f"arrays of type {array.dtype} are not sent")
        parts.append(struct.pack("<BB", TYPES.index(kind), array.ndim))
        parts.append(struct.pack(f"<{array.ndim}I", *array.shape))
        parts.append(np.ascontiguousarray(array, kind).tobytes())
    return b"".join(parts)


def pack_error(message: str) -> bytes:
    """Write an answer that says why there is none."""
    text = message.encode()[:1000]
    return MAGIC + struct.pack("<IBBI", 1, ERROR, 1, len(text)) + text


def unpack_arrays(read: Callable[[int], bytes]) -> list[NDArray[np.generic]]:
    """Read one message.

    Args:
        read: Gives exactly so many bytes, or fewer when the other side is gone.

    Raises:
        EOFError: The other side is gone.
        FrameError: It does not speak this language, or it answers with an error.
    """

    def exactly(count: int) -> bytes:
        data = read(count)
        if len(data) < count:
            raise EOFError("the other side is gone")
        return data

    if exactly(4) != MAGIC:
        raise FrameError("what came is no message")
    (count,) = struct.unpack("<I", exactly(4))
    if count > MAX_ARRAYS:
        raise FrameError(f"{count} arrays in one message, at most {MAX_ARRAYS} are taken")
    arrays = []
    for _ in range(count):
        kind, ndim = struct.unpack("<BB", exactly(2))
        shape = struct.unpack(f"<{ndim}I", exactly(4 * ndim))
        if kind != ERROR and kind >= len(TYPES):
            raise FrameError(f"arrays of type {kind} are not known")
        dtype = np.dtype("u1" if kind == ERROR else TYPES[kind])
        size = dtype.itemsize
        for side in shape:
            size *= side
        if size > MAX_BYTES:
            raise FrameError(f"an array of {size} bytes, at most {MAX_BYTES} are taken")
        data = exactly(size)
        if kind == ERROR:
            raise FrameError(data.decode(errors="replace"))
        arrays.append(np.frombuffer(data, dtype).reshape(shape))
    return arrays
