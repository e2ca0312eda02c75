"""From the text of a condition to its parts; the grammar stands in docs/reference/policies.md."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from veridical.errors import InputError
from veridical.policy.expressions.tree import (
    And,
    Compare,
    Condition,
    Input,
    Kind,
    KindOf,
    Literal,
    Missing,
    Negative,
    Node,
    Not,
    OneOf,
    Or,
    Product,
    Sum,
    kind_of_node,
)

__all__ = ["DEEPEST", "LONGEST", "WORDS", "parse_condition"]

LONGEST = 1_000
"""Characters of a condition; a longer one is better told as several rules."""
DEEPEST = 16
"""Parentheses within parentheses: bounds the depth of every recursion here."""

_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]+)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<text>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)"
    r"|(?P<sign><=|>=|==|!=|[<>+*(),\[\]-])"
)
WORDS = frozenset(
    {"and", "or", "not", "in", "between", "is", "missing", "known", "true", "false"}
)  # fmt: skip
"""No input is called so."""
_ORDERS = ("<", "<=", ">", ">=")
_EQUALS = ("==", "!=")
_SUMMANDS: Mapping[str, Callable[[Node], Node]] = {"+": lambda part: part, "-": Negative}


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a condition: its kind is its own text for keywords and signs."""

    kind: str
    text: str
    column: int


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise _refused(
                place + 1,
                f"wanted a number, a text in quotes, a name or a sign, got {text[place]!r}",
            )
        kind, word = str(found.lastgroup), found[0]
        if kind == "sign" or word in WORDS:
            kind = word
        if kind != "blank":
            yield _Token(kind, word, place + 1)
        place = found.end()
    yield _Token("end", "the end", len(text) + 1)


def _refused(column: int, problem: str) -> InputError:
    return InputError(f"column {column}: {problem}", "policy.malformed")


def parse_condition(text: str, kind_of: KindOf) -> Condition:
    """Parse a condition.

    Args:
        text: As the policy has it.
        kind_of: Tells what each input is. Of a constant it tells the value, which takes its place.

    Raises:
        InputError: `policy.malformed`: the message names the column, counted from 1, what was
            wanted there and what came.
    """
    if len(text) > LONGEST:
        raise _refused(
            LONGEST + 1, f"wanted at most {LONGEST} characters, got {len(text)}: make several rules"
        )
    return _Parser(text, kind_of).condition()


