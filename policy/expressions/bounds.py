"""Can a condition ever hold? Found where it is plain; where it is not, the answer is yes.

Each alternative of a condition is a row of comparisons that must all hold: what each asks of one
input is held against what the others ask of it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from veridical.policy.expressions.evaluator import compiled
from veridical.policy.expressions.tree import (
    And,
    Compare,
    Condition,
    Input,
    Literal,
    Missing,
    Node,
    Not,
    OneOf,
    Or,
    Truth,
    walked,
)

__all__ = ["Range", "never_holds", "pushed", "rows", "settled_already", "told"]

_TURNED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from the least to the most, both among them."""

    least: float = -math.inf
    most: float = math.inf

    def cut(self, sign: str, number: float) -> "Range":
        """What is left under a comparison."""
        match sign:
            case "<":
                return Range(self.least, min(self.most, math.nextafter(number, -math.inf)))
            case "<=":
                return Range(self.least, min(self.most, number))
            case ">":
                return Range(max(self.least, math.nextafter(number, math.inf)), self.most)
            case ">=":
                return Range(max(self.least, number), self.most)
            case _:
                return self

    def __contains__(self, number: object) -> bool:
        """Whether a value lies within; only numbers are bounded."""
        return type(number) is not float or self.least <= number <= self.most


def settled_already(condition: Condition) -> Truth:
    """Whether a condition holds whatever its inputs are, even missing; None when it depends."""
    places = {name: place for place, name in enumerate(condition.inputs)}
    if any(isinstance(node, Missing) for node in walked(condition.tree)):
        return None
    return compiled(condition, places)([None] * len(places))


def never_holds(condition: Condition, ranges: Mapping[str, Range]) -> bool:
    """Whether a condition contradicts itself.

    Args:
        condition: As parsed.
        ranges: Between which numbers an input always lies.
    """
    return _never(pushed(condition.tree, turned=False), ranges)


def pushed(node: Node, *, turned: bool) -> Node:
    """The same condition with every `not` moved inwards as far as it goes."""
    match node:
        case Not(part):
            return pushed(part, turned=not turned)
        case And(parts):
            moved = tuple(pushed(part, turned=turned) for part in parts)
            return Or(moved) if turned else And(moved)
        case Or(parts):
            moved = tuple(pushed(part, turned=turned) for part in parts)
            return And(moved) if turned else Or(moved)
        case Compare(sign, left, right) if turned:
            return Compare(_TURNED[sign], left, right)
        case _:
            return Not(node) if turned else node


def _never(node: Node, ranges: Mapping[str, Range]) -> bool:
    match node:
        case Or(parts):
            return all(_never(part, ranges) for part in parts)
        case And():
            together = list(rows(node))
            return any(_never(row, ranges) for row in together) or _contradictory(together, ranges)
        case _:
            return _contradictory([node], ranges)


def rows(node: Node) -> Iterator[Node]:
    """What must hold together."""
    if isinstance(node, And):
        for part in node.parts:
            yield from rows(part)
    else:
        yield node


def _contradictory(nodes: list[Node], ranges: Mapping[str, Range]) -> bool:
    left: dict[str, Range] = dict(ranges)
    among: dict[str, set[float | str | bool]] = {}
    refused: dict[str, set[float | str | bool]] = {}
    missing: set[str] = set()
    read: set[str] = set()
    for node in nodes:
        match node:
            case Literal(value):
                if value is not True:
                    return True
            case Compare(_, Literal(), Input()) | Compare(_, Input(), Literal()):
                name, sign, value = told(node)
                read.add(name)
                if sign == "==":
                    among[name] = among.get(name, {value}) & {value}
                elif sign == "!=":
                    refused.setdefault(name, set()).add(value)
                else:
                    left[name] = left.get(name, Range()).cut(sign, float(value))
            case OneOf(Input(name), values):
                read.add(name)
                among[name] = among.get(name, set(values)) & set(values)
            case Missing(Input(name)):
                missing.add(name)
            case Not(Missing(Input(name))):
                read.add(name)
            case Input(name):
                read.add(name)
            case _:
                continue
    empty = any(found.least > found.most for found in left.values())
    nothing = any(
        not any(value in left.get(name, Range()) for value in values - refused.get(name, set()))
        for name, values in among.items()
    )
    return empty or nothing or bool(missing & read)


def told(node: Compare) -> tuple[str, str, float | str | bool]:
    """Name, sign and literal of an input's comparison with a literal, the name on the left."""
    if isinstance(node.left, Input) and isinstance(node.right, Literal):
        return node.left.name, node.sign, node.right.value
    assert isinstance(node.right, Input)  # noqa: S101  the caller matched it
    assert isinstance(node.left, Literal)  # noqa: S101
    return node.right.name, _MIRRORED[node.sign], node.left.value
