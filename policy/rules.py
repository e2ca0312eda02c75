"""What does a policy make of several checks and facts together? Its rules, over one verdict."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from veridical.catalogue import CHECKS
from veridical.errors import InputError
from veridical.policy.expressions import (
    Condition,
    Guards,
    Kind,
    KindOf,
    Literal,
    Truth,
    Value,
    compiled,
    parse_condition,
    plain_value,
)
from veridical.result import CheckResult, Outcome

__all__ = [
    "ATTEMPT",
    "FACTS",
    "FACT_NAME",
    "FIELDS",
    "MOST_FACTS",
    "Refuse",
    "Rule",
    "RuleResult",
    "Rules",
    "checked_facts",
    "input_kind",
    "parse_constants",
    "parse_facts",
    "parse_rules",
    "split_input",
    "within",
]

MOST_RULES = 5_000
LONGEST_REASON = 200
MOST_FACTS = 20
FACT_NAME = "[a-z][a-z0-9_]{0,39}"
_NAME = re.compile(FACT_NAME)
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_KEYS = frozenset({"id", "when", "then", "unknown", "reason"})
_OUTCOMES = {"review": Outcome.REVIEW, "reject": Outcome.REJECT}
_UNKNOWN = ("review", "ignore")

ATTEMPT = "transaction.attempt"
FACTS, CONSTANTS = "facts.", "constants."

Refuse = Callable[[str], InputError]
"""Makes the error of a fault, with the place it is at."""

Read = Callable[[CheckResult], object]
FIELDS: Mapping[str, tuple[Kind, Read]] = {
    "score": (Kind.NUMBER, lambda result: result.score),
    "margin": (
        Kind.NUMBER,
        lambda result: (
            None
            if result.score is None or result.point is None
            else result.point.margin(result.score)
        ),
    ),
    "status": (Kind.TEXT, lambda result: result.status.value),
    "reason": (Kind.TEXT, lambda result: result.reason),
    "error_rate": (
        Kind.NUMBER,
        lambda result: result.error_rate.value if result.error_rate else None,
    ),
    "error_rate_high": (
        Kind.NUMBER,
        lambda result: result.error_rate.ci95[1] if result.error_rate else None,
    ),
}
"""What a rule may ask of a check; any other word is a key of its evidence."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows when a condition holds.

    Attributes:
        id: Its name; `rule:<id>` is the cause it gives.
        when: The condition.
        then: review or reject.
        ignore_unknown: Whether nothing follows when it cannot be told if the condition holds; a
            review does otherwise.
        reason: What an operator is told.
    """

    id: str
    when: Condition
    then: Outcome
    ignore_unknown: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """A rule that bore on an outcome.

    Attributes:
        rule: The rule.
        holds: True when its condition held; None when that was unknown and the rule minds.
        cause: Its name among the causes.
        asks: The outcome it asks for: what is unknown never rejects.
    """

    rule: Rule
    holds: Truth
    cause: str = field(init=False, compare=False)
    asks: Outcome = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cause", f"rule:{self.rule.id}")
        object.__setattr__(self, "asks", self.rule.then if self.holds else Outcome.REVIEW)


_Ready = tuple[Callable[[Sequence[Value]], Truth], RuleResult, RuleResult | None]
"""A rule's condition, what comes of it when it holds, and what when that is unknown."""


