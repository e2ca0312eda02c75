"""What does a Chinese citizen identification number say, and can it be one?

Source: GB 11643-1999. Six digits of region, eight of birth, three of sequence (odd for men), and a
check character by ISO 7064 MOD 11-2.
"""

import re
from datetime import date

__all__ = [
    "NUMBER_LENGTH",
    "birth_of",
    "check_character",
    "is_consistent",
    "is_foreign",
    "is_resident_elsewhere",
    "mend",
    "sex_of",
]

NUMBER_LENGTH = 18
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"
LOOK_ALIKES = str.maketrans("OoQDlIi|ZzSBGx×", "0000111122586XX")
"""Letters a reader takes for digits; a number has digits only, but for a last X."""


def check_character(digits: str) -> str:
    """The check character of the first 17 digits."""
    return CHECK_CHARACTERS[sum(int(d) * w for d, w in zip(digits, WEIGHTS, strict=True)) % 11]


def is_consistent(number: str) -> bool:
    """Whether a number has 18 characters, a right check character and a birth date that exists."""
    return (
        re.fullmatch(r"\d{17}[\dX]", number) is not None
        and check_character(number[:17]) == number[17]
        and birth_of(number) is not None
    )


def birth_of(number: str) -> str | None:
    """The birth date in a number as YYYY-MM-DD, or None when there is no such day."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14])).isoformat()
    except ValueError:
        return None


def is_resident_elsewhere(number: str) -> bool:
    """Whether a number is that of a Hong Kong, Macao or Taiwan resident (measures of 2018).

    Their residence permits have the layout of the identity card, without a nation.
    """
    return number[:6] in ("810000", "820000", "830000")


def is_foreign(number: str) -> bool:
    """Whether a number is that of a foreign permanent resident (GA 2102-2023: it begins with 9)."""
    return number.startswith("9")


def sex_of(number: str) -> str:
    """The sex in a number, as the card prints it."""
    return "男" if int(number[16]) % 2 else "女"


def mend(text: str) -> tuple[str, tuple[str, ...]]:
    """Put digits where a reader saw letters that look like them.

    Args:
        text: Characters of a number, without spaces.

    Returns:
        The mended text and the list of changes, each `position:read>value`.
    """
    mended = text.translate(LOOK_ALIKES)
    changes = tuple(
        f"{i}:{old}>{new}"
        for i, (old, new) in enumerate(zip(text, mended, strict=True))
        if old != new and old not in "x×"
    )
    return mended, changes
