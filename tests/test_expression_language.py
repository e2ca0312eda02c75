"""Conditions say what they say, and can do nothing else."""

import ast
import itertools
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical import InputError
from veridical.policy import expressions
from veridical.policy.expressions import (
    DEEPEST,
    LONGEST,
    Condition,
    Guards,
    Kind,
    Literal,
    Truth,
    compiled,
    parse_condition,
    plain_value,
)

NAMES = ("a", "b.score", "c.d.key_24h")
KINDS: Mapping[str, Kind | Literal] = {
    "n": Kind.NUMBER,
    "t": Kind.TEXT,
    "limit": Literal(5.0),
    "word": Literal("pass"),
    **dict.fromkeys(NAMES, Kind.ANY),
}


def kind_of(name: str) -> Kind | Literal:
    if name not in KINDS:
        raise LookupError(f"no input {name}")
    return KINDS[name]


def parse(text: str) -> Condition:
    return parse_condition(text, kind_of)


def holds(text: str, **values: object) -> Truth:
    given_ = {"b.score": values.get("b"), "c.d.key_24h": values.get("c"), **values}
    condition = parse(text)
    read = [plain_value(given_.get(name)) for name in condition.inputs]
    return compiled(condition, {name: place for place, name in enumerate(condition.inputs)})(read)


# --- what it says ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values", "truth"),
    [
        ("a < 2", {"a": 1}, True),
        ("a < 2", {"a": 2}, False),
        ("a <= 2", {"a": 2}, True),
        ("a > 2.5e-1", {"a": 0.3}, True),
        ("a >= -2", {"a": -2.0}, True),
        ("a == 2", {"a": 2}, True),
        ("a != 2", {"a": 2}, False),
        ("a == 'no'", {"a": "no"}, True),
        ('t != "no"', {"t": "yes"}, True),
        ("a == true", {"a": True}, True),
        ("a", {"a": True}, True),
        ("not a", {"a": True}, False),
        ("not not a", {"a": True}, True),
        ("a + n * 2 - 1 > 6", {"a": 2, "n": 3}, True),
        ("(a + n) * 2 > 10", {"a": 2, "n": 3}, False),
        ("-a < --n", {"a": 1, "n": 1}, True),
        ("-(a + n) == -3", {"a": 1, "n": 2}, True),
        ("a - 1 - 1 == 0", {"a": 2}, True),
        ("a in [1, 2, -3]", {"a": -3}, True),
        ("a not in [1, 2]", {"a": 2}, False),
        ("a in ['x', 1]", {"a": "x"}, True),
        ("a in [word, limit]", {"a": "pass"}, True),
        ("a in [1]", {"a": True}, None),
        ("a between 1 and 3 and n > 0", {"a": 3, "n": 1}, True),
        ("a not between 1 and 3", {"a": 4}, True),
        ("a is missing", {}, True),
        ("a is not missing", {}, False),
        ("known(a)", {"a": ""}, True),
        ("known(a) and a > limit", {"a": 6}, True),
        ("n > limit or t == word", {"n": 1, "t": "pass"}, True),
        # and binds before or, not before and
        ("true or false and false", {}, True),
        ("not false or true", {}, True),
        ("(true or false) and false", {}, False),
        ("(a < 1) == (n < 1)", {"a": 0, "n": 0}, True),
        ("a\n  < 1\tand n < 1", {"a": 0, "n": 0}, True),
    ],
)
def test_what_a_condition_says(text: str, values: Mapping[str, object], truth: Truth) -> None:
    assert holds(text, **values) is truth


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a < 1", {}),
        ("a < 1", {"a": math.nan}),
        ("a < 1", {"a": "0"}),
        ("a < 1", {"a": True}),
        ("a < 1", {"a": [0]}),
        ("a < 1", {"a": 10**400}),
        ("a == 1", {"a": "1"}),
        ("a != 1", {"a": "1"}),
        ("a == b.score", {"a": 1, "b": True}),
        ("a in [1, 2]", {}),
        ("a in [1, 2]", {"a": "x"}),
        ("a between 1 and 2", {}),
        ("a + 1 > 0", {"a": "x"}),
        ("a - a == 0", {"a": math.inf}),
        ("a * 0 == 0", {"a": math.inf}),
        ("a", {"a": 1}),
        ("not a", {"a": "true"}),
        ("known(a) and n > 1", {"a": 1}),
        ("a > 1 or n > 1", {"n": 0}),
    ],
)
def test_what_cannot_be_told_is_unknown(text: str, values: Mapping[str, object]) -> None:
    assert holds(text, **values) is None


