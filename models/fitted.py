"""A file of numbers that were fitted: is it there, is it of this format, does it hold together?"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from veridical.errors import InputError

__all__ = ["read_fitted"]

T = TypeVar("T")


def read_fitted(
    path: Path,
    *,
    what: str,
    made_by: str,
    area: str,
    wanted_format: str,
    decode: Callable[[str], Mapping[str, Any]],
    checked: Callable[[Mapping[str, Any], str], T],
) -> T:
    """Read a fitted file.

    Args:
        path: The file.
        what: What it is, for messages, such as `calibration file`.
        made_by: The command that makes one, for messages.
        area: First word of the error codes.
        wanted_format: What its `format` must say.
        decode: Turns its text into a table.
        checked: Turns the table and the file's sha256 into the result; raises KeyError,
            ValueError or TypeError when they do not hold together.

    Raises:
        InputError: `<area>.missing`: there is no such file; `<area>.malformed`: it is none, or
            its numbers contradict each other.
    """
    try:
        content = path.read_bytes()
    except OSError:
        raise InputError(
            f"no {what} {path.name!r}; make one with `{made_by}`", f"{area}.missing"
        ) from None
    try:
        raw = decode(content.decode())
        if raw["format"] != wanted_format:
            raise ValueError(f"format {wanted_format!r} is wanted, got {raw['format']!r}")
        return checked(raw, hashlib.sha256(content).hexdigest())
    except KeyError as error:
        problem = f"no {error.args[0]!r}"
    except (ValueError, TypeError) as error:
        problem = str(error)
    raise InputError(f"{what} {path.name!r}: {problem}", f"{area}.malformed")
