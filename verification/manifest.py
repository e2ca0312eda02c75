"""Transactions from files: the rows of a batch manifest or of an evaluation index."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from veridical.analysis.transaction import Transaction
from veridical.catalogue import CHECKS, REASONS
from veridical.chip.files import MOST_BYTES, read_chip
from veridical.errors import InputError
from veridical.liveness.challenge import challenge_of
from veridical.media import Limits, read_audio, read_clip, read_image, read_image_with_info
from veridical.policy.rules import checked_facts
from veridical.signals import FACT_KEYS, SignalFacts
from veridical.types import Challenge, Image
from veridical.verification.manifest_text import COLUMNS, PLAIN, Format, nearest, read_records
from veridical.verification.sources import Source
from veridical.wire import ManifestRow

__all__ = [
    "MEDIA",
    "Row",
    "RowError",
    "check_columns",
    "check_row",
    "load_reference",
    "load_transaction",
    "read_manifest",
    "schedule_ms",
]

MEDIA = ("document_front", "document_back", "chip", "selfie", "clip", "voice")
_MALFORMED = "manifest.malformed"
_UNKNOWN = "manifest.unknown_column"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a manifest.

    Attributes:
        number: Its place, counted from 1; with a CSV the header is not counted.
        id: Id of the transaction, as written; the number when the row gives none.
        values: What it says; empty when it could not be read.
        problem: Why it could not be read; empty when it could.
        field: Which column that lies with; empty when with none.
    """

    number: int
    id: str
    values: Mapping[str, Any]
    problem: str = ""
    field: str = ""


class RowError(InputError):
    """A row, or a medium it names, cannot be used.

    Args:
        row: The row.
        problem: What is wrong with it.
        code: Stable code.
        field: Which column it lies with; empty when with none.

    Attributes:
        field: The same.
    """

    def __init__(self, row: Row, problem: str, code: str = _MALFORMED, field: str = "") -> None:
        super().__init__(f"row {row.number}: {f'{field}: ' if field else ''}{problem}", code)
        self.field = field


def read_manifest(path: Path, written: Format = PLAIN) -> Iterator[Row]:
    """Read a manifest row by row; a bad row comes out with its problem and stops nothing.

    Args:
        path: A `.csv` file with a header, or JSON Lines; columns as `veridical.wire.ManifestRow`
            and docs/reference/manifest.md have them.
        written: What is known of how it is written.

    Raises:
        InputError: The file as a whole is no manifest; see `read_records`.
    """
    for number, record in enumerate(read_records(path, written), 1):
        given = record.values.get("id", "")
        named = isinstance(given, str | int) and not isinstance(given, bool) and given != ""
        values = {} if record.problem else record.values
        yield Row(number, str(given if named else number), values, record.problem, record.field)


def check_columns(row: Row) -> None:
    """Refuse a row with a column that nothing reads: a typing error must not drop a document.

    Raises:
        RowError: `manifest.unknown_column`.
    """
    for name in row.values:
        if name not in COLUMNS:
            raise RowError(row, f"unknown column {name[:60]!r}{nearest(name)}", _UNKNOWN)


def check_row(row: Row) -> None:
    """Look at all of a row but its media.

    Raises:
        InputError: As `load_transaction`.
    """
    _described(row)


def load_transaction(row: Row, source: Source, limits: Limits | None = None) -> Transaction:
    """Read a row's media.

    Args:
        row: The row.
        source: Where its media lie.
        limits: Bounds on the media; the defaults when None.

    Raises:
        RowError: The row is malformed, or a medium is missing or unusable; the message names row
            and column.
        StoreError: `store.unreachable`: the place of the media does not answer.
    """
    said, described = _described(row)
    bounds = limits or Limits()
    most = dict.fromkeys(MEDIA, bounds.max_image_bytes)
    most |= {"chip": MOST_BYTES, "clip": bounds.max_clip_bytes, "voice": bounds.max_audio_bytes}
    media: dict[str, Any] = {}
    for name in MEDIA:
        if path := getattr(said, name):
            with _of(row, name):
                media[name] = _medium(name, source.medium(path, most[name]), bounds)
    if "document_front" in media:
        media["document_front"], media["document_info"] = media["document_front"]
    return replace(described, **media)