@pytest.mark.parametrize("pair", [*itertools.product([True, False, None], repeat=2)])
def test_truth_tables_are_kleene_s(pair: tuple[Truth, Truth]) -> None:
    a, n = pair
    order = {False: 0, None: 1, True: 2}
    values = {"a": a, "b": n}
    assert order[holds("a and b.score", **values)] == min(order[a], order[n])
    assert order[holds("a or b.score", **values)] == max(order[a], order[n])
    assert order[holds("not a", **values)] == 2 - order[a]


def test_a_large_sum_overflows_to_infinity_and_no_further() -> None:
    assert holds("a * a > 1", a=1e300) is True
    assert holds("a * a - a * a > 1", a=1e300) is None


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("", 1, "wanted a number, a text, an input"),
        ("a <", 4, "got the end"),
        ("a < 1 n", 7, "wanted and, or, or the end, got 'n'"),
        ("a < 1 < 2", 7, "got '<'"),
        ("a & b", 3, "got '&'"),
        ("a < 'x'", 5, "wanted a number, got a text"),
        ("'x' < a", 1, "wanted a number, got a text"),
        ("t < 1", 1, "wanted a number, got a text"),
        ("n == 'x'", 6, "wanted a number, got a text"),
        ("t == 1", 6, "wanted a text, got a number"),
        ("n", 1, "wanted a condition, got a number"),
        ("1 and a", 1, "wanted a condition, got a number"),
        ("a and 'x'", 7, "wanted a condition, got a text"),
        ("not n", 5, "wanted a condition, got a number"),
        ("(a < 1) + 1 > 1", 1, "wanted a number, got a condition"),
        ("a + t > 1", 5, "wanted a number, got a text"),
        ("-t > 1", 2, "wanted a number, got a text"),
        ("nowhere > 1", 1, "no input nowhere"),
        ("a in 1", 6, "wanted [, got '1'"),
        ("a in []", 7, "wanted a number"),
        ("a in [n]", 7, "wanted a number, a text, true, false or a constant"),
        ("n in ['x']", 7, "wanted a number, got a text"),
        ("a in [1 2]", 9, "wanted ], got '2'"),
        ("a between 1 or 2", 13, "wanted and"),
        ("t between 1 and 2", 1, "wanted a number, got a text"),
        ("a is 3", 3, "wanted is missing"),
        ("1 is missing", 1, "wanted the name of an input"),
        ("limit is missing", 1, "wanted the name of an input"),
        ("known(1)", 7, "wanted the name of an input"),
        ("known a", 1, "known(...)"),
        ("known(a", 8, "wanted ), got the end"),
        ("(a < 1", 7, "wanted ), got the end"),
        ("a < 1e999", 5, "1.7e308"),
        ("a < 1.", 6, "got '.'"),
        ("a < 'x", 5, 'got "\'"'),
        ("a = 1", 3, "got '='"),
        ("a.__class__", 1, "no input a.__class__"),
        ("a[0]", 2, "got '['"),
        ("a()", 2, "got '('"),
        ("a ** 2 > 1", 4, "got '*'"),
        ("a / 2 > 1", 3, "got '/'"),
        ("lambda: 1", 7, "got ':'"),
        ("import os", 1, "no input import"),
        ("ａ < 1", 1, "got 'ａ'"),
        ("a < ١", 5, "got '١'"),
        ("(" * (DEEPEST + 1) + "a", DEEPEST + 1, "parentheses"),
        ("a or " * LONGEST, LONGEST + 1, f"at most {LONGEST} characters"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_column(
    text: str, column: int, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.code == "policy.malformed"
    assert str(caught.value).startswith(f"column {column}: ")
    assert problem in str(caught.value)


def test_inputs_are_told_once_each_and_constants_are_none() -> None:
    assert parse("a < limit and n > a or b.score is missing").inputs == ("a", "n", "b.score")


def test_conditions_that_say_the_same_are_equal() -> None:
    assert parse("a<5").tree == parse("( a < limit )").tree
    assert parse("a < 5") == parse("a  <  5.0")
    assert parse("a < 5") != parse("a <= 5")


# --- properties -----------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["and", "or", "not", "in", "between", "is", "missing", "known", "true", "false", "(", ")", "[",
     "]", ",", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "1", "2.5", "0", "1e308", "'x'",
     '"pass"', "limit", "word", "n", "t", *NAMES, " ", "\n", "'", ".", "/", "é", "\0"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.sampled_from(["n", "a", "b.score", "limit", "0", "1", "2.5", "1e308"]),
    st.floats(0, 1e3).map(repr),
)


def _sums(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} {} {}".format, parts, st.sampled_from("+-*"), parts),
        parts.map("({})".format),
        parts.map("-{}".format),
    )


