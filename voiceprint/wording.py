"""Do two texts say the same? Words brought to one manner of writing, then aligned.

What is read aloud and what a recogniser writes differ in ways nobody hears: punctuation, capitals,
`twenty five` and `25`, traditional and simplified characters, 她 and 他. Units are English words,
single Chinese characters and single digits of a number.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from veridical.errors import InputError

__all__ = ["Difference", "Unit", "align", "units"]

MOST_UNITS = 20_000
"""Longest text that is aligned: about an hour of speech."""
PIECE = re.compile(
    r"(?P<percent>百分之)|(?P<number>[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?)|(?P<word>[^\W\d_\u3400-\u9fff]+"
    r"(?:'[^\W\d_\u3400-\u9fff]+)*)|(?P<numeral>[零〇一二两三四五六七八九十百千万亿幺点]+)"
    r"|(?P<character>[\u3400-\u9fff])|(?P<sign>[%$£€¥])"
)
SPOKEN = {"mr": "mister", "mrs": "missus", "dr": "doctor", "ok": "okay", "cannot": "can't"}
SPOKEN |= {"colour": "color", "honour": "honor", "favour": "favor", "centre": "center"}
SIGNS = {"%": "percent", "$": "dollars", "£": "pounds", "€": "euros", "¥": "元"}
ALIKE = {"她": "他", "它": "他", "妳": "你"}
"""Characters that sound alike and stand for each other."""
DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")}
DIGITS |= {"〇": 0, "幺": 1, "两": 2}
SCALES = {"十": 10, "百": 100, "千": 1000}
MYRIADS = {"万": 10_000, "亿": 100_000_000}
SMALL = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
SMALL |= {"eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13}
SMALL |= {"fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18}
SMALL |= {"nineteen": 19}
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70}
TENS |= {"eighty": 80, "ninety": 90}
LARGE = {"thousand": 1000, "million": 10**6, "billion": 10**9}


@dataclass(frozen=True, slots=True)
class Unit:
    """What is compared: a word, a Chinese character or a digit.

    Attributes:
        text: As compared: lower case, simplified, numbers as digits.
        start: Where it begins in the text, in characters.
        end: Where it ends; the digits of one number share their place.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A stretch where two texts differ.

    Attributes:
        kind: `missing` (nothing was said for it), `inserted` or `altered`.
        expected: First and last but one of the expected units.
        heard: First and last but one of the units that were heard.
    """

    kind: str
    expected: tuple[int, int]
    heard: tuple[int, int]

    @property
    def size(self) -> int:
        """Units that are wrong: of the longer side."""
        return max(self.expected[1] - self.expected[0], self.heard[1] - self.heard[0])


def units(text: str) -> tuple[Unit, ...]:
    """Cut a text into what is compared.

    Raises:
        InputError: `voice.statement_long`: the text has more than 20,000 units.
    """
    plain, places = _plain(text)
    pieces = list(PIECE.finditer(plain))
    found: list[Unit] = []
    at = 0
    while at < len(pieces):
        written, used = _written(pieces, at)
        start, end = places[pieces[at].start()], places[pieces[at + used - 1].end() - 1] + 1
        found += [Unit(unit, start, end) for unit in written]
        at += used
        if len(found) > MOST_UNITS:
            raise InputError(
                f"a statement has at most {MOST_UNITS} words or characters, this one has more; "
                "check it in parts",
                "voice.statement_long",
            )
    return tuple(found)


def align(
    expected: Sequence[Unit], heard: Sequence[Unit]
) -> tuple[list[tuple[int, int]], list[Difference]]:
    """Lay two texts side by side with the fewest changes.

    Returns:
        Pairs of equal units by their places, in order, and the stretches between them that differ.
    """
    ids: dict[str, int] = {}
    own = np.array([ids.setdefault(unit.text, len(ids)) for unit in expected], np.int32)
    other = np.array([ids.setdefault(unit.text, len(ids)) for unit in heard], np.int32)
    rows, columns = len(own), len(other)
    # The cheapest way to each place; a row at a time, insertions by a running minimum.
    cost = np.arange(columns + 1, dtype=np.int32)
    taken = np.zeros((rows + 1, columns + 1), np.uint8)
    taken[0, 1:] = 2
    steps = np.arange(columns + 1, dtype=np.int32)
    for row in range(rows):
        changed = cost[:-1] + (other != own[row])
        dropped = cost + 1
        best = dropped.copy()
        best[1:] = np.minimum(best[1:], changed)
        best = np.minimum.accumulate(best - steps) + steps
        taken[row + 1] = np.where(best == dropped, 1, 2)
        taken[row + 1, 1:][best[1:] == changed] = 0
        cost = best
    pairs: list[tuple[int, int]] = []
    row, column = rows, columns
    while row or column:
        step = taken[row, column]
        if step == 0:
            row, column = row - 1, column - 1
            if own[row] == other[column]:
                pairs.append((row, column))
        elif step == 1:
            row -= 1
        else:
            column -= 1
    pairs.reverse()
    return pairs, list(_differences(pairs, rows, columns))


def _differences(pairs: list[tuple[int, int]], rows: int, columns: int) -> Iterator[Difference]:
    """What lies between equal units."""
    row = column = 0
    for next_row, next_column in [*pairs, (rows, columns)]:
        if next_row > row or next_column > column:
            kind = "altered"
            if next_row == row:
                kind = "inserted"
            elif next_column == column:
                kind = "missing"
            yield Difference(kind, (row, next_row), (column, next_column))
        row, column = next_row + 1, next_column + 1


def _plain(text: str) -> tuple[str, list[int]]:
    """The text in lower case, simplified and compatible forms; and where each character was."""
    simplified = _simplified()
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        for plain in unicodedata.normalize("NFKC", letter).lower():
            plain = simplified.get(plain, plain)
            letters.append("'" if plain in "‘’ʼ`" else ALIKE.get(plain, plain))
            places.append(place)
    return "".join(letters), places


def _written(pieces: list[re.Match[str]], at: int) -> tuple[list[str], int]:
    """The units of the piece at a place, and how many pieces they took."""
    piece = pieces[at]
    text = piece.group()
    match piece.lastgroup:
        case "number":
            digits = _digits(text)
            if at and pieces[at - 1].group() in "$£€¥":
                return [*digits, SIGNS[pieces[at - 1].group()]], 1
            return digits, 1
        case "percent":
            following = pieces[at + 1].lastgroup if at + 1 < len(pieces) else ""
            if following not in ("number", "numeral"):
                return list(text), 1
            return [*_written(pieces, at + 1)[0], "percent"], 2
        case "sign":
            before_number = at + 1 < len(pieces) and pieces[at + 1].lastgroup == "number"
            if text == "%":
                return ["percent"], 1
            return ([] if before_number else [SIGNS[text]]), 1
        case "numeral":
            return _numeral(text), 1
        case "word":
            number, used = _number_words([p.group() for p in pieces[at : at + 16]])
            if used:
                return number, used
            if text == "per" and at + 1 < len(pieces) and pieces[at + 1].group() == "cent":
                return ["percent"], 2
            if text == "oh" and at and pieces[at - 1].group() in SMALL:
                return ["0"], 1
            return [SPOKEN.get(text, text)], 1
        case _:
            return [text], 1


def _digits(number: str) -> list[str]:
    """`12,500.50` to its digits; a decimal point is a unit of its own."""
    return list(number.replace(",", ""))


def _numeral(text: str) -> list[str]:
    """A run of Chinese numerals as digits: 五万三千 and 5 3 0 0 0, 二零二六 and 2 0 2 6."""
    if not any(character in DIGITS for character in text):
        return list(text) if text != "十" else ["1", "0"]
    whole, point, decimals = text.partition("点")
    if point and not (whole and decimals and all(c in DIGITS for c in decimals)):
        head = _numeral(whole) if whole else []
        return [*head, "点", *(_numeral(decimals) if decimals else [])]
    total = section = digit = 0
    scaled = False
    for character in whole:
        if character in DIGITS:
            digit = DIGITS[character]
        elif character in SCALES:
            section += (digit or 1) * SCALES[character]
            digit, scaled = 0, True
        else:
            total = (total + section + digit) * MYRIADS[character]
            section = digit = 0
            scaled = True
    value = str(total + section + digit)
    if not scaled:
        value = "".join(str(DIGITS[character]) for character in whole)
    tail = "." + "".join(str(DIGITS[character]) for character in decimals) if point else ""
    return list(value + tail)


def _number_words(words: list[str]) -> tuple[list[str], int]:
    """The number that English words begin with, as digits, and how many words it took."""
    total = section = used = 0
    last = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        fresh = not last or last == "hundred" or last in LARGE or last == "and"
        if (word in TENS and fresh) or (word in SMALL and fresh):
            section += TENS.get(word, 0) + SMALL.get(word, 0)
        elif word in SMALL and last in TENS and 0 < SMALL[word] < 10:
            section += SMALL[word]
        elif word == "hundred" and 0 < section < 100 and not fresh:
            section *= 100
        elif word in LARGE and section and last != "and":
            total, section = total + section * LARGE[word], 0
        elif not (
            word == "and"
            and (last == "hundred" or last in LARGE)
            and (following in SMALL or following in TENS)
        ):
            break
        last, used = word, used + 1
    return (list(str(total + section)), used) if used else ([], 0)


@cache
def _simplified() -> dict[str, str]:
    """Traditional to simplified characters."""
    table = files("veridical.voiceprint") / "tables" / "simplified.txt"
    pairs = table.read_text(encoding="utf-8").split()
    return {pair[0]: pair[1] for pair in pairs}
