"""How is a manifest written: in which encoding, as CSV or JSON Lines, and what stands in each row?

A file that is not what it should be is one error, told before anything costs time; a row that is
not is its own problem and stops no other.
"""

import codecs
import csv
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from veridical.errors import InputError
from veridical.reading import TextLimits, read_json
from veridical.wire import ManifestRow

__all__ = ["COLUMNS", "MAX_LINE", "PLAIN", "Format", "Record", "nearest", "read_records"]

COLUMNS = tuple(ManifestRow.model_fields)
MAX_LINE = 1 << 20
"""Most characters of a row."""
_LIMITS = TextLimits(MAX_LINE)
_JSON_COLUMNS = ("challenge", "metadata", "facts", "schedule_ms", "expect")
_WITH_BREAKS = {"id", "statement", *_JSON_COLUMNS}
"""Columns whose values may hold a line break. In any other it is a quote that nobody closed."""
_DELIMITERS = ",;\t|"
_UNQUOTED = (
    'a quote is not closed; put a value with quotes in quotes, and write each of its own as ""'
)
_HEAD_BYTES = 4_096
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Format:
    """What its reader is told of a manifest.

    Attributes:
        encoding: Name as Python knows it; empty: UTF-8, or UTF-16 with its byte order mark.
        delimiter: What parts the columns of a CSV.
    """

    encoding: str = ""
    delimiter: str = ","

    def __post_init__(self) -> None:
        if self.encoding:
            try:
                "".encode(self.encoding)
            except LookupError:
                raise InputError(
                    "no such encoding: give one such as utf-8, utf-16 or gb18030", "usage.encoding"
                ) from None
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise InputError("a delimiter is one character, such as ;", "usage.delimiter")