def _medium(name: str, given: bytes | Path, bounds: Limits) -> object:
    match name:
        case "document_front":
            return read_image_with_info(given, bounds)
        case "chip":
            return read_chip(given)
        case "clip":
            return read_clip(given, bounds)
        case "voice":
            return read_audio(given, bounds)
        case _:
            return read_image(given, bounds)


def load_reference(row: Row, source: Source, limits: Limits | None = None) -> Image | None:
    """Read the picture of a known customer that a row names; None when it names none.

    Raises:
        RowError: As `load_transaction`.
        StoreError: As `load_transaction`.
    """
    path = row.values.get("reference_face")
    if not path:
        return None
    bounds = limits or Limits()
    with _of(row, "reference_face"):
        return read_image(source.medium(path, bounds.max_image_bytes), bounds)


@contextmanager
def _of(row: Row, field: str) -> Iterator[None]:
    """Let errors say which row and which column they lie with."""
    try:
        yield
    except InputError as error:
        raise RowError(row, str(error), error.code, field) from error


def _described(row: Row) -> tuple[ManifestRow, Transaction]:
    """A row read, and its transaction without media."""
    said = _read(row)
    asked = _asked(row, said)
    with _of(row, "facts"):
        facts = checked_facts(said.facts)
    given = {key: getattr(said, key) or str(said.metadata.get(key) or "") for key in FACT_KEYS}
    with _of(row, ""):
        signals = SignalFacts.from_metadata(given, subject=said.subject)
    return said, Transaction(
        id=row.id,
        challenge=asked,
        statement=said.statement,
        language=said.language if said.statement and "language" in row.values else "",
        attempt=said.attempt,
        signals=signals,
        metadata={key: str(value) for key, value in said.metadata.items()},
        facts=facts,
    )


def _asked(row: Row, said: ManifestRow) -> Challenge | None:
    """What the applicant was asked to do; None when nothing."""
    if (told := said.challenge) is None:
        if not said.digits:
            return None
        with _of(row, "digits"):
            return Challenge(said.digits, said.language, tuple(said.schedule_ms))
    if not (told.digits or told.phrase or told.colours or told.turns):
        return None
    with _of(row, "challenge"):
        return challenge_of(told.model_dump(exclude_unset=True))


def _read(row: Row) -> ManifestRow:
    """A row's values, with the types they must have.

    Raises:
        RowError: They have others.
    """
    if row.problem:
        raise RowError(row, row.problem, field=row.field)
    check_columns(row)
    values = {name: value for name, value in row.values.items() if value not in (None, "")}
    try:
        said = ManifestRow.model_validate(values)
    except ValidationError as error:
        # The value itself may be somebody's: what was wanted is told, not what came.
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # Of an id both forms are told, `id.str` and `id.int`.
        field = "id" if first["loc"][0] == "id" else ".".join(map(str, first["loc"]))[:60]
        raise RowError(row, first["msg"][:1].lower() + first["msg"][1:], field=field) from None
    cause = said.expect.first_cause if said.expect else None
    if cause is not None:
        check, _, reason = cause.partition(":")
        if check != "rule" and (check not in CHECKS or reason not in REASONS):
            raise RowError(row, f"no verdict has this cause{nearest(cause, _causes())}",
                           field="expect.first_cause")  # fmt: skip
    if not any(getattr(said, name) for name in MEDIA):
        raise RowError(row, f"names no media; give at least one of {', '.join(MEDIA)}")
    return said


def _causes() -> Iterator[str]:
    """Every cause that some check gives as its own."""
    return (f"{spec.name}:{reason.code}" for spec in CHECKS.values() for reason in spec.reasons)


def schedule_ms(value: object) -> tuple[float, ...]:
    """A display schedule as JSON gives it.

    Raises:
        InputError: `challenge.malformed`: anything but a list of finite numbers.
    """
    if isinstance(value, list) and all(
        isinstance(time, int | float) and not isinstance(time, bool) for time in value
    ):
        with suppress(OverflowError):  # JSON has whole numbers that no float holds
            times = tuple(float(time) for time in value)
            if all(map(math.isfinite, times)):
                return times
    raise InputError(
        "a schedule is a JSON list of times in ms, such as [0, 900, 1750]", "challenge.malformed"
    )