def _ready(rule: Rule, places: Mapping[str, int]) -> _Ready:
    minds = None if rule.ignore_unknown else RuleResult(rule, None)
    return compiled(rule.when, places), RuleResult(rule, holds=True), minds


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a policy, ready to run.

    Attributes:
        rules: In the order of the policy.
        inputs: What they read, each once.
    """

    rules: tuple[Rule, ...] = ()
    inputs: tuple[str, ...] = field(init=False, compare=False)
    _ready: tuple[_Ready, ...] = field(init=False, compare=False, repr=False)
    _guards: Guards = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        inputs = tuple(dict.fromkeys(name for rule in self.rules for name in rule.when.inputs))
        places = {name: place for place, name in enumerate(inputs)}
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "_ready", tuple(_ready(rule, places) for rule in self.rules))
        object.__setattr__(self, "_guards", Guards([rule.when for rule in self.rules], places))

    def __reduce__(self) -> tuple[type["Rules"], tuple[tuple[Rule, ...]]]:
        """Compiled conditions do not travel between processes: they are made anew."""
        return Rules, (self.rules,)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rules)

    def apply(
        self, results: Mapping[str, CheckResult], attempt: int, facts: Mapping[str, float]
    ) -> tuple[RuleResult, ...]:
        """Those that bear on an outcome, in the order of the policy.

        Args:
            results: Judged checks, by name.
            attempt: Number of the attempt.
            facts: What the caller told of the transaction.
        """
        if not self.rules:  # as of most policies
            return ()
        values = [_value(name, results, attempt, facts) for name in self.inputs]
        found = []
        for number in self._guards.left(values):
            test, held, unknown = self._ready[number]
            holds = test(values)
            if holds:
                found.append(held)
            elif holds is None and unknown is not None:
                found.append(unknown)
        return tuple(found)


def split_input(name: str) -> tuple[str, str]:
    """The check an input is about, and what is asked of it; an empty check for other inputs."""
    check, _, word = name.rpartition(".")
    return (check, word) if check in CHECKS else ("", name)


def _value(
    name: str, results: Mapping[str, CheckResult], attempt: int, facts: Mapping[str, float]
) -> Value:
    check, word = split_input(name)
    if check:
        result = results.get(check)
        if result is None:
            return None
        if known := FIELDS.get(word):
            return plain_value(known[1](result))
        return plain_value(result.measurement.evidence.get(word))
    return plain_value(attempt if name == ATTEMPT else facts.get(name.removeprefix(FACTS)))


def input_kind(
    name: str, checks: Sequence[str], facts: Sequence[str], constants: Mapping[str, Value]
) -> Kind | Literal:
    """What an input is, or the constant it stands for.

    Args:
        name: As a condition names it.
        checks: Those the policy runs.
        facts: Those the policy declares.
        constants: Those it defines.

    Raises:
        LookupError: There is no such input; the message says what there is.
    """
    check, word = split_input(name)
    if check:
        if check not in checks:
            raise LookupError(
                f"{check} is neither required nor optional in this policy, so that nothing would "
                "ever be known of it"
            )
        return FIELDS[word][0] if word in FIELDS else Kind.ANY
    if name == ATTEMPT:
        return Kind.NUMBER
    if name.startswith(FACTS):
        if (fact := name.removeprefix(FACTS)) in facts:
            return Kind.NUMBER
        raise LookupError(f"no fact {fact!r}: facts lists {_listed(facts)}")
    if name.startswith(CONSTANTS):
        value = constants.get(constant := name.removeprefix(CONSTANTS))
        if value is not None:
            return Literal(value)
        raise LookupError(f"no constant {constant!r}: [constants] has {_listed(constants)}")
    raise LookupError(
        f"unknown input {name!r}: wanted a check with {', '.join(FIELDS)} or a key of its "
        f"evidence, such as face.match.score, or {ATTEMPT}, {FACTS}NAME, {CONSTANTS}NAME"
    )


def within(refuse: Refuse, place: str) -> Refuse:
    """Makes errors of one place within what a file says."""
    return lambda problem: refuse(f"{place}: {problem}")


def _listed(names: Sequence[str] | Mapping[str, Value]) -> str:
    return ", ".join(names) or "none"


def checked_facts(raw: object) -> dict[str, float]:
    """Facts of a transaction as they come in from outside.

    Raises:
        InputError: `facts.malformed`: anything but a few names with a finite number each.
    """
    if isinstance(raw, dict) and len(raw) <= MOST_FACTS:
        facts = {name: plain_value(value) for name, value in raw.items()}
        if all(
            isinstance(name, str)
            and _NAME.fullmatch(name)
            and isinstance(value, float)
            and math.isfinite(value)
            for name, value in facts.items()
        ):
            return {name: value for name, value in facts.items() if isinstance(value, float)}
    raise InputError(
        f"facts are at most {MOST_FACTS} names of a-z, 0-9 and _ with a finite number each, such "
        'as {"amount": 5000}',
        "facts.malformed",
    )


def parse_facts(raw: object, refuse: Refuse) -> tuple[str, ...]:
    """Read the names of the facts that a policy's rules may ask for.

    Raises:
        InputError: `policy.malformed`.
    """
    if (
        not isinstance(raw, list)
        or len(raw) > MOST_FACTS
        or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in raw)
        or len(set(raw)) < len(raw)
    ):
        raise refuse(
            f"facts must list at most {MOST_FACTS} names, each once, of a-z, 0-9 and _ from a "
            "letter on"
        )
    return tuple(raw)


def parse_constants(raw: object, refuse: Refuse) -> dict[str, float | str | bool]:
    """Read the values that a policy gives names to.

    Raises:
        InputError: `policy.malformed`.
    """
    if not isinstance(raw, dict):
        raise refuse("constants must be a table of names with a value each")
    found = {}
    for name, given in raw.items():
        value = plain_value(given)
        if not _NAME.fullmatch(name) or value is None or value in (math.inf, -math.inf):
            raise refuse(
                f"constants: {name!r} wants a name of a-z, 0-9 and _ from a letter on, and a "
                "finite number, a text, true or false"
            )
        found[name] = value
    return found


def parse_rules(raw: object, kind_of: KindOf, refuse: Refuse) -> Rules:
    """Read the `[[rules]]` of a policy.

    Args:
        raw: As TOML gives them.
        kind_of: See `input_kind`.
        refuse: Makes the error of what is wrong.

    Raises:
        InputError: `policy.malformed`.
    """
    if not isinstance(raw, list) or len(raw) > MOST_RULES:
        raise refuse(f"rules must be at most {MOST_RULES} tables [[rules]]")
    rules: dict[str, Rule] = {}
    for number, entry in enumerate(raw, 1):
        rule = _rule(entry, kind_of, within(refuse, f"rule {number}"))
        if rule.id in rules:
            raise refuse(f"rule {number}: there are two rules {rule.id!r}")
        rules[rule.id] = rule
    return Rules(tuple(rules.values()))


def _rule(
    entry: Any,  # noqa: ANN401
    kind_of: KindOf,
    refuse: Refuse,
) -> Rule:
    if not isinstance(entry, dict):
        raise refuse("wanted a table")
    if unknown := sorted(entry.keys() - _KEYS):
        raise refuse(f"unknown keys {unknown}; known are {sorted(_KEYS)}")
    name, when = entry.get("id"), entry.get("when")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise refuse("wants an id of a-z, 0-9, - and _, at most 60 characters")
    if not isinstance(when, str):
        raise refuse(f"{name!r} wants a condition: when (text)")
    then = entry.get("then")
    if not isinstance(then, str) or then not in _OUTCOMES:
        raise refuse(f"{name!r}: then must be review or reject, got {then!r}")
    if (unknown_ := entry.get("unknown", "review")) not in _UNKNOWN:
        raise refuse(f"{name!r}: unknown must be review or ignore, got {unknown_!r}")
    reason = entry.get("reason", "")
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
        raise refuse(f"{name!r}: reason must be a text of at most {LONGEST_REASON} characters")
    try:
        condition = parse_condition(when, kind_of)
    except InputError as error:
        raise refuse(f"{name!r}: when, {error}") from None
    return Rule(name, condition, _OUTCOMES[then], unknown_ == "ignore", reason)
