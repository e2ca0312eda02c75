"""Transactions from files: the rows of a batch manifest or of an evaluation index."""

import csv
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.errors import InputError
from veridical.liveness.challenge import challenge_of
from veridical.media import Limits, read_audio, read_clip, read_image, read_image_with_info
from veridical.ocr.chip.files import MOST_BYTES, read_chip
from veridical.reading import TextLimits, read_json
from veridical.types import Challenge
from veridical.verification.policy.rules import checked_facts
from veridical.verification.signals import FACT_KEYS, SignalFacts
from veridical.verification.sources import Source
from veridical.verification.transaction import LONGEST_STATEMENT, Transaction

__all__ = ["Row", "load_transaction", "read_manifest", "schedule_ms"]

MEDIA = ("document_front", "document_back", "chip", "selfie", "clip", "voice")
MAX_LINE_BYTES = 1 << 20
_LIMITS = TextLimits(MAX_LINE_BYTES)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a manifest.

    Attributes:
        number: Its line, counted from 1; with a CSV the header is not counted.
        id: Id of the transaction; the number when the row gives none.
        values: What it says; empty when it could not be read.
        problem: Why it could not be read; empty when it could.
    """

    number: int
    id: str
    values: Mapping[str, Any]
    problem: str = ""


def read_manifest(path: Path) -> Iterator[Row]:
    """Read a manifest row by row; a bad row comes out with its problem and stops nothing.

    Args:
        path: A `.csv` file with a header, or JSON Lines. Columns: `id, policy, document_front,
            document_back, chip (a zip), selfie, clip, voice, subject, attempt, metadata, facts,
            expect`,
            `challenge` (JSON) or `digits`, `language`, `schedule_ms`, and `statement`: a text that
            was read aloud, in `language`; without one in the challenge's, or in English. For
            signals: `device, phone, network, country, region, flags`.

    Raises:
        InputError: The file does not exist.
    """
    if not path.is_file():
        raise InputError(f"no manifest {path}", "usage.no_file")
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
    for number, (values, problem) in enumerate(rows, 1):
        yield Row(number, str(values.get("id") or number), values, problem)


def _csv_rows(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    # A byte that is no UTF-8 spoils its own value, not the rows after it.
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines)
        while True:
            try:
                entry = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield {}, f"not CSV: {error}"
                continue
            values: dict[str, Any] = {k: v for k, v in entry.items() if k and v}
            extra = entry.get(None)
            problem = "more values than the header has columns" if extra else ""
            for key in ("challenge", "metadata", "facts", "schedule_ms", "expect"):
                if key in values:
                    try:
                        values[key] = read_json(values[key], _LIMITS)
                    except InputError:
                        problem = problem or f"{key} is not JSON"
            yield values, problem


def _json_rows(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    with path.open("rb") as lines:
        while line := lines.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = lines.readline(MAX_LINE_BYTES)
                yield {}, f"a row may have {MAX_LINE_BYTES} bytes"
                continue
            if not line.strip():
                continue
            try:
                values = read_json(line, _LIMITS)
            except InputError:
                values = None
            if isinstance(values, dict):
                yield values, ""
            else:
                yield {}, "not a JSON object"


def load_transaction(row: Row, source: Source, limits: Limits | None = None) -> Transaction:
    """Read a row's media.

    Args:
        row: The row.
        source: Where its media lie.
        limits: Bounds on the media; the defaults when None.

    Raises:
        InputError: The row is malformed, or a medium is missing or unusable; the message names it.
        StoreError: `store.unreachable`: the place of the media does not answer.
    """
    if row.problem:
        raise InputError(f"row {row.number}: {row.problem}", "manifest.malformed")
    values, bounds = row.values, limits or Limits()
    most = dict.fromkeys(MEDIA, bounds.max_image_bytes)
    most |= {"chip": MOST_BYTES, "clip": bounds.max_clip_bytes, "voice": bounds.max_audio_bytes}
    media = {}
    for name in MEDIA:
        if value := values.get(name):
            if not isinstance(value, str):
                raise InputError(
                    f"row {row.number}: {name} must be a path, got {type(value).__name__}",
                    "manifest.malformed",
                )
            media[name] = source.medium(value, most[name])
    if not media:
        raise InputError(
            f"row {row.number}: names no media; give at least one of {', '.join(MEDIA)}",
            "manifest.malformed",
        )
    attempt = _whole(row, values.get("attempt", 1))
    metadata = values.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise InputError(f"row {row.number}: metadata must be an object", "manifest.malformed")
    statement = _statement(row)
    front = (
        read_image_with_info(media["document_front"], bounds) if "document_front" in media else None
    )
    return Transaction(
        id=row.id,
        document_front=front[0] if front else None,
        document_info=front[1] if front else None,
        document_back=read_image(media["document_back"], bounds)
        if "document_back" in media
        else None,
        chip=read_chip(media["chip"]) if "chip" in media else None,
        selfie=read_image(media["selfie"], bounds) if "selfie" in media else None,
        clip=read_clip(media["clip"], bounds) if "clip" in media else None,
        voice=read_audio(media["voice"], bounds) if "voice" in media else None,
        challenge=_challenge(row),
        statement=statement,
        language=str(values.get("language") or "") if statement else "",
        attempt=attempt,
        signals=_signals(row, metadata),
        metadata={str(key): str(value) for key, value in metadata.items()},
        facts=_facts(row),
    )


def _facts(row: Row) -> dict[str, float]:
    try:
        return checked_facts(row.values.get("facts") or {})
    except InputError as error:
        raise InputError(f"row {row.number}: {error}", "manifest.malformed") from None


def _whole(row: Row, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if number < 1:
        raise InputError(
            f"row {row.number}: attempt must be a whole number from 1, got {value!r}",
            "manifest.malformed",
        )
    return number


def _signals(row: Row, metadata: Mapping[str, object]) -> SignalFacts:
    """Facts from columns of their own, or from the metadata."""
    given = {key: str(row.values.get(key) or metadata.get(key) or "") for key in FACT_KEYS}
    return SignalFacts.from_metadata(given, subject=str(row.values.get("subject") or ""))


def _statement(row: Row) -> str:
    """The text that was to be read aloud; empty without one."""
    text = row.values.get("statement") or ""
    if not isinstance(text, str) or len(text) > LONGEST_STATEMENT:
        raise InputError(
            f"row {row.number}: statement must be a text of at most {LONGEST_STATEMENT} characters",
            "manifest.malformed",
        )
    language = row.values.get("language") or "en"
    if text and language not in ("en", "zh"):
        raise InputError(
            f"row {row.number}: a statement is in en or zh; language says neither",
            "manifest.malformed",
        )
    return text


def _challenge(row: Row) -> Challenge | None:
    given = row.values.get("challenge")
    if isinstance(given, dict) and not given.keys().isdisjoint(("phrase", "colours", "turns")):
        return challenge_of(given)
    values = given if isinstance(given, dict) else row.values
    digits = values.get("digits")
    if not digits:
        return None
    language = str(values.get("language") or "en")
    return Challenge(str(digits), language, schedule_ms(values.get("schedule_ms") or []))


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
