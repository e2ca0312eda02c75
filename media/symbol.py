"""What do the barcodes in a picture say? Decoded, as every hostile file, in the decoder process."""

import base64
import math
from dataclasses import dataclass
from io import FileIO

import numpy as np
from numpy.typing import NDArray

from veridical.media.decoder import default_pool, memory_file
from veridical.media.job import SymbolJob

__all__ = ["Symbol", "read_symbols"]

MOST_BYTES = 4096
"""A PDF417 symbol holds 1,108 bytes."""
MOST_SYMBOLS = 16
_CORNERS = 4


@dataclass(frozen=True, slots=True)
class Symbol:
    """A barcode.

    Attributes:
        data: Its bytes, all errors corrected.
        corners: x and y of its corners, top left of the upright symbol first.
    """

    data: bytes
    corners: tuple[tuple[float, float], ...]


def read_symbols(grey: NDArray[np.uint8]) -> tuple[Symbol, ...]:
    """Decode the PDF417 symbols that lie flat in a picture.

    Args:
        grey: (height, width) uint8; rows of pixels run along the symbol's rows.

    Raises:
        InputError: `media.timeout`, `media.undecodable`: the decoder died over it.
        DecoderError: `media.decoder_lost`.
    """
    height, width = grey.shape
    with memory_file() as file:
        file.write(np.ascontiguousarray(grey).data)
        return default_pool().symbols(file, SymbolJob(width, height), _collect)


def _collect(answer: dict[str, object], output: FileIO) -> tuple[Symbol, ...]:
    del output
    told = answer["symbols"]
    if not isinstance(told, list) or len(told) > MOST_SYMBOLS:
        raise ValueError("the decoder answered with no list of symbols")
    return tuple(_symbol(one) for one in told)


def _symbol(told: object) -> Symbol:
    """One symbol as the decoder told it.

    Raises:
        ValueError, KeyError, TypeError: It is none.
    """
    if not isinstance(told, dict):
        raise ValueError("the decoder answered with something else than a symbol")
    data = base64.b64decode(str(told["data"]), validate=True)
    corners = tuple((float(x), float(y)) for x, y in told["corners"])
    if len(data) > MOST_BYTES or len(corners) != _CORNERS:
        raise ValueError("the decoder answered with a symbol of another size")
    if not all(math.isfinite(number) for corner in corners for number in corner):
        raise ValueError("the decoder answered with a symbol that lies nowhere")
    return Symbol(data, corners)
