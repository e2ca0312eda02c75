"""Does a condition hold? A small language: true, false or unknown, and nothing else can happen.

A condition is parsed once, when its policy is read; what it may name is settled then. Evaluated, it
reads the values it was handed and nothing else, takes time in proportion to its length, and cannot
raise.
"""

from veridical.policy.expressions.bounds import Range, never_holds, settled_already
from veridical.policy.expressions.evaluator import compiled, plain_value
from veridical.policy.expressions.guards import Guards
from veridical.policy.expressions.parser import DEEPEST, LONGEST, parse_condition
from veridical.policy.expressions.tree import (
    Condition,
    Kind,
    KindOf,
    Literal,
    Truth,
    Value,
)

__all__ = [
    "DEEPEST",
    "LONGEST",
    "Condition",
    "Guards",
    "Kind",
    "KindOf",
    "Literal",
    "Range",
    "Truth",
    "Value",
    "compiled",
    "never_holds",
    "parse_condition",
    "plain_value",
    "settled_already",
]
