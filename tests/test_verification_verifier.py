"""The orchestrator runs what the policy asks, shares the analysis, and hides nothing."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veridical import Image, InputError, Measurement, ModelRef, OperatingPoint, Outcome
from veridical.analysis.analysis import Analysis, spread
from veridical.analysis.engines import Engines
from veridical.catalogue.steps import Makers, Step, build_steps
from veridical.policy import Policy
from veridical.verification import CHECKS, Transaction, Verifier, load_policy, verdict_to_json

POINTS = dict.fromkeys(CHECKS, OperatingPoint(0.5, 0.25, "card:test"))
NOTHING: Makers = {}


def verifier(policy: Policy, scores: Mapping[str, float | None]) -> Verifier:
    def fixed(check: str) -> Step:
        score = scores.get(check, 1.0)
        return lambda _: Measurement(
            check, score, "no_face", {"n": 1}, (ModelRef("net", "ab" * 32),)
        )

    steps = {check: fixed(check) for check in CHECKS}
    return Verifier(steps, Engines.of(), POINTS, policy)


def selfie() -> Transaction:
    return Transaction("t-1", selfie=Image(np.zeros((8, 8, 3), np.uint8)))


@pytest.mark.parametrize(
    ("scores", "outcome", "cause"),
    [
        ({}, Outcome.ACCEPT, None),
        ({"face.match": 0.1}, Outcome.REJECT, "face.match:no_face"),
        ({"face.match": 0.3}, Outcome.RETRY, "face.match:no_face"),
        ({"face.match": None}, Outcome.RETRY, "face.match:no_face"),
        ({"watchlist.search": 0.1}, Outcome.REVIEW, "watchlist.search:no_face"),
        ({"document.specimen": 0.0}, Outcome.REJECT, "document.specimen:no_face"),
    ],
)
def test_outcomes(scores: Mapping[str, float | None], outcome: Outcome, cause: str | None) -> None:
    verdict = verifier(load_policy("selfie"), scores).verify(selfie())
    assert (verdict.outcome, verdict.first_cause) == (outcome, cause)


def test_only_the_policy_s_checks_run() -> None:
    verdict = verifier(load_policy("selfie"), {}).verify(selfie())
    assert {r.check for r in verdict.results} == set(load_policy("selfie").checks)


def test_the_demo_policy_shows_the_specimen_and_stamps_the_verdict() -> None:
    verdict = verifier(load_policy("demo"), {"document.specimen": 0.0}).verify(selfie())
    assert verdict.outcome is Outcome.ACCEPT
    assert verdict.stamps == ("specimen_allowed",)
    assert "document.specimen" in {r.check for r in verdict.results}


def test_a_policy_named_for_one_transaction_comes_first() -> None:
    engine = verifier(load_policy("selfie"), {"document.specimen": 0.0})
    assert engine.verify(selfie(), load_policy("demo")).outcome is Outcome.ACCEPT
    assert engine.verify(selfie()).outcome is Outcome.REJECT


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(CHECKS, st.sampled_from([None, 0.0, 0.3, 1.0]))
    ),
    st.permutations(load_policy("spoken").required),
)
def test_failing_fast_changes_neither_outcome_nor_first_cause(
    scores: Mapping[str, float | None], order: list[str]
) -> None:
    whole = replace(load_policy("spoken"), required=tuple(order))
    engine = verifier(whole, scores)
    slow, fast = (
        engine.verify(selfie(), policy) for policy in (whole, replace(whole, fail_fast=True))
    )
    assert (fast.outcome, fast.first_cause) == (slow.outcome, slow.first_cause)
    run = [r for r in fast.results if r.reason != "not_run"]
    if fast.outcome is Outcome.REJECT:
        asked = [r.check for r in run if r.check in order]
        assert asked == order[: order.index(asked[-1]) + 1]
    else:
        assert len(run) == len(slow.results)


def test_the_last_attempt_ends_in_review_not_retry() -> None:
    engine = verifier(load_policy("selfie"), {"face.match": None})
    last = Transaction("t", selfie=selfie().selfie, attempt=3)
    assert engine.verify(last).outcome is Outcome.REVIEW


def test_the_verdict_is_plain_json() -> None:
    verdict = verifier(load_policy("selfie"), {"face.match": float("nan")}).verify(selfie())
    answer = json.loads(json.dumps(verdict_to_json(verdict), allow_nan=False))
    assert answer["policy"]["sha256"] == load_policy("selfie").sha256
    match = next(c for c in answer["checks"] if c["check"] == "face.match")
    assert (match["status"], match["score"]) == ("not_assessed", None)
    assert match["models"] == [{"name": "net", "sha256": "ab" * 32}]
    assert match["accept_at"] == 0.5


def test_without_any_model_every_check_says_why_it_did_not_judge() -> None:
    engine = Verifier(build_steps({}), Engines.of(), POINTS, load_policy("spoken"))
    verdict = engine.verify(selfie())
    assert verdict.outcome is Outcome.REVIEW
    assert {r.reason for r in verdict.results} <= {"model_missing", "no_watchlist"}
    assert len(verdict.assurance) == len(verdict.results)


def test_every_known_check_has_a_step_and_in_that_order() -> None:
    assert list(build_steps({})) == list(CHECKS)


def test_an_empty_transaction_is_accepted_by_no_shipped_policy() -> None:
    for name in ("demo", "reverify", "selfie", "spoken"):
        analysis_free = Verifier(build_steps({}), Engines.of(), POINTS, load_policy(name))
        assert analysis_free.verify(Transaction("empty")).outcome is not Outcome.ACCEPT


def test_the_analysis_of_nothing_is_nothing() -> None:
    analysis = Analysis(Transaction("empty"), Engines.of())
    assert (analysis.front, analysis.portrait, analysis.views) == (None, None, ())


@pytest.mark.parametrize(
    ("available", "wanted", "expected"),
    [(1, 12, [0]), (12, 12, list(range(12))), (180, 3, [0, 90, 179]), (5, 2, [0, 4])],
)
def test_frames_are_spread_over_the_whole_clip(
    available: int, wanted: int, expected: list[int]
) -> None:
    assert list(spread(available, wanted)) == expected


CALIBRATION = """
format = "veridical.calibration/1"
check = "face.match"
[data]
description = "hand-made"
models = ["{model}"]
[operating_point]
accept_at = 0.9
reject_below = 0.8
[error_rate]
kind = "fmr"
n = 1000
scores = [0.0, 0.5, 0.95]
rates = [1.0, 0.01, 0.001]
low = [1.0, 0.005, 0.0]
high = [1.0, 0.02, 0.003]
[llr]
scores = [0.0, 1.0]
values = [-5.0, 5.0]
"""


def calibrated(folder: Path, model: str) -> Policy:
    path = folder / "face.toml"
    path.write_text(CALIBRATION.format(model=model), encoding="utf-8")
    return Policy("p", 1, "c" * 64, ("face.match",), calibration={"face.match": path})


@pytest.mark.parametrize(
    ("score", "outcome", "value"), [(0.96, Outcome.ACCEPT, 0.001), (0.6, Outcome.REJECT, 0.01)]
)
def test_a_calibration_comes_before_the_card_and_says_what_a_score_means(
    tmp_path: Path, score: float, outcome: Outcome, value: float
) -> None:
    policy = calibrated(tmp_path, "net@" + "ab" * 32)
    verdict = verifier(policy, {"face.match": score}).verify(selfie())
    (match,) = (r for r in verdict.results if r.check == "face.match")
    assert verdict.outcome is outcome
    assert match.point is not None
    assert match.point.source.startswith("calibration:")
    assert match.error_rate is not None
    assert (match.error_rate.kind, match.error_rate.value) == ("fmr", value)


def test_a_calibrated_score_is_weighed_by_what_the_check_saw(tmp_path: Path) -> None:
    policy = calibrated(tmp_path, "net@" + "ab" * 32)
    path = policy.calibration["face.match"]
    with path.open("a", encoding="utf-8") as file:
        file.write("[llr.covariates]\nn = [-2.0, 1.5]\nnot_seen = [9.0, 0.0]\n")
    verdict = verifier(policy, {"face.match": 0.6}).verify(selfie())
    (match,) = (r for r in verdict.results if r.check == "face.match")
    # The line gives 1 at 0.6; the check's evidence has n = 1, half below the mean of the fit.
    assert match.measurement.evidence["log_likelihood_ratio"] == pytest.approx(1 + 1)
    nothing = verifier(policy, {"face.match": None}).verify(selfie())
    (match,) = (r for r in nothing.results if r.check == "face.match")
    assert "log_likelihood_ratio" not in match.measurement.evidence


def test_a_calibration_of_other_models_is_not_believed(tmp_path: Path) -> None:
    policy = calibrated(tmp_path, "other@" + "cd" * 32)
    verdict = verifier(policy, {"face.match": 0.6}).verify(selfie())
    (match,) = (r for r in verdict.results if r.check == "face.match")
    assert verdict.outcome is Outcome.ACCEPT
    assert (match.point, match.error_rate) == (POINTS["face.match"], None)
    assert verdict.assurance == ("face.match:calibration_other_model",)


def test_the_same_policy_in_another_folder_reads_its_own_calibration(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = calibrated(tmp_path / "a", "other@" + "cd" * 32)
    second = calibrated(tmp_path / "b", "net@" + "ab" * 32)
    assert first.sha256 == second.sha256
    verdict = verifier(first, {"face.match": 0.6}).verify(selfie(), second)
    assert verdict.outcome is Outcome.REJECT
    assert verdict.assurance == ()


def test_a_calibration_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    policy = Policy(
        "p", 1, "", ("face.match",), calibration={"face.match": tmp_path / "absent.toml"}
    )
    with pytest.raises(InputError, match=r"absent\.toml"):
        verifier(policy, {})


def test_a_client_cannot_ask_for_the_policy_that_lets_specimens_through() -> None:
    asked = verifier(load_policy("selfie"), {}).policies
    assert {"onboarding", "recheck", "reverify", "selfie", "spoken", "withdrawal"} <= set(asked)
    assert not {"demo", "demo-spoken"} & set(asked)
    assert "demo" in verifier(load_policy("demo"), {}).policies
