"""Which documents can be read? One module a kind; `KINDS` holds all of them, in order of rank.

A module here with a `KINDS` of its own is found by itself: docs/how-to/add-a-kind.md says what it
needs.
"""

from importlib import import_module
from pkgutil import iter_modules

from veridical.ocr.document import Document
from veridical.ocr.kinds.kind import FieldSpec, Found, Inspection, Kind, Side, Tools

__all__ = [
    "KINDS",
    "FieldSpec",
    "Found",
    "Inspection",
    "Kind",
    "Side",
    "Tools",
    "back_of",
    "holder_number",
    "kind_names",
    "kind_of",
]


def _declared() -> tuple[Kind, ...]:
    found: list[Kind] = []
    for module in iter_modules(__path__):
        kinds = getattr(import_module(f"{__name__}.{module.name}"), "KINDS", ())
        found += [kind for kind in kinds if isinstance(kind, Kind)]
    return tuple(sorted(found, key=lambda kind: (kind.rank, kind.sides[0].name)))


KINDS = _declared()
"""All kinds, in the order in which they are tried."""
_BY_NAME = {side.name: kind for kind in KINDS for side in kind.sides}


def kind_names() -> tuple[str, ...]:
    """Every value `Document.kind` can have but `none`."""
    return tuple(_BY_NAME)


def kind_of(name: str) -> Kind:
    """The kind that one of its sides belongs to.

    Args:
        name: As in `Document.kind`.

    Raises:
        KeyError: There is none, as for `none`.
    """
    return _BY_NAME[name]


def back_of(name: str) -> Side | None:
    """The back that belongs to a front, or None where one side says everything."""
    kind = kind_of(name)
    if kind.side(name).is_back:
        return None
    sides = (side for other in KINDS if other.document == kind.document for side in other.sides)
    return next((side for side in sides if side.is_back), None)


def holder_number(document: Document) -> str:
    """The number that says who holds a document, if its check digits hold; else empty."""
    return "" if document.kind == "none" else kind_of(document.kind).holder_number(document)
