"""What does a machine-readable zone say, and do its check digits agree?

Source: ICAO Doc 9303, parts 3 to 7: TD1 (3 lines of 30), TD2 (2 of 36), TD3 (2 of 44), and visas of
format A (2 of 44) and B (2 of 36), which begin with V and have no composite check digit. The French
identity card of 1988 to 2021 has a zone of its own: 2 of 36, without a nationality or a last day.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from veridical.ocr.dates import LONG_TERM, as_day, iso_day
from veridical.ocr.states import is_state
from veridical.ocr.text import Reading

__all__ = ["Mrz", "alphabets", "check_digit", "exact_mrz", "kind_of", "line_length", "parse_mrz"]

WEIGHTS = (7, 3, 1)
TO_DIGIT = {
    "O": "0",
    "Q": "0",
    "D": "0",
    "I": "1",
    "L": "1",
    "Z": "2",
    "S": "5",
    "G": "6",
    "B": "8",
}
TO_LETTER = {"0": "O", "1": "I", "2": "Z", "5": "S", "6": "G", "8": "B"}
FILLERS = "《〈く‹«([{≪＜"
"""What readers make of the filler."""
CODES, SEXES = "PIACV", "MFX<"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
DIGITS = "0123456789<"
OPEN_DAY = re.compile(r"(\d{4}<<|\d{2}<<<<|<<<<<<)")
"""A date of which the day, the month too, or everything is unknown."""
NOT_MRZ = re.compile(r"[^A-Z0-9<]")
UNSURE = 0.9
"""Probability below which a character may be the wrong one of two look-alikes."""
MOST_UNSURE = 2
"""Unsure characters up to which one may be swapped: with more, others may be wrong too."""
MOST_SWAPPED = 3
"""Look-alikes that may all be the wrong ones."""
NOT_IN_NUMBERS = "OI"
SURE_AMONG_DIGITS, NO_DOUBT = 0.95, 0.999
"""Joint probability from which look-alikes among digits are believed, and from which any are."""
IRREGULAR = 0.65
"""Factor on it below that: what takes it under `SURE_CHARACTER`."""
MOST_YEARS = 117
"""Nobody is older who lives (the oldest reached 122 once; few 117): it decides centuries."""
MOST_LOST = 12
"""Fillers that may be missing from a line before it counts as another line."""


@dataclass(frozen=True, slots=True)
class Mrz:
    """A machine-readable zone.

    Attributes:
        kind: `td1`, `td2`, `td3`, `mrva`, `mrvb` or `fra_id`.
        lines: As corrected, each of the format's length.
        fields: Values by name: `document_code issuer document_number nationality birth sex expiry
            surname given_names optional`; dates as YYYY-MM-DD, only those that exist, and an
            expiry of fillers as `long-term`.
        checks: Whether each check digit agrees: `number birth expiry optional composite`, as the
            format has them.
        corrections: Each as `line:position:read>value`, counted from 0. Fillers that were put in
            or taken out to reach the format's length are `line:filler:+n` or `line:filler:-n`.
        scores: Mean character probability of each line as read.
        weakest: Probability of the least certain character of each field that no check digit
            guards: `issuer nationality surname given_names`, 0 where a digit stood; of
            `document_number` and `optional`, of look-alikes that check digits do not tell apart.
    """

    kind: str
    lines: tuple[str, ...]
    fields: Mapping[str, str]
    checks: Mapping[str, bool]
    corrections: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    weakest: Mapping[str, float] = field(default_factory=dict)

    @property
    def known_states(self) -> bool:
        """Whether ICAO Doc 9303 knows the issuer and the nationality, which may be left blank."""
        nationality = self.fields.get("nationality", "")
        return is_state(self.fields["issuer"]) and (not nationality or is_state(nationality))

    @property
    def birth_incomplete(self) -> bool:
        """Whether the date of birth is stated only in part, with fillers for what is unknown."""
        row, start, end = LAYOUTS[self.kind].birth
        return OPEN_DAY.fullmatch(self.lines[row][start:end]) is not None

    def birth_days(self, today: date) -> tuple[date, ...]:
        """Every day that the six digits of the birth can mean, the latest first.

        A zone writes two digits of a year: `250101` is 2025 or 1925. Of the days, those stay that
        are not after today or the last day of validity and not more than `MOST_YEARS` ago.

        Args:
            today: On which the holder stands there.
        """
        row, start, end = LAYOUTS[self.kind].birth
        text = self.lines[row][start:end]
        latest = as_day(self.fields.get("expiry")) or today
        days = []
        for year in (str(today.year // 100 - back) + text[:2] for back in (0, 1, 2)):
            day = as_day(iso_day(year, text[2:4], text[4:6])) if text.isdigit() else None
            if day and day <= min(today, latest) and today.year - day.year <= MOST_YEARS:
                days.append(day)
        return tuple(days)

    @property
    def has_expiry(self) -> bool:
        """Whether the format has a last day at all."""
        return LAYOUTS[self.kind].expiry is not None

    @property
    def dated(self) -> bool:
        """Whether dates stand where the format has them, at least one of them whole.

        A part that is unknown is filled up; its check digit must then agree (9303-3, 4.8).
        """
        whole = [name for name in ("birth", "expiry") if _is_day(self.fields.get(name, ""))]
        open_ = {"birth": self.birth_incomplete, "expiry": self.fields.get("expiry") == LONG_TERM}
        named = ("birth", "expiry") if self.has_expiry else ("birth",)
        return bool(whole) and all(
            name in whole or (open_[name] and self.checks[name]) for name in named
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand in one format.

    Attributes:
        length: Characters a line.
        number: Line, start and end; as all below. Its check digit follows, as with the dates.
        birth: Birth date.
        expiry: Expiry date; None where there is none.
        sex: Line and place of the sex.
        nationality: Nationality; None where there is none.
        optional: Optional data.
        composite: Parts under the composite check digit, which ends line 2; empty for visas.
        name: Line, start and end of the names, or of the surname alone.
        given: Given names, where they stand apart.
    """

    length: int
    number: tuple[int, int, int]
    birth: tuple[int, int, int]
    expiry: tuple[int, int, int] | None
    sex: tuple[int, int]
    nationality: tuple[int, int, int] | None
    optional: tuple[int, int, int]
    composite: tuple[tuple[int, int, int], ...]
    name: tuple[int, int, int]
    given: tuple[int, int, int] | None = None

    @property
    def dates(self) -> dict[str, tuple[int, int, int]]:
        """Its dates by name."""
        found = {"birth": self.birth}
        return found if self.expiry is None else found | {"expiry": self.expiry}

    @property
    def names(self) -> tuple[tuple[int, int, int], ...]:
        """Where names stand."""
        return (self.name,) if self.given is None else (self.name, self.given)


