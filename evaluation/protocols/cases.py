"""The rows of a manifest of transactions, each with how it must end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from veridical.evaluation.index import Row, read_json_lines
from veridical.evaluation.request import Request
from veridical.result import Outcome
from veridical.types import Arrival
from veridical.verification.manifest import Row as ManifestRow
from veridical.verification.manifest_text import COLUMNS

__all__ = ["GENUINE", "OUTCOMES", "Case", "read_cases"]

OUTCOMES = tuple(outcome.value for outcome in Outcome)
MEDIA = ("document_front", "document_back", "selfie", "clip", "voice", "reference_face")
GENUINE = "accept"


@dataclass(frozen=True, slots=True)
class Case:
    """One attempt of a manifest.

    Attributes:
        row: Its line.
        attempt: Which attempt of its transaction, from 1.
        policy: Name or path.
        expected: Outcome that is right.
        attack: Name of the attack; empty for a genuine applicant.
        manifest: What the line says.
        folder: What its paths are relative to.
        media: Files it names, by key.
        today: Day by which documents expire; None takes the current one.
        unit: Which row of the manifest, from 0; a row that names several policies is measured once.
        group: What a genuine row is an example of; empty where nobody says.
        waived: Checks that the row is judged without, such as the look for joints in a clip that
            was joined of words.
        arrivals: When slices of the clip arrived, as `Transaction` has them.
        policies: All that the row names, where it names them as a list.
        person: Whom a genuine row shows, so that recordings of one count as one; empty where
            nobody says.
    """

    row: int
    attempt: int
    policy: str
    expected: str
    attack: str
    manifest: ManifestRow
    folder: Path
    media: Mapping[str, Path]
    today: date | None = None
    unit: int = -1
    group: str = ""
    waived: tuple[str, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    policies: tuple[str, ...] = ()
    person: str = ""

    @property
    def id(self) -> str:
        """Of the transaction; its attempts share it."""
        return self.manifest.id


def read_cases(request: Request, policy: str = "") -> list[Case]:
    """Attempts of a manifest, each checked: one for every policy a row names."""
    cases: list[Case] = []
    rows = read_json_lines(request.index, ("id", "expect"), request.limit)
    for unit, row in enumerate(rows):
        expect = row.values["expect"]
        if not isinstance(expect, dict) or expect.get("outcome") not in OUTCOMES:
            raise row.error(
                "expect", f"an outcome of {', '.join(OUTCOMES)} is wanted", "index.malformed"
            )
        expected = str(expect["outcome"])
        attack = row.text("attack", "" if expected == GENUINE else "unnamed")
        attempt, day = row.text("attempt", "1"), row.text("today", "")
        if not (attempt.isascii() and attempt.isdigit() and int(attempt)):
            raise row.error("attempt", "a whole number from 1 is wanted", "index.malformed")
        try:
            today = date.fromisoformat(day) if day else None
        except ValueError:
            raise row.error(
                "today", "a day such as 2026-05-01 is wanted", "index.malformed"
            ) from None
        media = {key: path for key in MEDIA if (path := row.optional_file(key)) is not None}
        policies = tuple(_words(row, "policy"))
        said = ManifestRow(row.number, row.text("id"), _said(row.values, int(attempt)))
        cases += [
            Case(
                row.number,
                int(attempt),
                name,
                expected,
                attack,
                said,
                request.index.parent,
                media,
                today,
                unit,
                row.text("group", ""),
                tuple(_words(row, "waived")),
                _arrivals(row),
                policies,
                row.text("person", ""),
            )
            for name in ([policy] if policy else policies or [row.text("policy")])
        ]
    return cases


def _said(values: Mapping[str, object], attempt: int) -> dict[str, object]:
    """What a line of an index says as a manifest would; the rest is the evaluation's own."""
    own = {"expect", "policy"}
    said = {name: value for name, value in values.items() if name in COLUMNS and name not in own}
    return {**said, "attempt": attempt}


def _words(row: Row, key: str) -> list[str]:
    """A list of words of a row; empty for none and for a single word."""
    told = row.values.get(key)
    if isinstance(told, list) and not all(isinstance(word, str) for word in told):
        raise row.error(key, "a list of words is wanted", "index.malformed")
    return list(map(str, told)) if isinstance(told, list) else []


def _arrivals(row: Row) -> tuple[Arrival, ...]:
    """Pairs of a row: until when a slice shows the clip, and when it was there, in ms."""
    told = row.values.get("arrivals") or []
    try:
        if not isinstance(told, list):
            raise TypeError
        return tuple(Arrival(float(until), float(arrived)) for until, arrived in told)
    except (TypeError, ValueError):
        raise row.error("arrivals", "pairs of times in ms are wanted", "index.malformed") from None