SUMS = st.recursive(NUMBERS, _sums, max_leaves=4)
ATOMS = st.one_of(
    st.builds("{} {} {}".format, SUMS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), SUMS),
    st.builds("{} between {} and {}".format, SUMS, SUMS, SUMS),
    st.builds("{} not between {} and {}".format, SUMS, NUMBERS, NUMBERS),
    st.builds("t {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from("xy")),
    st.sampled_from(
        ["a", "c.d.key_24h", "true", "false", "known(n)", "t is missing", "a is not missing",
         "a in [1, 2, 'x', true]", "n not in [1, -1]", "c.d.key_24h == word"]
    ),
)  # fmt: skip
CONDITIONS = st.recursive(
    ATOMS,
    lambda parts: st.one_of(
        st.builds("({}) {} ({})".format, parts, st.sampled_from(["and", "or"]), parts),
        st.builds("{} {} {}".format, parts, st.sampled_from(["and", "or"]), parts),
        parts.map("not ({})".format),
    ),
    max_leaves=8,
).filter(lambda text: len(text) <= LONGEST)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.just(10**400),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, math.nan, math.inf, -math.inf, 1e308, 5e-324]),
    st.sampled_from(["x", "y", "pass", ""]),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.builds(object),
)
INPUTS = ("n", "t", *NAMES)
MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
WORLD = st.fixed_dictionaries(dict.fromkeys(INPUTS, ANYTHING))


class Watched(Sequence[object]):
    """Values that note which of them were read."""

    def __init__(self, values: Sequence[object]) -> None:
        self.values, self.read = values, set[int]()

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: int) -> object:  # type: ignore[override]
        assert isinstance(place, int)
        self.read.add(place)
        return self.values[place]


def judged(condition: Condition, world: Mapping[str, object]) -> Truth:
    values = Watched([plain_value(world[name]) for name in INPUTS])
    found = compiled(condition, {name: place for place, name in enumerate(INPUTS)})(values)  # type: ignore[arg-type]
    assert {INPUTS[place] for place in values.read} <= set(condition.inputs)
    return found


def outcome(text: str) -> Condition | None:
    """The condition, or None when it was refused as it should be."""
    try:
        return parse(text)
    except InputError as error:
        if error.code != "policy.malformed" or not str(error).startswith("column "):
            raise
        return None


@settings(max_examples=1_000, deadline=None)
@given(st.text(max_size=60), WORLD)
def test_any_text_parses_or_is_refused(text: str, world: Mapping[str, object]) -> None:
    condition = outcome(text)
    assert condition is None or judged(condition, world) in (True, False, None)