def _two_lines(length: int, optional_end: int, composite_from: int | None) -> _Layout:
    """The layout that all formats of two lines share but for their ends."""
    under = () if composite_from is None else ((1, 0, 10), (1, 13, 20), (1, 21, composite_from))
    return _Layout(
        length=length,
        number=(1, 0, 9),
        birth=(1, 13, 19),
        expiry=(1, 21, 27),
        sex=(1, 20),
        nationality=(1, 10, 13),
        optional=(1, 28, optional_end),
        composite=under,
        name=(0, 5, length),
    )


LAYOUTS: Mapping[str, _Layout] = {
    "td1": _Layout(
        length=30,
        number=(0, 5, 14),
        birth=(1, 0, 6),
        expiry=(1, 8, 14),
        sex=(1, 7),
        nationality=(1, 15, 18),
        optional=(0, 15, 30),
        composite=((0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)),
        name=(2, 0, 30),
    ),
    "td2": _two_lines(36, 35, 35),
    "td3": _two_lines(44, 42, 43),
    "mrva": _two_lines(44, 44, None),
    "mrvb": _two_lines(36, 36, None),
    "fra_id": _Layout(
        length=36,
        number=(1, 0, 12),
        birth=(1, 27, 33),
        expiry=None,
        sex=(1, 34),
        nationality=None,
        optional=(0, 30, 36),
        composite=((0, 0, 36), (1, 0, 35)),
        name=(0, 5, 30),
        given=(1, 13, 27),
    ),
}


