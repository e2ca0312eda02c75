"""What does a machine-readable zone say, and do its check digits agree?

Source: ICAO Doc 9303, parts 3 to 7: TD1 (3 lines of 30), TD2 (2 of 36), TD3 (2 of 44), and visas of
format A (2 of 44) and B (2 of 36), which begin with V and have no composite check digit.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from veridical.ocr.states import is_state
from veridical.ocr.text import Reading

__all__ = ["Mrz", "alphabets", "check_digit", "kind_of", "line_length", "parse_mrz"]

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
NOT_MRZ = re.compile(r"[^A-Z0-9<]")
UNSURE = 0.9
"""Probability below which a character may be the wrong one of two look-alikes."""
MOST_UNSURE = 2
"""Unsure characters up to which one may be swapped: with more, others may be wrong too."""
MOST_SWAPPED = 3
"""Look-alikes that may all be the wrong ones."""
MOST_LOST = 12
"""Fillers that may be missing from a line before it counts as another line."""


@dataclass(frozen=True, slots=True)
class Mrz:
    """A machine-readable zone.

    Attributes:
        kind: `td1`, `td2`, `td3`, `mrva` or `mrvb`.
        lines: As corrected, each of the format's length.
        fields: Values by name: `document_code issuer document_number nationality birth sex expiry
            surname given_names optional`; dates as YYYY-MM-DD, only those that exist.
        checks: Whether each check digit agrees: `number birth expiry optional composite`, as the
            format has them.
        corrections: Each as `line:position:read>value`, counted from 0. Fillers that were put in
            or taken out to reach the format's length are `line:filler:+n` or `line:filler:-n`.
        scores: Mean character probability of each line as read.
        weakest: Probability of the least certain character of each field that no check digit
            guards: `issuer nationality surname given_names`, 0 where a digit stood; of
            `document_number`, of look-alikes that its check digit does not tell apart.
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
        """Whether ICAO Doc 9303 knows the issuer and the nationality."""
        return is_state(self.fields["issuer"]) and is_state(self.fields["nationality"])


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand in one format.

    Attributes:
        length: Characters a line.
        number: Line, start and end; as all below. Its check digit follows, as with the dates.
        birth: Birth date.
        expiry: Expiry date; the sex stands before it.
        nationality: Nationality.
        optional: Optional data.
        composite: Parts under the composite check digit, which ends line 2; empty for visas.
        name: Line and start of the names, which run to the line's end.
    """

    length: int
    number: tuple[int, int, int]
    birth: tuple[int, int, int]
    expiry: tuple[int, int, int]
    nationality: tuple[int, int, int]
    optional: tuple[int, int, int]
    composite: tuple[tuple[int, int, int], ...]
    name: tuple[int, int] = (0, 5)


def _two_lines(length: int, optional_end: int, composite_from: int | None) -> _Layout:
    """The layout that all formats of two lines share but for their ends."""
    under = () if composite_from is None else ((1, 0, 10), (1, 13, 20), (1, 21, composite_from))
    return _Layout(
        length=length,
        number=(1, 0, 9),
        birth=(1, 13, 19),
        expiry=(1, 21, 27),
        nationality=(1, 10, 13),
        optional=(1, 28, optional_end),
        composite=under,
    )


LAYOUTS: Mapping[str, _Layout] = {
    "td1": _Layout(
        length=30,
        number=(0, 5, 14),
        birth=(1, 0, 6),
        expiry=(1, 8, 14),
        nationality=(1, 15, 18),
        optional=(0, 15, 30),
        composite=((0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)),
        name=(2, 0),
    ),
    "td2": _two_lines(36, 35, 35),
    "td3": _two_lines(44, 42, 43),
    "mrva": _two_lines(44, 44, None),
    "mrvb": _two_lines(36, 36, None),
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
        weakest=_weakest(as_read, layout, [reading.scores for reading in readings]),
    )


def _weakest(
    lines: Sequence[str], layout: _Layout, scores: Sequence[Sequence[float]]
) -> dict[str, float]:
    """The least probability in each field without a check digit, before look-alikes are replaced.

    Names count up to their last letter, separators among them: a filler taken for a letter is a
    wrong name too. Where fillers were put in, no score belongs to a place, and the line's counts.
    """
    row, start = layout.name
    end = len(lines[row].rstrip("<"))
    places = {
        "issuer": (0, 2, 5),
        "nationality": layout.nationality,
        "surname": (row, start, end),
        "given_names": (row, start, end),
    }
    weakest: dict[str, float] = {}
    for name, (row, start, end) in places.items():
        whole = len(scores[row]) == len(lines[row])
        some = scores[row][start:end] if whole else scores[row]
        digits = any(character.isdigit() for character in lines[row][start:end])
        weakest[name] = 0.0 if digits else min(some, default=0.0)
    row, start, end = layout.number
    if len(scores[row]) == len(lines[row]):
        weakest["document_number"] = _unambiguous(lines[row][start:end], scores[row][start:end])
    return weakest


def _unambiguous(number: str, scores: Sequence[float]) -> float:
    """How sure it is that a number holds none of the look-alikes its check digit cannot tell apart.

    L and 1, G and 6 weigh the same, and two or three others swapped at once can: O for 0 in
    places 1 and 5, say. The least joint probability of characters that could be swapped so.
    """
    both = TO_DIGIT | TO_LETTER
    alike = [place for place, character in enumerate(number) if character in both]
    sure = 1.0
    for count in range(1, MOST_SWAPPED + 1):
        for places in itertools.combinations(alike, count):
            swapped = list(number)
            for place in places:
                swapped[place] = both[swapped[place]]
            if check_digit("".join(swapped)) == check_digit(number):
                sure = min(sure, math.prod(scores[place] for place in places))
    return sure


def alphabets(kind: str, lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The characters that can stand in each place of each line; empty where any can.

    Names and states hold no digits, dates and check digits no letters (9303-3, 4.3 to 4.9). Some
    identity cards have digits alone where the nationality belongs; they stay.

    Args:
        kind: The format.
        lines: As read.
    """
    layout = LAYOUTS[kind]
    row, start, end = layout.nationality
    numeric = lines[row][start:end].isdigit()
    rows = [[""] * layout.length for _ in range(3 if kind == "td1" else 2)]

    def put(row: int, start: int, end: int, alphabet: str) -> None:
        rows[row][start:end] = [alphabet] * (end - start)

    put(0, 0, 1, CODES)
    put(0, 2, 5, LETTERS)
    put(*layout.nationality, "" if numeric else LETTERS)
    put(*layout.name, layout.length, LETTERS)
    for row, start, end in (layout.birth, layout.expiry):
        put(row, start, end + 1, DIGITS)
    row, start, _ = layout.expiry
    put(row, start - 1, start, SEXES)
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
    for row, start, end in (layout.birth, layout.expiry):
        digits += [(row, place) for place in range(start, end + 1)]
    row, _, end = layout.number
    if lines[row][end] != "<":
        digits.append((row, end))
    if layout.composite:
        digits.append((1, layout.length - 1))
    if layout.length == 44 and layout.composite and lines[1][42] != "<":
        digits.append((1, 42))
    row, start, end = layout.nationality
    if _as_letters(lines[row][start:end]).replace("<", "").isalpha():
        letters += [(row, place) for place in range(start, end)]
    letters += [(0, place) for place in (0, 2, 3, 4)]
    row, start = layout.name
    letters += [(row, place) for place in range(start, layout.length)]
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
    for name, (row, start, end) in (("birth", layout.birth), ("expiry", layout.expiry)):
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

    row, start = layout.name
    surname, _, given = lines[row][start:].partition("<<")
    sex = lines[layout.expiry[0]][layout.expiry[1] - 1]
    fields = {
        "document_code": lines[0][:2].rstrip("<"),
        "issuer": lines[0][2:5].rstrip("<"),
        "document_number": _number_of(lines, kind)[0].rstrip("<"),
        "nationality": part(layout.nationality),
        "sex": sex if sex in "MF" else "X",
        "surname": surname.replace("<", " ").strip(),
        "given_names": " ".join(given.replace("<", " ").split()),
        "optional": part(layout.optional),
    }
    for name, place, future in (("birth", layout.birth, 0), ("expiry", layout.expiry, 50)):
        day = _day(part(place), today, future)
        if day is not None:
            fields[name] = day.isoformat()
    return fields


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
