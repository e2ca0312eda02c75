"""Which characters does a simplified Chinese document print, and which would be misread?"""

import re
from functools import cache
from pathlib import Path

__all__ = ["DOTS", "is_chinese", "simplified_forms"]

TABLE = Path(__file__).parent / "tables" / "traditional.txt"
DOTS = dict.fromkeys("・•∙⋅‧･•●", "·")
"""What readers make of the dot between the parts of a name (U+00B7 on cards)."""
CHINESE = re.compile(r"[㐀-鿿\U00020000-\U0003ffff]")


def is_chinese(character: str) -> bool:
    """Whether a character is a Chinese one."""
    return CHINESE.match(character) is not None


@cache
def simplified_forms() -> dict[str, str]:
    """Simplified form by traditional one, of characters that simplified documents do not print."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    pairs = (pair for line in lines if not line.startswith("#") for pair in line.split())
    return {pair[0]: pair[1] for pair in pairs}