def check_digit(text: str) -> str:
    """The check digit of a text (9303-3, 4.9): fillers count 0, letters 10 to 35."""
    values = (0 if c == "<" else int(c, 36) for c in text)
    return str(sum(v * w for v, w in zip(values, itertools.cycle(WEIGHTS))) % 10)


def parse_mrz(readings: Sequence[Reading], today: date, made: Sequence[str] = ()) -> Mrz | None:
    """Make sense of two or three consecutive lines.

    The format is decided first, by the number of lines, their length and the first letter; only
    then are lost fillers put back. Look-alikes are replaced where only a digit or only a letter
    can stand, and in the number where the reader was unsure and one replacement alone satisfies
    the check digit.

    Args:
        readings: The lines, top to bottom.
        today: Day by which the century of a year is decided.
        made: Corrections the reader made already, as `Mrz.corrections` lists them.

    Returns:
        The zone, or None when the lines are none.
    """
    lines = [_cleaned(reading) for reading in readings]
    if len(lines) not in (2, 3) or any(len(line) < 30 - MOST_LOST for line, _ in lines):
        return None
    kind = kind_of(readings)
    layout = LAYOUTS[kind]
    corrections = list(made)
    fitted: list[str] = []
    for row, (line, counted) in enumerate(lines):
        whole = _fitted(line, layout.length, counted)
        if whole is None:
            return None
        if len(whole) != len(line):
            corrections.append(f"{row}:filler:{len(whole) - len(line):+}")
        fitted.append(whole)
    as_read = fitted
    fitted = _placed(fitted, layout, corrections)
    fitted = _number_mended(fitted, kind, [reading.scores for reading in readings], corrections)
    checks = _checks(fitted, kind)
    if not any(checks.values()) or fitted[0][0] not in CODES:
        return None
    return Mrz(
        kind=kind,
        lines=tuple(fitted),
        fields=_fields(fitted, kind, today),
        checks=checks,
        corrections=tuple(corrections),
        scores=tuple(reading.score for reading in readings),
        weakest=_weakest(as_read, kind, [reading.scores for reading in readings]),
    )


def exact_mrz(lines: Sequence[str], today: date) -> Mrz | None:
    """A zone that was never printed, as a chip holds it: taken as it is, without a correction.

    Args:
        lines: Two or three lines of a format's length.
        today: Day by which the century of a year is decided.

    Returns:
        The zone, or None where the lines are none, or a check digit is wrong.
    """
    kind = {90: "td1", 72: "td2", 88: "td3"}.get(sum(map(len, lines)), "")
    if (kind == "td1" and len(lines) != 3) or not kind or any(map(NOT_MRZ.search, lines)):
        return None
    if lines[0][0] not in CODES or any(len(line) != LAYOUTS[kind].length for line in lines):
        return None
    checks = _checks(lines, kind)
    if not all(checks.values()):
        return None
    fields = _fields(lines, kind, today)
    return Mrz(kind, tuple(lines), fields, checks, scores=(1.0,) * len(lines))


def _weakest(
    lines: Sequence[str], kind: str, scores: Sequence[Sequence[float]]
) -> dict[str, float]:
    """The least probability in each field without a check digit, before look-alikes are replaced.

    Names count up to their last letter, separators among them: a filler taken for a letter is a
    wrong name too. Where fillers were put in, no score belongs to a place, and the line's counts.
    """
    layout = LAYOUTS[kind]
    places = {"issuer": (0, 2, 5), "surname": _inked(lines, layout.name)}
    places["given_names"] = _inked(lines, layout.given or layout.name)
    if layout.nationality is not None:
        places["nationality"] = layout.nationality
    weakest: dict[str, float] = {}
    for name, (row, start, end) in places.items():
        whole = len(scores[row]) == len(lines[row])
        some = scores[row][start:end] if whole else scores[row]
        digits = any(character.isdigit() for character in lines[row][start:end])
        weakest[name] = 0.0 if digits else min(some, default=0.0)
    checks = _checks(lines, kind)
    for name, place in (("document_number", layout.number), ("optional", layout.optional)):
        row, start, end = place
        if len(scores[row]) == len(lines[row]):
            weakest[name] = _unambiguous(lines, kind, place, scores[row][start:end], checks)
    return weakest


