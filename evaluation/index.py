"""Which trials does an index file ask for?

Paths in an index are relative to it. Columns nobody asks for are ignored; a missing column or file
is an error that names row and column.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from veridical.errors import InputError

__all__ = ["Row", "columns_of", "hash_data", "read_csv", "read_json_lines"]

CHUNK_BYTES = 1 << 20
T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an index.

    Attributes:
        index: The index file.
        number: Line of the file, from 1, as an editor counts.
        values: Column or key to value; text from CSV, anything JSON holds from JSON Lines.
    """

    index: Path
    number: int
    values: Mapping[str, object]

    def text(self, column: str, default: str | None = None) -> str:
        """A value as text.

        Args:
            column: Its name.
            default: What an absent or empty value means; None when it must be there.

        Raises:
            InputError: `index.missing_value`.
        """
        value = self.values.get(column)
        if value is None or value == "":
            if default is not None:
                return default
            raise self.error(column, "a value is wanted, there is none", "index.missing_value")
        return str(value)

    def file(self, column: str) -> Path:
        """A value as the path of a file that is there.

        Raises:
            InputError: `index.missing_value` or `index.missing_file`.
        """
        name = self.text(column)
        path = self.index.parent / name
        if not path.is_file():
            raise self.error(column, f"no file {name!r} beside the index", "index.missing_file")
        return path

    def optional_file(self, column: str) -> Path | None:
        """As `file`, or None where the value is absent or empty."""
        return self.file(column) if self.text(column, "") else None

    def one_of(self, column: str, allowed: Sequence[str]) -> str:
        """A value out of a few.

        Raises:
            InputError: `index.missing_value` or `index.malformed`.
        """
        value = self.text(column)
        if value not in allowed:
            raise self.error(
                column, f"one of {', '.join(allowed)} is wanted, got {value!r}", "index.malformed"
            )
        return value

    def error(self, column: str, problem: str, code: str) -> InputError:
        """An error that says where it is."""
        return InputError(
            f"{self.index.name}, row {self.number}, column {column!r}: {problem}", code
        )


def columns_of(index: Path) -> tuple[str, ...]:
    """Names in the head of a CSV index.

    Raises:
        InputError: `index.missing` or `index.malformed`.
    """
    with _opened(index).open(encoding="utf-8-sig", newline="") as file:
        return tuple(_read(index, csv.reader(file), default=[]))


def read_csv(index: Path, required: Sequence[str], limit: int | None = None) -> Iterator[Row]:
    """Read a CSV index row by row.

    Args:
        index: The file, UTF-8, with a head.
        required: Columns that must be there.
        limit: At most this many rows.

    Raises:
        InputError: `index.missing`, `index.missing_column` or `index.malformed`.
    """
    missing = [column for column in required if column not in columns_of(index)]
    if missing:
        raise InputError(
            f"{index.name}, row 1: no column {missing[0]!r}; wanted are {', '.join(required)}",
            "index.missing_column",
        )
    with index.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        count = 0
        while limit is None or count < limit:
            values = _read(index, reader, default=None)
            if values is None:
                return
            yield Row(index, reader.line_num, {k: v for k, v in values.items() if k is not None})
            count += 1


def read_json_lines(
    index: Path, required: Sequence[str], limit: int | None = None
) -> Iterator[Row]:
    """Read an index of one JSON object a line; empty lines are skipped.

    Args:
        index: The file, UTF-8.
        required: Keys that every object must have.
        limit: At most this many rows.

    Raises:
        InputError: `index.missing`, `index.missing_column` or `index.malformed`.
    """
    count = 0
    with _opened(index).open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            if limit is not None and count >= limit:
                return
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                raise _malformed(index, number, f"not JSON: {error.msg}") from None
            if not isinstance(values, dict):
                raise _malformed(index, number, "a JSON object is wanted")
            row = Row(index, number, values)
            for key in required:
                if key not in values:
                    raise row.error(key, "this key is wanted", "index.missing_column")
            yield row
            count += 1


def hash_data(index: Path, files: Iterable[Path]) -> str:
    """One sha256 over an index and everything it names, by content."""
    total = hashlib.sha256(index.read_bytes())
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                total.update(chunk)
    return total.hexdigest()


def _opened(index: Path) -> Path:
    """The index, or a clear error."""
    if not index.is_file():
        raise InputError(f"no index file {index.name!r}", "index.missing")
    return index


def _read(index: Path, reader: Iterator[T], default: D) -> T | D:
    """Next of a CSV reader, with its errors in our words."""
    try:
        return next(reader, default)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _malformed(index, 0, f"not a UTF-8 CSV file: {error}") from None


def _malformed(index: Path, number: int, problem: str) -> InputError:
    """Say that a line cannot be read."""
    where = f", row {number}" if number else ""
    return InputError(f"{index.name}{where}: {problem}", "index.malformed")