@settings(max_examples=800, deadline=None)
@given(st.lists(WORDS, max_size=25).map(" ".join), WORLD)
def test_any_words_of_the_language_parse_or_are_refused(
    text: str, world: Mapping[str, object]
) -> None:
    condition = outcome(text)
    assert condition is None or judged(condition, world) in (True, False, None)


@settings(max_examples=800, deadline=None)
@given(CONDITIONS, WORLD)
def test_any_condition_over_any_inputs_is_true_false_or_unknown(
    text: str, world: Mapping[str, object]
) -> None:
    assert judged(parse(text), world) in (True, False, None)


@settings(max_examples=800, deadline=None)
@given(CONDITIONS, WORLD, st.sets(st.sampled_from(INPUTS)))
def test_what_is_settled_stays_so_whatever_the_missing_turns_out_to_be(
    text: str, world: Mapping[str, object], hidden: set[str]
) -> None:
    if any(word in text for word in ("missing", "known")):
        return
    before = judged(parse(text), {**world, **dict.fromkeys(hidden)})
    if before is not None:
        assert judged(parse(text), world) is before


@settings(max_examples=500, deadline=None)
@given(st.lists(CONDITIONS, max_size=4), WORLD)
def test_what_a_guard_leaves_out_is_false(texts: list[str], world: Mapping[str, object]) -> None:
    conditions = [parse(text) for text in texts]
    values = [plain_value(world[name]) for name in INPUTS]
    left = Guards(conditions, {name: place for place, name in enumerate(INPUTS)}).left(values)
    assert left == sorted(left)
    for number, condition in enumerate(conditions):
        if number not in left:
            assert judged(condition, world) is False


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "=="])
@pytest.mark.parametrize("value", [4.0, 5.0, 6.0, math.nextafter(5, 6), math.inf, None, "x"])
def test_a_guard_leaves_out_what_one_comparison_settles(sign: str, value: object) -> None:
    for text in (f"n {sign} 5 and a", f"a and 5 {MIRROR[sign]} n", f"not (not (n {sign} 5) or a)"):
        condition = parse(text)
        places = {name: place for place, name in enumerate(condition.inputs)}
        values = [plain_value(value if name == "n" else True) for name in condition.inputs]
        alone = holds(f"n {sign} 5", n=value)
        assert (Guards([condition], places).left(values) == []) == (alone is False)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, CONDITIONS, WORLD)
def test_de_morgan(first: str, second: str, world: Mapping[str, object]) -> None:
    if len(first) + len(second) > LONGEST - 30:
        return
    one = parse(f"not (({first}) and ({second}))")
    other = parse(f"not ({first}) or not ({second})")
    assert judged(one, world) is judged(other, world)


# --- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        " or ".join(["a"] * 200),
        " and ".join(["n<1"] * 110),
        "+".join(["n"] * 450) + " > 1",
        "*".join(["n"] * 450) + " > 1",
        "-" * 900 + "n > 1",
        "not " * 240 + "a",
        "(" * DEEPEST + "a" + ")" * DEEPEST,
        "n in [" + ",".join(["1"] * 400) + "]",
    ],
)
def test_the_longest_conditions_stay_shallow(text: str) -> None:
    assert len(text) <= LONGEST
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 300)
    try:
        truth = holds(text, a=True, n=0.5)
    finally:
        sys.setrecursionlimit(usual)
    assert truth in (True, False)


def test_the_language_uses_nothing_that_could_reach_out() -> None:
    banned = {
        "eval", "exec", "compile", "getattr", "setattr", "open", "globals", "locals", "vars",
        "__import__", "__builtins__", "input", "while",
    }  # fmt: skip
    folder = Path(expressions.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Name) and node.id in banned), (path, node.lineno)
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or node.names[0].name
                assert module.split(".")[0] in {
                    "collections", "dataclasses", "enum", "math", "numpy", "operator", "re",
                    "typing", "veridical",
                }  # fmt: skip