PLAIN = Format()


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in one row.

    Attributes:
        values: By column; the id at most when the row could not be read.
        problem: Why it could not; empty when it could.
        field: Which column that lies with; empty when with none.
    """

    values: Mapping[str, Any]
    problem: str = ""
    field: str = ""


def read_records(path: Path, written: Format = PLAIN) -> Iterator[Record]:
    """The rows of a manifest.

    Args:
        path: CSV with a header when it ends in `.csv` or `.tsv`, else JSON Lines.
        written: What is known of how it is written.

    Raises:
        InputError: `usage.no_file`: there is no such file. `manifest.not_text`: a picture, a
            workbook or anything else that is no text. `manifest.encoding`: text in another
            encoding. `manifest.not_json_lines`: a JSON array, or an object over several lines.
            `manifest.delimiter`, `manifest.unknown_column`, `manifest.columns`: the header.
    """
    if not path.is_file():
        raise InputError(f"no manifest {path}", "usage.no_file")
    encoding = written.encoding or _encoding_of(path)
    _check_decodes(path, encoding)
    with path.open(encoding=encoding, newline="") as text:
        if path.suffix.lower() in (".csv", ".tsv"):
            yield from _csv_records(text, written.delimiter)
        else:
            yield from _json_records(text)


def nearest(name: str, known: Iterable[str] = COLUMNS) -> str:
    """What may have been meant by a name that is not known, as the end of a sentence."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    close = [word for word in known if plain and word.startswith(plain + "_")]
    close = close or difflib.get_close_matches(plain, list(known), 1, 0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def _encoding_of(path: Path) -> str:
    """The encoding that the first bytes tell.

    Raises:
        InputError: `manifest.not_text`.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if head.startswith(b"PK\x03\x04"):
        raise _not_text("an archive or a workbook: save the sheet as 'CSV UTF-8'")
    if b"\0" in head:
        # Every second byte of Latin text in UTF-16 is zero.
        halves = head[0::2].count(0), head[1::2].count(0)
        if max(halves) > 0.4 * len(head) / 2 and min(halves) == 0:
            name = "utf-16-be" if halves[0] else "utf-16-le"
            raise InputError(
                f"the manifest looks like UTF-16 without its mark: pass --encoding {name}, or save "
                "it as UTF-8",
                "manifest.encoding",
            )
        raise _not_text("bytes that no text has")
    return "utf-8"


def _check_decodes(path: Path, encoding: str) -> None:
    """Read the file once for its encoding alone: a byte that is none shifts columns unseen.

    Raises:
        InputError: `manifest.encoding`.
    """
    if _decodes(path, encoding):
        return
    # Files of other encodings often decode as GB18030 too: it is offered, never taken unasked.
    offer = ""
    if encoding.startswith("utf-8") and _decodes(path, "gb18030"):
        offer = ", or pass --encoding gb18030 if it was saved on a Chinese system"
    raise InputError(
        f"the manifest is not {encoding.removesuffix('-sig').upper()}: save it as UTF-8{offer}",
        "manifest.encoding",
    )


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as text:
            while text.read(1 << 20):
                pass
    except UnicodeError:
        return False
    return True


def _not_text(what: str) -> InputError:
    return InputError(
        f"the manifest holds {what}; a manifest is CSV with a header, or JSON Lines",
        "manifest.not_text",
    )


# --- JSON Lines -----------------------------------------------------------------------------------


def _json_records(text: TextIO) -> Iterator[Record]:
    first = True
    while line := text.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            while line and not line.endswith("\n"):
                line = text.readline(MAX_LINE)
            yield Record({}, f"a row may have {MAX_LINE} characters")
        elif line.strip():
            if first:
                _check_lines(line.strip())
            yield _json_record(line)
        else:
            continue
        first = False


def _check_lines(first: str) -> None:
    """Refuse JSON that is no JSON Lines.

    Raises:
        InputError: `manifest.not_json_lines`.
    """
    if first.startswith("["):
        what = "a JSON array"
    elif first == "{":
        what = "a JSON object over several lines"
    else:
        return
    raise InputError(
        f"the manifest holds {what}, not JSON Lines: write one object a line, without brackets "
        "around or commas between them (`jq -c '.[]'` does)",
        "manifest.not_json_lines",
    )


def _json_record(line: str) -> Record:
    try:
        values = read_json(line.strip("\r\n"), _LIMITS, where="the row")
    except InputError as error:
        return Record({}, str(error).removeprefix("the row: "))
    if not isinstance(values, dict):
        return Record({}, "not a JSON object")
    return Record(values)


# --- CSV ------------------------------------------------------------------------------------------


class _Lines:
    """Lines of a text, with those of the record at hand: they can be given back but the first."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._returned: list[str] = []
        self.taken: list[str] = []
        self._length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned.pop() if self._returned else self._text.readline(MAX_LINE + 1)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._length += len(line)
        if self._length > MAX_LINE:
            while line and not line.endswith("\n"):
                line = self._text.readline(MAX_LINE)
            raise csv.Error(f"a row may have {MAX_LINE} characters")
        return line

    def begin(self) -> None:
        """Begin a record."""
        self.taken, self._length = [], 0

    def give_back(self) -> None:
        """Let all lines of the record but its first be read again."""
        self._returned.extend(reversed(self.taken[1:]))


def _csv_records(text: TextIO, delimiter: str) -> Iterator[Record]:
    lines = _Lines(text)
    header: list[str] | None = None
    # The reader lets a quote pass in the midst of a value, which swallows rows elsewhere.
    value = rf'(?:"(?:[^"]|"")*"|[^"\r\n{re.escape(delimiter)}]*)'
    quoted = re.compile(rf"{value}(?:{re.escape(delimiter)}{value})*\s*")
    while True:
        lines.begin()
        try:
            # A new reader a record: one that met an error keeps half of what it read.
            fields = next(csv.reader(lines, delimiter=delimiter, strict=True))
            if not quoted.fullmatch("".join(lines.taken)):
                raise csv.Error(_UNQUOTED)
        except StopIteration:
            break
        except csv.Error as error:
            if header is None:
                raise InputError(f"the header is not CSV: {error}", "manifest.columns") from None
            lines.give_back()
            yield Record({}, f"not CSV: {_plain(error)}")
            continue
        if not fields:
            continue
        if header is None:
            header = _header(fields, delimiter)
            continue
        record = _csv_record(header, fields, delimiter)
        if len(lines.taken) > 1 and (
            len(fields) < len(header)
            or any(fields[len(header) :])
            or record.field not in ("", *_JSON_COLUMNS)
        ):
            # Rows swallowed by a quote that nobody closed, until another did by chance.
            lines.give_back()
            record = Record({}, "not CSV: a quote is not closed on its line", record.field)
        yield record
    if header is None:
        raise InputError(
            f"the manifest is empty: its first line names columns, of {', '.join(COLUMNS)}",
            "manifest.columns",
        )


def _plain(error: csv.Error) -> str:
    text = str(error)
    if "end of data" in text or "expected after" in text:
        return _UNQUOTED
    return text


def _header(fields: list[str], delimiter: str) -> list[str]:
    """The columns.

    Raises:
        InputError: `manifest.delimiter`, `manifest.unknown_column` or `manifest.columns`.
    """
    names = list(fields)
    while names and not names[-1]:  # spreadsheets leave empty columns at the end
        names.pop()
    if not set(names) & set(COLUMNS):
        for other in _DELIMITERS:
            parts = [part.strip().strip('"') for part in delimiter.join(fields).split(other)]
            if other != delimiter and set(parts) & set(COLUMNS):
                raise InputError(
                    f"the manifest's columns are parted by {other!r}, not {delimiter!r}: pass "
                    f"--delimiter {other!r}, or save it with commas",
                    "manifest.delimiter",
                )
    for name in names:
        if name not in COLUMNS:
            raise InputError(
                f"unknown column {name[:60]!r}{nearest(name)} Columns are {', '.join(COLUMNS)}; "
                "facts of your own go into metadata",
                "manifest.unknown_column",
            )
        if names.count(name) > 1:
            raise InputError(f"column {name!r} stands twice", "manifest.columns")
    return names


def _csv_record(header: list[str], fields: list[str], delimiter: str) -> Record:
    values: dict[str, Any] = {}
    named = {"id": dict(zip(header, fields, strict=False)).get("id", "")}
    if len(fields) < len(header):
        return Record(named, "fewer values than the header has columns")
    if any(fields[len(header) :]):
        return Record(named, "more values than the header has columns")
    for name, value in zip(header, fields, strict=False):
        if not value:
            continue
        if ("\n" in value or "\r" in value) and (
            name not in _WITH_BREAKS or (name == "id" and value.count(delimiter) >= len(header) - 1)
        ):
            return Record(named, "a line break", name)
        values[name] = value
    for name in (*_JSON_COLUMNS, "attempt"):
        if name in values:
            try:
                values[name] = read_json(values[name], _LIMITS)
            except InputError:
                hint = ', such as {"outcome": "accept"}' if name == "expect" else ""
                return Record(named, f"not JSON{hint}", name)
    return Record(values)
