"""What a condition is made of, once it is parsed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "And",
    "Compare",
    "Condition",
    "Input",
    "Kind",
    "KindOf",
    "Literal",
    "Missing",
    "Negative",
    "Node",
    "Not",
    "OneOf",
    "Or",
    "Product",
    "Sum",
    "Truth",
    "Value",
    "kind_of_node",
    "walked",
]

Value = float | str | bool | None
"""What an input may be: None is missing."""
Truth = bool | None
"""None is unknown."""


class Kind(StrEnum):
    """What a part of a condition is, as far as that is known before any value is."""

    NUMBER = "a number"
    TEXT = "a text"
    TRUTH = "a condition"
    ANY = "a value"


KindOf = Callable[[str], "Kind | Literal"]
"""Tells what an input is, or the constant it stands for; LookupError says why it is none."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, or true or false."""

    value: float | str | bool


@dataclass(frozen=True, slots=True)
class Input:
    """A value that is read, by its name."""

    name: str
    kind: Kind = field(default=Kind.ANY, compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """A number with its sign turned."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Sum:
    """Numbers added up."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Product:
    """Numbers multiplied."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values compared."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whether a value is among some."""

    part: "Node"
    values: tuple[float | str | bool, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether an input has no value."""

    part: Input


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a condition."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """Conditions that must all hold."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Conditions of which one must hold."""

    parts: "tuple[Node, ...]"


Node = (
    Literal | Input | Negative | Sum | Product | Compare | OneOf | Missing | Not | And | Or
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was parsed.

    Attributes:
        text: As it was written.
        tree: What it says.
        inputs: Names of all it reads, each once, in the order of the text.
    """

    text: str = field(compare=False)
    tree: Node
    inputs: tuple[str, ...]


def kind_of_node(node: Node) -> Kind:
    """What a part of a condition is, as far as that is known before any value is."""
    match node:
        case Literal(value):
            return _kind_of_literal(value)
        case Input():
            return node.kind
        case Negative() | Sum() | Product():
            return Kind.NUMBER
        case _:
            return Kind.TRUTH


def _kind_of_literal(value: float | str | bool) -> Kind:
    if isinstance(value, bool):
        return Kind.TRUTH
    return Kind.TEXT if isinstance(value, str) else Kind.NUMBER


def walked(node: Node) -> Iterator[Node]:
    """A condition and all its parts."""
    yield node
    match node:
        case And(parts) | Or(parts) | Sum(parts) | Product(parts):
            for part in parts:
                yield from walked(part)
        case Not(part) | Negative(part) | OneOf(part) | Missing(part):
            yield from walked(part)
        case Compare(_, left, right):
            yield from walked(left)
            yield from walked(right)
        case _:
            return