def _inked(lines: Sequence[str], place: tuple[int, int, int]) -> tuple[int, int, int]:
    """A place up to its last letter."""
    row, start, end = place
    return row, start, start + len(lines[row][start:end].rstrip("<"))


def _unambiguous(
    lines: Sequence[str],
    kind: str,
    place: tuple[int, int, int],
    scores: Sequence[float],
    checks: Mapping[str, bool],
) -> float:
    """How sure it is that a field holds none of the look-alikes its check digits cannot tell apart.

    L and 1, G and 6 weigh the same, and two or three others swapped at once can: O for 0 in
    places 1 and 5, say. The least joint probability of characters that could be swapped so; where
    the swapped field looks more like a number, with its letters in front, it must be surer, and an
    O or I, which hardly any state puts into numbers, is never believed over the digit.

    Args:
        lines: As read.
        kind: The format.
        place: Line, start and end of the field.
        scores: Probability of each of its characters.
        checks: Which check digits agree as it was read.
    """
    both = TO_DIGIT | TO_LETTER
    row, start, end = place
    field = lines[row][start:end]
    alike = [at for at, character in enumerate(field) if character in both]
    sure = 1.0
    for count in range(1, MOST_SWAPPED + 1):
        for places in itertools.combinations(alike, count):
            joint = math.prod(scores[at] for at in places)
            swapped = "".join(both[c] if at in places else c for at, c in enumerate(field))
            if any(field[at] in NOT_IN_NUMBERS for at in places):
                joint = 0.0
            elif (
                joint < SURE_AMONG_DIGITS
                and all(field[at].isalpha() for at in places)
                and _alternations(swapped) < _alternations(field)
            ):
                joint *= IRREGULAR
            if joint < min(sure, NO_DOUBT):
                line = lines[row][:start] + swapped + lines[row][end:]
                if _checks([*lines[:row], line, *lines[row + 1 :]], kind) == checks:
                    sure = joint
    return sure


def _alternations(number: str) -> int:
    """How often letters and digits take turns in a number; once where letters stand in front."""
    kinds = [character.isdigit() for character in number if character != "<"]
    turns = sum(one != other for one, other in itertools.pairwise(kinds))
    return turns + (turns == 1 and kinds[0])


