"""Which characters does a simplified Chinese document print, and which would be misread?"""

import re
from functools import cache
from pathlib import Path

__all__ = ["DOTS", "has_twin", "is_chinese", "simplified_forms"]

TABLES = Path(__file__).parent / "tables"
DOTS = dict.fromkeys("・•∙⋅‧･•●", "·")
"""What readers make of the dot between the parts of a name (U+00B7 on cards)."""
CHINESE = re.compile(r"[㐀-鿿\U00020000-\U0003ffff]")


def is_chinese(character: str) -> bool:
    """Whether a character is a Chinese one."""
    return CHINESE.match(character) is not None


def simplified_forms() -> dict[str, str]:
    """Simplified form by traditional one, of characters that simplified documents do not print."""
    return _pairs("traditional.txt")


def has_twin(character: str) -> bool:
    """Whether a character that was read may be another one that the recogniser does not know."""
    return character in _pairs("twins.txt")


@cache
def _pairs(table: str) -> dict[str, str]:
    """Second character of each pair by the first."""
    lines = (TABLES / table).read_text(encoding="utf-8").splitlines()
    pairs = (pair for line in lines if not line.startswith("#") for pair in line.split())
    return {pair[0]: pair[1] for pair in pairs}
