"""Stored scores can be decided again, and the answer is what `decide` says."""

import json
from datetime import UTC, datetime

import pytest

from veridical import InputError, Measurement, ModelRef, OperatingPoint
from veridical.policy import Policy
from veridical.policy.replay import compare_policies, replay, stored_verdicts
from veridical.verification import Verdict, decide, load_policy, verdict_to_json

CARD = OperatingPoint(0.43, 0.36, "card:test")


def policy(required: tuple[str, ...], **points: float) -> Policy:
    return Policy(
        "p", 1, "0" * 64, required,
        operating_points={k: OperatingPoint(v, v, "policy:p") for k, v in points.items()},
    )  # fmt: skip


def stored(score: float | None, under: Policy) -> dict[str, object]:
    measured = [Measurement("face.match", score, "not_mated", {"n": 1}, (ModelRef("m", "a"),), 3.0)]
    decision = decide(measured, under, {"face.match": CARD})
    verdict = Verdict(
        "t", decision.outcome, decision.first_cause, decision.causes, decision.results,
        {"id": under.id, "version": 1, "sha256": under.sha256}, "registry", (), (), 1, 0,
        datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    # Through text and back, as a log keeps it.
    return json.loads(json.dumps(verdict_to_json(verdict)))


LOOSE = policy(("face.match",))


@pytest.mark.parametrize(
    ("score", "before", "after"),
    [(0.5, "accept", "reject"), (0.4, "review", "reject"), (0.7, "accept", "accept"),
     (None, "review", "review")],
)  # fmt: skip
def test_a_stricter_policy_changes_what_it_should(
    score: float | None, before: str, after: str
) -> None:
    result = replay([stored(score, LOOSE)], policy(("face.match",), **{"face.match": 0.6}), {})
    assert result.outcomes == {(before, after): 1}
    assert len(result.changes) == (before != after)


def test_the_reason_of_a_pass_is_not_lost() -> None:
    strict = policy(("face.match",), **{"face.match": 0.6})
    assert replay([stored(0.5, LOOSE)], strict, {}).changes[0].cause == "face.match:not_mated"


def test_the_thresholds_of_the_old_policy_do_not_survive() -> None:
    strict = policy(("face.match",), **{"face.match": 0.6})
    assert replay([stored(0.5, strict)], LOOSE, {"face.match": CARD}).outcomes == {
        ("reject", "accept"): 1
    }


def test_the_same_policy_changes_nothing() -> None:
    result = replay([stored(s, LOOSE) for s in (0.1, 0.4, 0.9, None)], LOOSE, {})
    assert (result.n, result.changes) == (4, [])


def test_a_check_that_was_never_measured_is_counted() -> None:
    both = policy(("face.match", "liveness.silent"))
    assert replay([stored(0.9, LOOSE)], both, {}).unmeasured == {"liveness.silent": 1}


@pytest.mark.parametrize("line", ["{", "[]", '{"format": "other/1"}'])
def test_a_line_that_is_no_verdict_is_named(line: str) -> None:
    with pytest.raises(InputError, match=r"log\.jsonl, line 2"):
        list(stored_verdicts([json.dumps(stored(0.5, LOOSE)), line], "log.jsonl"))


def test_policies_are_compared_line_by_line() -> None:
    assert compare_policies(load_policy("demo"), load_policy("demo")) == []
    lines = compare_policies(load_policy("demo"), load_policy("selfie"))
    assert "required: + document.specimen" in lines
    assert "allow_specimens: True -> False" in lines
    strict = policy(("face.match",), **{"face.match": 0.6})
    assert compare_policies(LOOSE, strict) == ["face.match: card -> 0.6/0.6"]