def alphabets(kind: str, lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The characters that can stand in each place of each line; empty where any can.

    Names and states hold no digits, dates and check digits no letters (9303-3, 4.3 to 4.9). Some
    identity cards have digits alone where the nationality belongs; they stay.

    Args:
        kind: The format.
        lines: As read.
    """
    layout = LAYOUTS[kind]
    rows = [[""] * layout.length for _ in range(3 if kind == "td1" else 2)]

    def put(row: int, start: int, end: int, alphabet: str) -> None:
        rows[row][start:end] = [alphabet] * (end - start)

    put(0, 0, 1, CODES)
    put(0, 2, 5, LETTERS)
    if layout.nationality is not None:
        row, start, end = layout.nationality
        put(row, start, end, "" if lines[row][start:end].isdigit() else LETTERS)
    for place in layout.names:
        put(*place, LETTERS)
    for row, start, end in layout.dates.values():
        put(row, start, end + 1, DIGITS)
    put(layout.sex[0], layout.sex[1], layout.sex[1] + 1, SEXES)
    row, _, end = layout.number
    put(row, end, end + 1, DIGITS)
    if layout.composite:
        put(1, layout.length - 1, layout.length, DIGITS)
    if kind == "td3":
        put(1, 42, 43, DIGITS)
    return tuple(tuple(row) for row in rows)


def _cleaned(reading: Reading) -> tuple[str, float]:
    """The characters a zone can have, and how many would fill the line at its own pitch."""
    kept: list[tuple[str, float]] = []
    for character, centre in zip(reading.text.upper(), reading.centres, strict=False):
        plain = "<" if character in FILLERS else character
        if not NOT_MRZ.match(plain):
            kept.append((plain, centre))
        if character == "«":
            kept.append(("<", centre))
    text = "".join(character for character, _ in kept)
    steps = np.diff([centre for _, centre in kept])
    pitch = float(np.median(steps)) if len(steps) else 0.0
    counted = (kept[-1][1] - kept[0][1]) / pitch + 1 if pitch > 0 else float(len(text))
    return text, counted


def line_length(kind: str) -> int:
    """Characters in each line of a format."""
    return LAYOUTS[kind].length


def kind_of(readings: Sequence[Reading]) -> str:
    """Decide the format of two or three lines before anything is repaired."""
    lines = [_cleaned(reading) for reading in readings]
    if len(lines) == 3:
        return "td1"
    # The second line has fewer fillers to lose; the pitch sees those that were.
    lengths = [len(lines[1][0]), len(lines[0][0]), lines[1][1], lines[0][1]]
    long = sum(abs(n - 44) < abs(n - 36) for n in lengths) >= 2
    if lines[0][0].startswith("V"):
        return "mrva" if long else "mrvb"
    if not long and lines[0][0].startswith("IDFRA"):
        return "fra_id"
    return "td3" if long else "td2"


def _fitted(line: str, length: int, counted: float) -> str | None:
    """Put lost fillers back, or take doubled ones out, in the longest run of them."""
    missing = length - len(line)
    if missing == 0:
        return line
    runs = list(re.finditer("<+", line))
    if not runs or abs(missing) > MOST_LOST + max(0.0, length - counted):
        return line if missing == 0 else None
    run = max(runs, key=lambda run: run.end() - run.start())
    if missing > 0:
        return line[: run.end()] + "<" * missing + line[run.end() :]
    if run.end() - run.start() + missing < 1:
        return None
    return line[: run.end() + missing] + line[run.end() :]


def _placed(lines: list[str], layout: _Layout, corrections: list[str]) -> list[str]:
    """Replace look-alikes where only one sort of character can stand."""
    digits, letters = [], []
    for row, start, end in layout.dates.values():
        digits += [(row, place) for place in range(start, end + 1)]
    row, _, end = layout.number
    if lines[row][end] != "<":
        digits.append((row, end))
    if layout.composite:
        digits.append((1, layout.length - 1))
    if layout.length == 44 and layout.composite and lines[1][42] != "<":
        digits.append((1, 42))
    if layout.nationality is not None:
        row, start, end = layout.nationality
        if _as_letters(lines[row][start:end]).replace("<", "").isalpha():
            letters += [(row, place) for place in range(start, end)]
    letters += [(0, place) for place in (0, 2, 3, 4)]
    for row, start, end in layout.names:
        letters += [(row, place) for place in range(start, end)]
    mended = [list(line) for line in lines]
    for places, table in ((digits, TO_DIGIT), (letters, TO_LETTER)):
        for row, place in places:
            old = mended[row][place]
            if old in table:
                mended[row][place] = table[old]
                corrections.append(f"{row}:{place}:{old}>{table[old]}")
    return ["".join(line) for line in mended]


def _as_letters(text: str) -> str:
    return "".join(TO_LETTER.get(character, character) for character in text)


def _number_mended(
    lines: list[str],
    kind: str,
    scores: Sequence[Sequence[float]],
    corrections: list[str],
) -> list[str]:
    """Swap one uncertain look-alike in a number or optional field whose check digit fails.

    One swap in ten satisfies a check digit by chance, so only a character the reader itself was
    unsure of is tried, and only where it was sure of nearly all the others; nothing is changed
    when more than one swap would do.
    """
    both = TO_DIGIT | TO_LETTER
    for name, (row, start, end) in (
        ("number", LAYOUTS[kind].number),
        ("optional", LAYOUTS[kind].optional),
    ):
        # Fillers that were put in or taken out leave no score for each place.
        if _checks(lines, kind).get(name, True) or len(scores[row]) != len(lines[row]):
            continue
        right: list[tuple[int, str]] = []
        unsure = [place for place in range(start, end) if scores[row][place] < UNSURE]
        for place in unsure if len(unsure) <= MOST_UNSURE else ():
            old = lines[row][place]
            if old in both:
                line = lines[row][:place] + both[old] + lines[row][place + 1 :]
                if _checks([*lines[:row], line, *lines[row + 1 :]], kind)[name]:
                    right.append((place, line))
        if len(right) == 1:
            ((place, line),) = right
            corrections.append(f"{row}:{place}:{lines[row][place]}>{line[place]}")
            lines = [*lines[:row], line, *lines[row + 1 :]]
    return lines


def _checks(lines: Sequence[str], kind: str) -> dict[str, bool]:
    """Whether each check digit agrees."""
    layout = LAYOUTS[kind]
    checks: dict[str, bool] = {}
    for name, (row, start, end) in layout.dates.items():
        checks[name] = check_digit(lines[row][start:end]) == lines[row][end]
    number, digit = _number_of(lines, kind)
    checks["number"] = check_digit(number) == digit
    if kind == "td3":
        row, start, end = layout.optional
        optional, digit = lines[row][start:end], lines[row][end]
        # An empty optional field may have a filler for its digit (9303-4, 4.2.2).
        checks["optional"] = check_digit(optional) == digit or (
            digit == "<" and not optional.strip("<")
        )
    if layout.composite:
        under = "".join(lines[row][start:end] for row, start, end in layout.composite)
        checks["composite"] = check_digit(under) == lines[1][layout.length - 1]
    return checks


def _number_of(lines: Sequence[str], kind: str) -> tuple[str, str]:
    """The document number with its fillers, and its check digit.

    A number too long for its field has a filler in place of the check digit and goes on in the
    optional data, with its check digit at the end (9303-5 and -6, 4.2.2).
    """
    layout = LAYOUTS[kind]
    row, start, end = layout.number
    number, digit = lines[row][start:end], lines[row][end]
    if digit == "<" and kind in ("td1", "td2"):
        optional_row, first, last = layout.optional
        rest = lines[optional_row][first:last].split("<")[0]
        if len(rest) >= 2:
            return number + rest[:-1], rest[-1]
    return number, digit


def _fields(lines: Sequence[str], kind: str, today: date) -> dict[str, str]:
    layout = LAYOUTS[kind]

    def part(place: tuple[int, int, int]) -> str:
        row, start, end = place
        return lines[row][start:end].rstrip("<")

    surname, _, given = part(layout.name).partition("<<")
    if layout.given is not None:
        given = part(layout.given)
    sex = lines[layout.sex[0]][layout.sex[1]]
    fields = {
        "document_code": lines[0][:2].rstrip("<"),
        "issuer": lines[0][2:5].rstrip("<"),
        "document_number": _number_of(lines, kind)[0].rstrip("<"),
        "sex": sex if sex in "MF" else "X",
        "surname": surname.replace("<", " ").strip(),
        "given_names": " ".join(given.replace("<", " ").split()),
        "optional": part(layout.optional),
    }
    if layout.nationality is not None:
        fields["nationality"] = part(layout.nationality)
    for name, place in layout.dates.items():
        day = _day(part(place), today, 50 if name == "expiry" else 0)
        if day is not None:
            fields[name] = day.isoformat()
        elif name == "expiry" and not part(place):
            fields[name] = LONG_TERM
    return fields


def _is_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None


def _day(text: str, today: date, future_years: int) -> date | None:
    """YYMMDD as a day, at most so many years ahead; None when there is no such day."""
    if not re.fullmatch(r"\d{6}", text):
        return None
    year = today.year // 100 * 100 + int(text[:2])
    while year > today.year + future_years:
        year -= 100
    while year <= today.year + future_years - 100:
        year += 100
    try:
        day = date(year, int(text[2:4]), int(text[4:6]))
    except ValueError:
        return None
    return day.replace(year=day.year - 100) if future_years == 0 and day > today else day
