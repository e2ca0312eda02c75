"""From a parsed condition to a function of the values it reads.

Truth is that of Kleene's strong three-valued logic (S. C. Kleene, Introduction to Metamathematics,
1952, section 64): what rests on a missing value is unknown, unless the rest of the condition
settles it.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from veridical.policy.expressions.tree import (
    And,
    Compare,
    Condition,
    Input,
    Literal,
    Missing,
    Negative,
    Node,
    Not,
    OneOf,
    Or,
    Product,
    Sum,
    Truth,
    Value,
)

__all__ = ["compiled", "plain_value"]

_Get = Callable[[Sequence[Value]], Value]
_Holds = Callable[[Sequence[Value]], Truth]
_Compare = Callable[[Any, Any], bool]
_ORDERS: Mapping[str, _Compare] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_EQUALS: Mapping[str, _Compare] = {"==": operator.eq, "!=": operator.ne}


def plain_value(raw: object) -> Value:
    """What an input is to a condition; whatever is no number, text, true or false is missing.

    NaN is missing, and so is a whole number too large for a double.
    """
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        return str.__str__(raw)
    try:
        if isinstance(raw, float):
            number = float.__pos__(raw)
        elif isinstance(raw, int):
            number = int.__float__(raw)
        else:
            return None
    except OverflowError:
        return None
    return None if math.isnan(number) else number


def compiled(condition: Condition, places: Mapping[str, int]) -> _Holds:
    """Make a function of a condition.

    Args:
        condition: As parsed.
        places: Where the value of each of its inputs stands in the sequence that the function
            takes; values as `plain_value` makes them.

    Returns:
        A function that tells whether the condition holds; None when that is unknown.
    """
    return _holds(condition.tree, places)


def _holds(node: Node, places: Mapping[str, int]) -> _Holds:
    # An input beside a literal is by far the most frequent comparison: it is made one call.
    match node:
        case Compare(sign, Input(name), Literal(value)) if sign in _ORDERS:
            return _input_ordered(_ORDERS[sign], places[name], float(value))
        case Compare(sign, left, right) if sign in _ORDERS:
            return _ordered(_ORDERS[sign], _get(left, places), _get(right, places))
        case Compare(sign, Input(name), Literal(value)):
            return _input_equal(_EQUALS[sign], places[name], value)
        case Compare(sign, left, right):
            return _equal(_EQUALS[sign], _get(left, places), _get(right, places))
        case OneOf(part, values):
            return _among(_get(part, places), values)
        case Missing(part):
            place = places[part.name]
            return lambda values: values[place] is None
        case Not(part):
            return _contrary(_holds(part, places))
        case And(parts):
            return _joined(_both, [_holds(part, places) for part in parts])
        case Or(parts):
            return _joined(_either, [_holds(part, places) for part in parts])
        case _:
            return _as_truth(_get(node, places))


def _input_ordered(compare: _Compare, place: int, limit: float) -> _Holds:
    def holds(values: Sequence[Value]) -> Truth:
        value = values[place]
        return compare(value, limit) if type(value) is float else None

    return holds


def _ordered(compare: _Compare, first: _Get, second: _Get) -> _Holds:
    def holds(values: Sequence[Value]) -> Truth:
        a, b = first(values), second(values)
        return compare(a, b) if type(a) is float and type(b) is float else None

    return holds


# Values of two kinds are not unequal: one of them is not what the author took it for.


def _input_equal(compare: _Compare, place: int, wanted: float | str | bool) -> _Holds:
    kind = type(wanted)

    def holds(values: Sequence[Value]) -> Truth:
        value = values[place]
        return compare(value, wanted) if type(value) is kind else None

    return holds


def _equal(compare: _Compare, first: _Get, second: _Get) -> _Holds:
    def holds(values: Sequence[Value]) -> Truth:
        a, b = first(values), second(values)
        return None if a is None or type(a) is not type(b) else compare(a, b)

    return holds


def _among(get: _Get, values: tuple[float | str | bool, ...]) -> _Holds:
    among = {kind: frozenset(v for v in values if type(v) is kind) for kind in map(type, values)}

    def holds(values: Sequence[Value]) -> Truth:
        value = get(values)
        same = among.get(type(value))
        return None if same is None else value in same

    return holds


def _contrary(part: _Holds) -> _Holds:
    def holds(values: Sequence[Value]) -> Truth:
        found = part(values)
        return None if found is None else not found

    return holds


def _joined(join: Callable[[_Holds, _Holds], _Holds], parts: Sequence[_Holds]) -> _Holds:
    """Conditions joined two by two: a hundred of them are seven calls deep."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return join(_joined(join, parts[:middle]), _joined(join, parts[middle:]))


def _both(first: _Holds, second: _Holds) -> _Holds:
    def holds(values: Sequence[Value]) -> Truth:
        a = first(values)
        if a is False:
            return False
        b = second(values)
        return b if a or b is False else None

    return holds


def _either(first: _Holds, second: _Holds) -> _Holds:
    def holds(values: Sequence[Value]) -> Truth:
        a = first(values)
        if a:
            return True
        b = second(values)
        return True if b else (None if a is None else b)

    return holds


def _as_truth(get: _Get) -> _Holds:
    def holds(values: Sequence[Value]) -> Truth:
        value = get(values)
        return value if isinstance(value, bool) else None

    return holds


def _get(node: Node, places: Mapping[str, int]) -> _Get:
    match node:
        case Literal(value):
            return lambda _: value
        case Input(name):
            return operator.itemgetter(places[name])
        case Negative(part):
            return _worked_out(operator.mul, [lambda _: -1.0, _get(part, places)])
        case Sum(parts):
            return _worked_out(operator.add, [_get(part, places) for part in parts])
        case Product(parts):
            return _worked_out(operator.mul, [_get(part, places) for part in parts])
        case _:
            return _holds(node, places)


def _worked_out(work: Callable[[float, float], float], parts: Sequence[_Get]) -> _Get:
    """Numbers taken together from the left; missing when one is, or when NaN comes of them."""
    first, rest = parts[0], tuple(parts[1:])

    def get(values: Sequence[Value]) -> Value:
        total = first(values)
        for part in rest:
            number = part(values)
            if type(total) is not float or type(number) is not float:
                return None
            total = work(total, number)
        return None if total != total else total  # NaN, as of inf - inf

    return get
