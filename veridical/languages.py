"""In which languages are people spoken to, and heard?"""

from typing import Literal, get_args

__all__ = ["LANGUAGES", "Language", "spoken"]

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
"""A new one goes to the end: galleries keep the place of a template's."""


def spoken() -> str:
    """Their codes, for messages."""
    return " or ".join(LANGUAGES)
