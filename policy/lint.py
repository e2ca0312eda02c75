"""What would the author of a policy want to be told before it is used?"""

import difflib
import fnmatch
from collections.abc import Iterator

from veridical.catalogue import CHECKS, COMMON_EVIDENCE, REASONS, Trait, checks_with
from veridical.policy import Policy
from veridical.policy.expressions import Range, never_holds, settled_already
from veridical.policy.expressions.tree import (
    Compare,
    Input,
    Literal,
    Node,
    OneOf,
    walked,
)
from veridical.policy.media import unassessable
from veridical.policy.rules import ATTEMPT, FACTS, FIELDS, Rule, split_input
from veridical.policy.trials import try_examples
from veridical.result import Outcome, Status

__all__ = ["lint_policy"]

REASONS_PAGE = "docs/reference/reasons.md"
PROOFS = (Trait.COMPARES_FACE, Trait.TESTS_LIVENESS)


def lint_policy(policy: Policy) -> list[str]:
    """Warnings about a policy that can be used as it is, one line each; none at best."""
    warnings = []
    if policy.allow_specimens:
        warnings.append("specimen documents are let through; never use it in production")
    warnings += _unassessed(policy)
    if policy.checks and checks_with(*PROOFS).isdisjoint(policy.checks):
        warnings.append(
            "neither compares a face nor tests liveness: whoever holds what is handed in passes"
        )
    for rule in policy.rules.rules:
        warnings += [f"rule {rule.id!r} {fault}" for fault in _faults(rule, policy)]
    warnings += _repeated(policy)
    read = policy.rules.inputs
    warnings += [
        f"no rule reads the fact {fact!r}" for fact in policy.facts if f"{FACTS}{fact}" not in read
    ]
    warnings += _untried(policy)
    return warnings


def _faults(rule: Rule, policy: Policy) -> Iterator[str]:
    """What is odd about one rule."""
    ranges = {
        name: Range(0.0, 1.0)
        for name in rule.when.inputs
        if name.endswith((".error_rate", "_high"))
    }
    ranges[ATTEMPT] = Range(1.0, float(policy.attempts))
    settled = settled_already(rule.when)
    if settled:
        yield "holds always"
    elif settled is False or never_holds(rule.when, ranges):
        yield "can never hold: what it asks contradicts itself"
    for name in rule.when.inputs:
        check, key = split_input(name)
        if check and key not in FIELDS and (fault := _unknown_key(check, key)):
            yield fault
    for name, text in _texts(rule.when.tree):
        _, word = split_input(name)
        if word == "status" and text not in set(Status):
            yield f"compares {name} with {text!r}; it is one of {', '.join(Status)}"
        if word == "reason" and text and text not in REASONS:
            yield f"compares {name} with {text!r}, which is no reason; see {REASONS_PAGE}"
    checks = {check for name in rule.when.inputs if (check := split_input(name)[0])}
    if rule.then is Outcome.REJECT and checks and checks <= checks_with(Trait.SIGNAL):
        yield "rejects on what signals alone say: let a person look"


def _unassessed(policy: Policy) -> Iterator[str]:
    """Checks for which no kind of transaction under the policy has what they need."""
    kinds = ("recording",) if policy.for_recordings else ("onboarding", "reverify")
    lost = [unassessable(policy, kind) for kind in kinds]
    required = min((tuple(c for c in one if c in policy.required) for one in lost), key=len)
    if required:
        yield (
            f"can never accept: {', '.join(required)} can never be assessed with the media this "
            "policy asks for"
        )
    for check in policy.optional:
        if all(check in one for one in lost):
            yield (f"optional {check} can never be assessed with the media this policy asks for")


def _repeated(policy: Policy) -> Iterator[str]:
    first: dict[tuple[Node, Outcome], str] = {}
    for rule in policy.rules.rules:
        earlier = first.setdefault((rule.when.tree, rule.then), rule.id)
        if earlier != rule.id:
            yield f"rule {rule.id!r} says what {earlier!r} says"


def _untried(policy: Policy) -> Iterator[str]:
    """Examples of what no check says, and rules that none makes hold: what do they do?"""
    for example in policy.examples:
        for m in example.measurements:
            if m.reason and m.reason not in REASONS:
                yield f"example {example.name!r}: {m.reason!r} is no reason; see {REASONS_PAGE}"
    held = {
        found.rule.id
        for trial in try_examples(policy)
        for found in trial.decision.rules
        if found.holds
    }
    for rule in policy.rules.rules:
        if rule.id not in held:
            yield f"no example makes rule {rule.id!r} hold"


def _texts(tree: Node) -> Iterator[tuple[str, str]]:
    """Inputs and the texts they are compared with."""
    for node in walked(tree):
        match node:
            case Compare(_, Input(name), Literal(str() as text)):
                yield name, text
            case Compare(_, Literal(str() as text), Input(name)):
                yield name, text
            case OneOf(Input(name), values):
                yield from ((name, value) for value in values if isinstance(value, str))
            case _:
                continue


def _unknown_key(check: str, key: str) -> str:
    """What is wrong with a key of a check's evidence; empty when nothing is."""
    known = [*CHECKS[check].evidence, *COMMON_EVIDENCE]
    if any(fnmatch.fnmatchcase(key, pattern) for pattern in known):
        return ""
    close = difflib.get_close_matches(key, [*known, *FIELDS], 1)
    hint = f"; did you mean {check}.{close[0]}?" if close else ""
    return f"reads {check}.{key}, which the check does not give{hint}"
