"""Which of thousands of conditions cannot hold? Told for all at once, so that few are looked at.

Most conditions are rows of comparisons that must all hold, and one of an input with a number that
does not settles the whole. Those comparisons of every condition are made in one sweep.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from veridical.policy.expressions.bounds import pushed, rows, told
from veridical.policy.expressions.tree import Compare, Condition, Input, Literal, Value

__all__ = ["Guards"]


class Guards:
    """The comparisons that conditions cannot do without.

    Args:
        conditions: As parsed.
        places: Where the value of each input stands.
    """

    def __init__(self, conditions: Sequence[Condition], places: Mapping[str, int]) -> None:
        found = [
            (number, places[name], side, cut)
            for number, condition in enumerate(conditions)
            for name, sign, limit in _comparisons(condition)
            for side, cut in _false_from(sign, limit)
        ]
        self._count = len(conditions)
        self._condition = np.array([row[0] for row in found], np.intp)
        self._place = np.array([row[1] for row in found], np.intp)
        self._side = np.array([row[2] for row in found], np.float64)
        self._cut = np.array([row[3] for row in found], np.float64)

    def left(self, values: Sequence[Value]) -> list[int]:
        """Numbers of the conditions that may hold or be unknown, rising; all others are false.

        Args:
            values: As `compiled` conditions take them.
        """
        numbers = np.array([v if type(v) is float else math.nan for v in values], np.float64)
        # NaN is not above any cut: what is missing leaves its condition to be looked at.
        false = self._side * numbers[self._place] >= self._cut
        left = np.ones(self._count, np.bool_)
        left[self._condition[false]] = False
        found: list[int] = np.flatnonzero(left).tolist()
        return found


def _comparisons(condition: Condition) -> list[tuple[str, str, float]]:
    """Inputs compared with numbers, where the condition holds only if the comparison does."""
    found = []
    for node in rows(pushed(condition.tree, turned=False)):
        match node:
            case Compare(_, Literal(), Input()) | Compare(_, Input(), Literal()):
                name, sign, limit = told(node)
                if type(limit) is float:
                    found.append((name, sign, limit))
            case _:
                continue
    return found


def _false_from(sign: str, limit: float) -> list[tuple[float, float]]:
    """Side and cut: the comparison is false where side x value is at least the cut."""
    match sign:
        case "<":
            return [(1.0, limit)]
        case "<=":
            return [(1.0, math.nextafter(limit, math.inf))]
        case ">":
            return [(-1.0, -limit)]
        case ">=":
            return [(-1.0, math.nextafter(-limit, math.inf))]
        case "==":
            return [*_false_from("<=", limit), *_false_from(">=", limit)]
        case _:
            return []
