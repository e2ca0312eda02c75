"""What does a TOML table hold, typed? Cards, profiles and source files are read through this."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from veridical.errors import ModelError

__all__ = ["Table", "load_table"]

_T = TypeVar("_T")


class Table:
    """A TOML table whose keys are read by type; a key that is missing or wrong is named.

    Args:
        values: As `tomllib` gives it.
        where: What to call the table in messages, such as `card sface-2021dec`.
    """

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        self.values = values
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        return self._get(key, str, default)

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number."""
        return self._get(key, int, default)

    def number(self, key: str, default: float | None = None) -> float:
        """A number, whole or not."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number", value)
        return float(value)

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        values = self._list(key, default)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "a list of strings", values)
        return tuple(str(value) for value in values)

    def numbers(self, key: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """A list of numbers."""
        values = self._list(key, default)
        found = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(found) != len(values):
            raise self._wrong(key, "a list of numbers", values)
        return tuple(float(value) for value in found)

    def table(self, key: str) -> "Table":
        """A table within; empty when it is not there."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise self._wrong(key, "a table", value)
        return Table(value, f"{self.where}, {key}")

    def tables(self, key: str) -> tuple["Table", ...]:
        """A list of tables; empty when it is not there."""
        values = self._list(key, ())
        found = [value for value in values if isinstance(value, Mapping)]
        if len(found) != len(values):
            raise self._wrong(key, "a list of tables", values)
        return tuple(Table(value, f"{self.where}, {key}") for value in found)

    def _list(self, key: str, default: tuple[object, ...] | None) -> list[object]:
        value = self.values.get(key, default)
        if not isinstance(value, list | tuple):
            raise self._wrong(key, "a list", value)
        return list(value)

    def _get(self, key: str, kind: type[_T], default: _T | None) -> _T:
        value = self.values.get(key, default)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._wrong(key, kind.__name__, value)
        return value

    def _wrong(self, key: str, wanted: str, value: object) -> ModelError:
        came = "nothing" if value is None else f"{value!r}"[:80]
        return ModelError(f"{self.where}: {key!r} must be {wanted}, got {came}", "model.card")


def load_table(path: Path) -> Table:
    """Read one TOML file.

    Raises:
        ModelError: `model.card`: it is not there or not TOML.
    """
    try:
        return Table(tomllib.loads(path.read_text(encoding="utf-8")), path.name)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path.name} cannot be read: {error}", "model.card") from error
