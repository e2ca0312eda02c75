"""What does a CTranslate2 model file hold? Its named arrays, read without CTranslate2."""

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from veridical.errors import ModelError

__all__ = ["read_ctranslate2"]

VERSION = 6
DTYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
"""By the number the file gives; 5 would be bfloat16, which numpy has not."""


def read_ctranslate2(data: bytes, specification: str) -> Mapping[str, NDArray[np.generic]]:
    """Read every array of a model file.

    Only what the format of version 6 says is understood: numbers, names and aliases. Nothing in
    the file is ever run.

    Args:
        data: The bytes of `model.bin`; whatever follows the model is left alone.
        specification: What the file must say it is, such as `WhisperSpec`.

    Returns:
        The arrays by name, aliases included; views into `data`.

    Raises:
        ModelError: `model.checkpoint`: it is another format, version or specification, or cut off.

    Source: CTranslate2, `python/ctranslate2/specs/model_spec.py`, binary version 6.
    """
    reader = _Reader(data)
    try:
        version, kind, _ = reader.number("I"), reader.text(), reader.number("I")
        if version != VERSION or kind != specification:
            raise ModelError(
                f"a CTranslate2 file of version {VERSION} and kind {specification} is wanted, "
                f"got version {version} and {kind[:40]!r}",
                "model.checkpoint",
            )
        found: dict[str, NDArray[np.generic]] = {}
        for _ in range(reader.number("I")):
            name, rank = reader.text(), reader.number("B")
            shape = [reader.number("I") for _ in range(rank)]
            dtype = DTYPES[reader.number("B")]
            found[name] = _array(reader.take(reader.number("I")), dtype).reshape(shape)
        for _ in range(reader.number("I")):
            alias, name = reader.text(), reader.text()
            found[alias] = found[name]
    except (struct.error, ValueError, KeyError) as error:
        raise ModelError(
            f"the CTranslate2 file is cut off or malformed ({error}); pull it again",
            "model.checkpoint",
        ) from error
    return found


def _array(data: memoryview, dtype: str) -> NDArray[np.generic]:
    return np.frombuffer(data, np.dtype(dtype))


class _Reader:
    """Goes through the bytes of a file."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def take(self, count: int) -> memoryview:
        part = self._data[self._at : self._at + count]
        if len(part) < count:
            raise ValueError(f"{count} bytes wanted, {len(part)} left")
        self._at += count
        return part

    def number(self, form: str) -> int:
        (value,) = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))
        return int(value)

    def text(self) -> str:
        return bytes(self.take(self.number("H"))).rstrip(b"\0").decode()
