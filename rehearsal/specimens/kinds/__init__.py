"""How are specimens of further kinds drawn? One module a kind; `DRAWERS` holds all of them.

A module here with `DRAWERS` of its own is found by itself: docs/how-to/add-a-kind.md says what it
needs.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules

from numpy.random import Generator

from veridical.rehearsal.specimens.cards import Drawing
from veridical.rehearsal.specimens.fonts import Fonts
from veridical.types import Image

__all__ = ["DRAWERS", "Drawer"]

Drawer = Callable[
    [Generator, Fonts, Image | None, dict[str, str]], tuple[Mapping[str, str], Drawing]
]
"""Source of chance, fonts, portrait (a drawn face when None) and known values in; all values, as
`Document.fields` has them, and the drawing out. Every drawing bears `Sheet.mark`."""


def _declared() -> dict[str, Drawer]:
    found: dict[str, Drawer] = {}
    for module in iter_modules(__path__):
        found |= getattr(import_module(f"{__name__}.{module.name}"), "DRAWERS", {})
    return found


DRAWERS: Mapping[str, Drawer] = _declared()
"""Drawers by `Document.kind`."""
