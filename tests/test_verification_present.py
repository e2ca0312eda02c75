"""Six witnesses of one question: what they add up to, and what they never pay for."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from veridical.catalogue import CHECKS, Bands, Trait, checks_with
from veridical.catalogue.points import own_points
from veridical.errors import InputError
from veridical.liveness.permutation import DRAWS
from veridical.policy import earlier_policies, parse_policy
from veridical.policy.present import PRESENT, Present, add_up, bars
from veridical.policy.replay import compare_policies, replay
from veridical.policy.verdict import verdict_of, verdict_to_json
from veridical.result import CheckResult, Measurement, OperatingPoint, Outcome, Status
from veridical.verification import Policy, decide, load_policy

POINT = OperatingPoint(1.0, 0.0, "test")
SPOKEN = ("voice.digits", "liveness.lips", "liveness.light", "capture.continuity")
LIPS: dict[str, Any] = {"schedule_llr": 2.0, "consistency_llr": 1.5, "text_llr": 0.0}
STEPWISE: dict[str, Any] = {"revealed": "stepwise"}


def result(
    check: str, status: Status = Status.PASS, reason: str = "", **evidence: object
) -> CheckResult:
    score = {Status.PASS: 2.0, Status.REVIEW: 0.5, Status.FAIL: -1.0}.get(status)
    return CheckResult(Measurement(check, score, reason, evidence), status, POINT, reason)  # type: ignore[arg-type]


def genuine(**other: CheckResult) -> dict[str, CheckResult]:
    found = {
        "voice.digits": result("voice.digits"),
        "liveness.lips": result("liveness.lips", **LIPS),
        "liveness.light": result("liveness.light", **STEPWISE),
        "capture.continuity": result("capture.continuity"),
    }
    return found | {one.check: one for one in other.values()}


def lacking(check: str, reason: str) -> CheckResult:
    return result(check, Status.NOT_ASSESSED, reason)


def point() -> OperatingPoint:
    return own_points()[PRESENT]


# --- adding up ------------------------------------------------------------------------------------


def test_a_genuine_answer_is_present() -> None:
    added = add_up(genuine(), SPOKEN)
    assert point().status(added.measurement().score or 0) is Status.PASS
    assert added.moment == "stepwise"


def test_the_parts_add_up_to_the_smallest_sum() -> None:
    best = CheckResult(Measurement("liveness.light", 3.699, "", STEPWISE), Status.PASS, POINT)
    for light in (result("liveness.light", **STEPWISE), best):
        _adds_up(light)


def _adds_up(light: CheckResult) -> None:
    for weak in (LIPS, {**LIPS, "schedule_llr": -9.0}, {**LIPS, "consistency_llr": -9.0}):
        added = add_up(genuine(lips=result("liveness.lips", **weak), light=light), SPOKEN)
        told = added.measurement()
        assert sum(part or 0.0 for part in added.parts.values()) == pytest.approx(
            told.score, abs=0.02
        )
        assert min(added.sums.values()) == pytest.approx(told.score, abs=0.01)


def test_a_strong_light_lets_weak_lips_pass() -> None:
    weak = result(
        "liveness.lips", Status.REVIEW, "lips_sound_apart", **{**LIPS, "consistency_llr": -1.5}
    )
    assert (
        point().status(add_up(genuine(lips=weak), SPOKEN).measurement().score or 0) is Status.PASS
    )


def test_only_a_light_that_no_other_draw_fits_outweighs_lips_at_their_worst() -> None:
    worst = result("liveness.lips", Status.REVIEW, "lips_sound_apart", consistency_llr=-9.0)
    passed = {}
    for score in (3.1, 3.699):
        light = CheckResult(Measurement("liveness.light", score, "", STEPWISE), Status.PASS, POINT)
        told = add_up(genuine(lips=worst, light=light), SPOKEN)
        passed[score] = point().status(told.measurement().score or 0.0) is Status.PASS
        assert told.sums["generated"] == pytest.approx(6.8)  # a rank among draws says nothing here
    assert passed == {3.1: False, 3.699: True}


def test_perfect_lips_digits_and_schedule_do_not_pay_for_a_missing_light() -> None:
    best = result("liveness.lips", schedule_llr=99.0, consistency_llr=99.0)
    dark = lacking("liveness.light", "light_too_weak")
    told = add_up(genuine(lips=best, light=dark), SPOKEN).measurement()
    assert told.score is not None
    assert told.score <= 0
    assert (told.reason, told.evidence["moment"]) == ("light_too_weak", "unbound")


def test_light_told_all_at_once_says_nothing_against_a_clip_made_to_fit_it() -> None:
    late = result("liveness.light", revealed="at_once")
    told = add_up(genuine(light=late), SPOKEN).measurement()
    assert (told.score, told.evidence["weakest"]) == (0.0, "generated")
    assert (told.reason, told.evidence["moment"]) == ("revealed_at_once", "at_once")


def test_sound_alone_witnesses_nothing() -> None:
    """The light answers, and lips and light are all that is seen: with one of them gone, no sum."""
    only = {"liveness.light": result("liveness.light", **STEPWISE)}
    assert add_up(only, SPOKEN).measurement().score == 0.0
    heard = {
        "voice.digits": result("voice.digits"),
        "liveness.lips": result("liveness.lips", schedule_llr=2.0),
    }
    assert (add_up(heard, SPOKEN).measurement().score or 0.0) <= 0.0


def test_nothing_assessed_is_not_assessed() -> None:
    told = add_up(
        {"liveness.light": lacking("liveness.light", "frame_rate_low")}, SPOKEN
    ).measurement()
    assert (told.score, told.reason) == (None, "frame_rate_low")


@pytest.mark.parametrize(
    ("lips", "reason"),
    [("too_little_speech", "too_little_speech"), ("missing_input", "too_few_witnesses")],
)
def test_what_nobody_asked_for_is_no_reason(lips: str, reason: str) -> None:
    """A phrase was read: that there are no digits tells the applicant nothing."""
    read = genuine(
        digits=lacking("voice.digits", "missing_input"), lips=lacking("liveness.lips", lips)
    )
    assert add_up(read, SPOKEN).measurement().reason == reason


@pytest.mark.parametrize(
    ("witness", "reason"),
    [
        (result("voice.digits", Status.FAIL, "wrong_digits"), "wrong_digits"),
        (result("liveness.lips", Status.FAIL, "lips_still"), "lips_still"),
    ],
)
def test_what_refused_before_refuses_now(witness: CheckResult, reason: str) -> None:
    told = add_up(genuine(one=witness), SPOKEN).measurement()
    assert point().status(told.score or 0.0) is Status.FAIL
    assert told.reason == reason


def test_turns_stand_in_for_nothing_that_they_cannot_see() -> None:
    turned = {
        "liveness.motion": result("liveness.motion"),
        "liveness.light": lacking("liveness.light", "light_too_weak"),
        "voice.digits": result("voice.digits"),
    }
    added = add_up(turned, ("liveness.motion", "liveness.light", "voice.digits"))
    assert added.sums["splice"] == pytest.approx(4.5)
    assert added.sums["generated"] == 0.0


# --- the numbers ----------------------------------------------------------------------------------


def test_no_ratio_is_larger_than_its_people_allow() -> None:
    for witness in Present.shipped().witnesses.values():
        largest = max(abs(witness.at_most), *map(abs, witness.by_status.values()), 0.0)
        if witness.persons:
            assert largest <= math.log(witness.persons / 3) + 0.01, witness.name
        else:
            assert witness.simulated, witness.name  # nobody was measured, and it says so
        assert witness.data


def test_the_best_light_is_a_rank_that_no_other_draw_shares() -> None:
    light = Present.shipped().witnesses["light"]
    first, second = (-math.log10(rank / (DRAWS + 1)) for rank in (1, 2))
    assert second < light.best_from <= first
    assert light.best <= math.log(DRAWS + 1)
    assert light.best > light.by_status[Status.PASS]


def test_witnesses_are_the_checks_that_the_catalogue_calls_so() -> None:
    assert set(Present.shipped().checks) == checks_with(Trait.WITNESS)
    named = {key for key in CHECKS[PRESENT].evidence if key.startswith("witness_")}
    assert named == {f"witness_{name}" for name in Present.shipped().witnesses}


def test_a_clip_fixed_before_the_draw_passes_as_rarely_as_the_draw_says() -> None:
    """Whatever else it can: against each attack the light is missed, the sum is not enough."""
    best = result("liveness.lips", schedule_llr=99.0, consistency_llr=99.0)
    for status in (Status.REVIEW, Status.NOT_ASSESSED):
        told = add_up(
            genuine(
                lips=best, light=result("liveness.light", status, "light_too_weak", **STEPWISE)
            ),
            SPOKEN,
        ).measurement()
        assert point().status(told.score or 0.0) is not Status.PASS


# --- the decision ---------------------------------------------------------------------------------

POLICY = """
id = "mine"
version = 1
attempts = 3
required = ["face.match", "capture.present"]
witnesses = ["voice.digits", "liveness.lips", "liveness.light", "capture.continuity"]
"""


def policy(more: str = "") -> Policy:
    return parse_policy((POLICY + more).encode(), "p", Path())


def decided(
    results: dict[str, CheckResult], asked: Policy | None = None, attempt: int = 1
) -> tuple[Outcome, str | None]:
    measured = [one.measurement for one in results.values()] + [Measurement("face.match", 2.0)]
    points = dict.fromkeys([*SPOKEN, "face.match"], POINT) | {PRESENT: point()}
    decision = decide(measured, asked or policy(), points, attempt=attempt)
    return decision.outcome, decision.first_cause


def test_the_decision_adds_up_and_shows_every_witness() -> None:
    assert decided(genuine()) == (Outcome.ACCEPT, None)
    measured = [one.measurement for one in genuine().values()]
    decision = decide(measured, policy(), dict.fromkeys(SPOKEN, POINT) | {PRESENT: point()})
    assert [one.check for one in decision.results] == ["face.match", PRESENT, *SPOKEN]


def test_daylight_is_asked_again_and_then_seen_by_a_person() -> None:
    dark = genuine(light=lacking("liveness.light", "light_too_weak"))
    assert decided(dark) == (Outcome.RETRY, "capture.present:light_too_weak")
    assert decided(dark, attempt=3) == (Outcome.REVIEW, "capture.present:light_too_weak")


@pytest.mark.parametrize(
    "light",
    ["light_too_weak", "frame_rate_low", "colour_missing", "light_no_challenge", "slices_late"],
)
def test_no_way_of_blinding_the_light_ends_in_an_accept(light: str) -> None:
    for attempt in (1, 2, 3):
        outcome, _ = decided(genuine(light=lacking("liveness.light", light)), attempt=attempt)
        assert outcome in (Outcome.RETRY, Outcome.REVIEW)


def test_where_the_moment_is_preferred_the_others_must_pass_by_themselves() -> None:
    asked = policy('moment = "preferred"\n')
    dark = genuine(light=lacking("liveness.light", "light_too_weak"))
    assert decided(dark, asked) == (Outcome.ACCEPT, None)
    weak = dark | {
        "liveness.lips": result("liveness.lips", Status.REVIEW, "lips_sound_apart", **LIPS)
    }
    assert decided(weak, asked) == (Outcome.REVIEW, "liveness.lips:lips_sound_apart")
    assert decided(genuine(), asked) == (Outcome.ACCEPT, None)


def test_a_witness_says_what_its_own_point_makes_of_it_and_not_a_looser_one() -> None:
    loose = policy('[operating_points."liveness.light"]\naccept_at = 0.1\nreject_below = 0.0\n')
    unlit = genuine(light=result("liveness.light", Status.REVIEW, "light_too_weak", **STEPWISE))
    assert decided(unlit, loose)[0] is not Outcome.ACCEPT


def test_stored_verdicts_are_added_up_again() -> None:
    old = next(one for one in earlier_policies() if one.id == "spoken")
    new = policy()
    measured = [Measurement("face.match", 2.0), *(one.measurement for one in genuine().values())]
    points = dict.fromkeys([*SPOKEN, *old.checks], POINT)
    told = verdict_to_json(
        verdict_of(decide(measured, old, points), old, transaction="t", attempt=1, profile="p",
                   assurance=(), facts={}, timings_ms={})
    )  # fmt: skip
    again = replay([json.loads(json.dumps(told))], new, {PRESENT: point()})
    assert dict(again.outcomes) == {(told["outcome"], "accept"): 1}
    assert not again.unmeasured
    lines = compare_policies(old, new)
    assert "witnesses: + liveness.light" in lines


def test_a_sum_in_a_stored_verdict_is_not_taken_for_granted() -> None:
    lie = Measurement(PRESENT, 99.0)
    measured = [Measurement("face.match", 2.0), lie]
    points = {"face.match": POINT, PRESENT: point()}
    assert decide(measured, policy(), points).outcome is not Outcome.ACCEPT


# --- policies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        POLICY.replace(', "capture.present"', ""),
        POLICY.replace("witnesses", "#"),
        POLICY.replace('"voice.digits", ', '"face.quality", '),
        POLICY + 'moment = "sometimes"\n',
        'id = "p"\nversion = 1\nrequired = ["face.match"]\nmoment = "required"\n',
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_policy(text.encode(), "p", Path())
    assert caught.value.code == "policy.malformed"


@pytest.mark.parametrize("name", ["spoken", "onboarding", "reverify", "withdrawal", "recheck"])
def test_shipped_policies_require_the_moment_and_keep_their_earlier_version(name: str) -> None:
    now = load_policy(name)
    assert (now.moment, now.pace, now.version > 1) == ("required", "strict", True)
    before = {one.id: one for one in earlier_policies()}[name]
    assert before.version < now.version
    assert not before.witnesses
    assert {"voice.digits", "liveness.lips"} <= set(before.required)


def test_nobody_is_accepted_who_only_moved() -> None:
    moves = load_policy("moves")
    found = [Measurement(check, 9.0, "", STEPWISE) for check in moves.checks]
    points = dict.fromkeys(moves.checks, POINT) | {PRESENT: point()}
    assert decide(found, moves, points).outcome is Outcome.REVIEW


def test_the_point_of_the_sum_stands_in_the_catalogue() -> None:
    bands = CHECKS[PRESENT].point
    assert isinstance(bands, Bands)
    assert bands.accept_at == pytest.approx(math.log(100), abs=0.01)
    assert replace(bands).reject_below == pytest.approx(
        -math.log(len(Present.shipped().attacks) / 0.02), abs=0.01
    )


def test_the_picture_s_bars_begin_where_the_last_one_ended() -> None:
    told = add_up(genuine(), SPOKEN).measurement()
    drawn = bars(told.evidence)
    assert [one.name for one in drawn if one.value is not None] == [
        "content",
        "schedule",
        "lips",
        "light",
        "continuity",
    ]
    assert "movement" not in [one.name for one in drawn]
    assert drawn[-1].start + (drawn[-1].value or 0.0) == pytest.approx(told.score, abs=0.05)