class _Parser:
    """Reads the words of one condition from left to right."""

    def __init__(self, text: str, kind_of: KindOf) -> None:
        self._text = text
        self._kind_of = kind_of
        self._words = tuple(_tokens(text))
        self._place = 0
        self._depth = 0
        self._inputs: dict[str, None] = {}

    def condition(self) -> Condition:
        """The whole text as one condition."""
        tree = self._truth(self._either)
        if self._next.kind != "end":
            raise self._wanted("and, or, or the end")
        return Condition(self._text, tree, tuple(self._inputs))

    # --- words

    @property
    def _next(self) -> _Token:
        return self._words[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _took(self, *kinds: str) -> bool:
        """Step over the next words if they are these."""
        there = tuple(token.kind for token in self._words[self._place : self._place + len(kinds)])
        if there != kinds:
            return False
        self._place += len(kinds)
        return True

    def _demand(self, kind: str) -> None:
        if not self._took(kind):
            raise self._wanted(kind)

    def _wanted(self, what: str) -> InputError:
        got = self._next.text if self._next.kind == "end" else repr(self._next.text)
        return _refused(self._next.column, f"wanted {what}, got {got}")

    def _of(self, wanted: Kind, read: Callable[[], Node]) -> Node:
        """Read a part that must be of one kind."""
        column = self._next.column
        node = read()
        if kind_of_node(node) not in (wanted, Kind.ANY):
            raise _refused(column, f"wanted {wanted}, got {kind_of_node(node)}")
        return node

    def _truth(self, read: Callable[[], Node]) -> Node:
        return self._of(Kind.TRUTH, read)

    def _number(self, read: Callable[[], Node]) -> Node:
        return self._of(Kind.NUMBER, read)

    # --- grammar, loosest first

    def _either(self) -> Node:
        return self._joined("or", self._both, Or)

    def _both(self) -> Node:
        return self._joined("and", self._maybe_not, And)

    def _joined(
        self, word: str, read: Callable[[], Node], join: Callable[[tuple[Node, ...]], Node]
    ) -> Node:
        column = self._next.column
        parts = [read()]
        while self._took(word):
            if len(parts) == 1 and kind_of_node(parts[0]) not in (Kind.TRUTH, Kind.ANY):
                raise _refused(column, f"wanted {Kind.TRUTH}, got {kind_of_node(parts[0])}")
            parts.append(self._truth(read))
        return parts[0] if len(parts) == 1 else join(tuple(parts))

    def _maybe_not(self) -> Node:
        turned = asked = False
        while self._took("not"):
            turned, asked = not turned, True
        node = self._truth(self._comparison) if asked else self._comparison()
        return Not(node) if turned else node

    def _comparison(self) -> Node:
        column = self._next.column
        left = self._sum()
        kind = kind_of_node(left)
        if self._next.kind in _ORDERS:
            _must_be(Kind.NUMBER, kind, column)
            return Compare(self._take().text, left, self._number(self._sum))
        if self._next.kind in _EQUALS:
            sign, column = self._take().text, self._next.column
            right = self._sum()
            if kind is not Kind.ANY:
                _must_be(kind, kind_of_node(right), column)
            return Compare(sign, left, right)
        if self._took("not", "between"):
            return Not(self._between(left, column))
        if self._took("between"):
            return self._between(left, column)
        if self._took("not", "in"):
            return Not(OneOf(left, self._list(kind)))
        if self._took("in"):
            return OneOf(left, self._list(kind))
        if self._took("is", "missing"):
            return Missing(_must_be_input(left, column))
        if self._took("is", "not", "missing"):
            return Not(Missing(_must_be_input(left, column)))
        if self._next.kind == "is":
            raise self._wanted("is missing, or is not missing")
        return left

    def _between(self, part: Node, column: int) -> Node:
        _must_be(Kind.NUMBER, kind_of_node(part), column)
        low = self._number(self._sum)
        self._demand("and")
        high = self._number(self._sum)
        return And((Compare(">=", part, low), Compare("<=", part, high)))

    def _list(self, kind: Kind) -> tuple[float | str | bool, ...]:
        self._demand("[")
        values = []
        while True:
            column = self._next.column
            node = self._signed()
            if not isinstance(node, Literal):
                raise _refused(column, "wanted a number, a text, true, false or a constant")
            if kind is not Kind.ANY:
                _must_be(kind, kind_of_node(node), column)
            values.append(node.value)
            if not self._took(","):
                break
        self._demand("]")
        return tuple(values)

    def _sum(self) -> Node:
        return self._chained(_SUMMANDS, self._product, Sum)

    def _product(self) -> Node:
        return self._chained({"*": lambda part: part}, self._signed, Product)

    def _chained(
        self,
        signs: Mapping[str, Callable[[Node], Node]],
        read: Callable[[], Node],
        join: Callable[[tuple[Node, ...]], Node],
    ) -> Node:
        column = self._next.column
        parts = [read()]
        while self._next.kind in signs:
            if len(parts) == 1:
                _must_be(Kind.NUMBER, kind_of_node(parts[0]), column)
            parts.append(signs[self._take().kind](self._number(read)))
        return parts[0] if len(parts) == 1 else join(tuple(parts))

    def _signed(self) -> Node:
        turned = asked = False
        while self._took("-"):
            turned, asked = not turned, True
        node = self._number(self._primary) if asked else self._primary()
        if turned and isinstance(node, Literal):
            return Literal(-float(node.value))
        return Negative(node) if turned else node

    def _primary(self) -> Node:
        token = self._next
        if token.kind == "number":
            return Literal(self._finite(self._take()))
        if token.kind == "text":
            return Literal(self._take().text[1:-1])
        if token.kind in ("true", "false"):
            return Literal(self._take().kind == "true")
        if token.kind == "name":
            return self._input(self._take())
        if self._took("known", "("):
            column = self._next.column
            part = _must_be_input(self._primary(), column)
            self._demand(")")
            return Not(Missing(part))
        if token.kind == "(":
            if self._depth == DEEPEST:
                raise _refused(token.column, f"wanted at most {DEEPEST} parentheses within another")
            self._place += 1
            self._depth += 1
            node = self._either()
            self._depth -= 1
            self._demand(")")
            return node
        raise self._wanted("a number, a text, an input, known(...) or a parenthesis")

    def _finite(self, token: _Token) -> float:
        number = float(token.text)
        if not math.isfinite(number):
            raise _refused(token.column, "wanted a number within 1.7e308")
        return number

    def _input(self, token: _Token) -> Node:
        try:
            found = self._kind_of(token.text)
        except LookupError as error:
            raise _refused(token.column, str(error.args[0])) from None
        if isinstance(found, Literal):
            return found
        self._inputs[token.text] = None
        return Input(token.text, found)


def _must_be(wanted: Kind, got: Kind, column: int) -> None:
    if got not in (wanted, Kind.ANY):
        raise _refused(column, f"wanted {wanted}, got {got}")


def _must_be_input(node: Node, column: int) -> Input:
    if not isinstance(node, Input):
        raise _refused(column, "wanted the name of an input: nothing else can be missing")
    return node
