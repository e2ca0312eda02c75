"""A signal lowers an accept to review. It brings no accept about, and no rejection."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veridical import InputError, Measurement, OperatingPoint, Outcome
from veridical.catalogue import Trait, checks_with
from veridical.catalogue.reasons import reasons
from veridical.policy import Policy, parse_policy
from veridical.transactions.rules import with_checks
from veridical.verification import CHECKS, decide

SIGNALS = tuple(sorted(checks_with(Trait.SIGNAL)))
OTHERS = tuple(check for check in CHECKS if check not in SIGNALS)

scores = st.none() | st.floats(-10, 10) | st.sampled_from([float("nan"), float("inf")])
codes = st.sampled_from(["", "no_face", "model_missing", *sorted(reasons())])
points = st.tuples(st.floats(-5, 5), st.floats(0, 5)).map(
    lambda pair: OperatingPoint(pair[0], pair[0] - pair[1])
)


def measured(checks: tuple[str, ...]) -> st.SearchStrategy[list[Measurement]]:
    one = st.builds(Measurement, st.sampled_from(checks), scores, codes)
    return st.lists(one, max_size=8)


@given(
    others=measured(OTHERS),
    signals=measured(SIGNALS),
    required=st.lists(st.sampled_from(OTHERS), unique=True, max_size=4),
    optional=st.lists(st.sampled_from(SIGNALS), unique=True),
    thresholds=st.dictionaries(st.sampled_from(list(CHECKS)), points),
    attempt=st.integers(1, 3),
)
def test_no_value_of_any_signal_does_more_than_lower_an_accept_to_review(
    others: list[Measurement],
    signals: list[Measurement],
    required: list[str],
    optional: list[str],
    thresholds: dict[str, OperatingPoint],
    attempt: int,
) -> None:
    policy = Policy("p", 1, "", tuple(required), tuple(optional), attempts=3)
    without = decide(others, policy, thresholds, attempt=attempt)
    told = decide([*signals, *others], policy, thresholds, attempt=attempt)
    if without.outcome is Outcome.ACCEPT:
        assert told.outcome in (Outcome.ACCEPT, Outcome.REVIEW)
    else:
        assert told.outcome is without.outcome


def test_a_signal_that_fails_leads_an_accept_to_review() -> None:
    policy = Policy("p", 1, "", ("face.match",), ("signals.lists",))
    thresholds = dict.fromkeys(policy.checks, OperatingPoint(0.5, 0.5))
    face, denied = Measurement("face.match", 1.0), Measurement("signals.lists", 0.0, "denied")
    assert decide([face], policy, thresholds).outcome is Outcome.ACCEPT
    decision = decide([face, denied], policy, thresholds)
    assert (decision.outcome, decision.first_cause) == (Outcome.REVIEW, "signals.lists:denied")


@pytest.mark.parametrize("signal", SIGNALS)
def test_no_policy_requires_a_signal(signal: str) -> None:
    text = f'id = "p"\nversion = 1\nrequired = ["face.match", "{signal}"]\n'
    with pytest.raises(InputError, match="never bring one about") as caught:
        parse_policy(text.encode(), "p.toml", Path())
    assert caught.value.code == "policy.malformed"
    policy = parse_policy(text.replace("required", "optional").encode(), "p.toml", Path())
    assert signal in policy.optional
    with pytest.raises(InputError, match="never bring one about"):
        replace(policy, required=(signal,))
    with pytest.raises(InputError, match="never bring one about"):
        with_checks(policy, [signal])
