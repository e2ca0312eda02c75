"""Nothing but a pass of every required check accepts."""

import itertools
import math

import pytest

from veridical import Measurement, OperatingPoint, Outcome, Status
from veridical.policy import Policy
from veridical.policy.decision import decide

POINT = OperatingPoint(0.6, 0.4)
FACE, LIVE, VOICE, LIST = "face.match", "liveness.silent", "voice.match", "watchlist.search"
POINTS = dict.fromkeys([FACE, LIVE, VOICE, LIST], POINT)
MENDABLE, FINAL = "no_face", "model_missing"

# Every way a check can end, as a measurement: status, score, reason; None = never measured.
ENDS: dict[str, tuple[float | None, str] | None] = {
    "pass": (0.9, "not_mated"),
    "review": (0.5, "not_mated"),
    "review_mendable": (0.5, MENDABLE),
    "fail": (0.1, "not_mated"),
    "not_assessed": (None, FINAL),
    "not_assessed_mendable": (None, MENDABLE),
    "nan": (math.nan, FINAL),
    "absent": None,
}


def policy(
    required: tuple[str, ...] = (FACE, LIVE),
    optional: tuple[str, ...] = (VOICE,),
    attempts: int = 2,
) -> Policy:
    return Policy("test", 1, "0" * 64, required, optional, attempts)


def measured(**ends: str) -> list[Measurement]:
    found = []
    for check, end in ends.items():
        if (pair := ENDS[end]) is not None:
            found.append(Measurement(check, *pair))
    return found


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize(("face", "live", "voice"), [*itertools.product(ENDS, repeat=3)])
def test_every_combination(face: str, live: str, voice: str, attempt: int) -> None:
    ends = {FACE: face, LIVE: live, VOICE: voice}
    decision = decide(measured(**ends), policy(), POINTS, attempt=attempt)
    required = [face, live]
    if "fail" in required:
        expected = Outcome.REJECT
    elif required != ["pass", "pass"]:
        mendable = {"review_mendable", "not_assessed_mendable", "pass"}.issuperset(required)
        expected = Outcome.RETRY if mendable and attempt == 1 else Outcome.REVIEW
    elif voice in ("fail", "review", "review_mendable"):
        expected = Outcome.REVIEW
    else:
        expected = Outcome.ACCEPT
    assert decision.outcome is expected
    assert (decision.first_cause is None) == (expected is Outcome.ACCEPT)


def test_the_first_failing_check_in_policy_order_is_the_cause() -> None:
    decision = decide(measured(**{LIVE: "fail", FACE: "fail"}), policy(), POINTS)
    assert decision.first_cause == "face.match:not_mated"
    assert decision.causes == ("face.match:not_mated", "liveness.silent:not_mated")


def test_a_check_that_only_waits_does_not_mask_the_one_that_rejects() -> None:
    decision = decide(measured(**{FACE: "not_assessed", LIVE: "fail"}), policy(), POINTS)
    assert decision.outcome is Outcome.REJECT
    assert decision.first_cause == "liveness.silent:not_mated"


def test_an_optional_check_never_rejects() -> None:
    ends = {FACE: "pass", LIVE: "pass", VOICE: "fail"}
    assert decide(measured(**ends), policy(), POINTS).outcome is Outcome.REVIEW


def test_an_empty_policy_accepts_nobody() -> None:
    decision = decide(measured(**{FACE: "pass"}), policy((), ()), POINTS)
    assert (decision.outcome, decision.first_cause) == (Outcome.REVIEW, "policy:empty")


def test_the_policy_s_operating_point_comes_first() -> None:
    strict = Policy(
        "test", 1, "", (FACE,), operating_points={FACE: OperatingPoint(0.95, 0.95, "policy:test")}
    )
    decision = decide(measured(**{FACE: "pass"}), strict, POINTS)
    assert decision.outcome is Outcome.REJECT
    assert decision.results[0].point == OperatingPoint(0.95, 0.95, "policy:test")


def test_a_score_without_an_operating_point_is_for_a_person() -> None:
    decision = decide(measured(**{FACE: "pass"}), policy((FACE,), ()), {})
    assert (decision.outcome, decision.first_cause) == (
        Outcome.REVIEW,
        "face.match:no_operating_point",
    )


def test_a_check_outside_the_policy_is_shown_and_bears_on_nothing() -> None:
    ends = {FACE: "pass", LIVE: "pass", LIST: "fail"}
    decision = decide(measured(**ends), policy(), POINTS)
    assert decision.outcome is Outcome.ACCEPT
    assert [r.check for r in decision.results] == [FACE, LIVE, VOICE, LIST]


@pytest.mark.parametrize(
    ("score", "status"),
    [(0.6, Status.PASS), (0.59, Status.REVIEW), (0.4, Status.REVIEW), (0.39, Status.FAIL)],
)
def test_thresholds_belong_to_the_better_side(score: float, status: Status) -> None:
    assert POINT.status(score) is status


def test_nan_fails_an_operating_point() -> None:
    assert POINT.status(math.nan) is Status.FAIL


@pytest.mark.parametrize(
    ("accept_at", "reject_below"), [(0.4, 0.6), (math.nan, 0.1), (0.5, math.nan)]
)
def test_an_operating_point_out_of_order_is_refused(accept_at: float, reject_below: float) -> None:
    with pytest.raises(ValueError, match="accept_at >= reject_below"):
        OperatingPoint(accept_at, reject_below)


def test_deciding_again_gives_the_same() -> None:
    found = measured(**{FACE: "review", LIVE: "fail", VOICE: "pass"})
    assert decide(found, policy(), POINTS) == decide(found, policy(), POINTS)
