"""What is counted of a verdict, and when counts have changed: sums, bins, indices, levels."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drift_streams import MODEL, hours_of, scores, verdict
from veridical.result import ModelRef, Outcome
from veridical.verification import reasons
from veridical.verification.drift import (
    Baseline,
    DriftRules,
    Finding,
    Scale,
    Series,
    assess,
    line_of,
    merged,
    observations,
)
from veridical.verification.drift.rise import rise_of
from veridical.verification.drift.shift import groups_of, shift_of

RULES = DriftRules.read()
SCORES = Series("score", "face.match", "m@1")
REASONS = Series("reason", "face.match", "registry")
TALLIES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**9))


@given(st.lists(TALLIES, max_size=6), st.randoms())
def test_sums_of_counts_are_exact_in_any_order(
    tallies: list[dict[str, int]], chance: object
) -> None:
    turned = list(tallies)
    chance.shuffle(turned)  # type: ignore[attr-defined]
    assert merged(turned) == merged([merged(turned[:2]), merged(turned[2:])]) == merged(tallies)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_score_has_one_bin(value: float) -> None:
    scale = Scale(-0.2, 1.0, 60)
    place = scale.bin_of(value)
    assert 0 <= place < 60
    if -0.2 <= value < 1.0:
        assert place == pytest.approx((value + 0.2) / 0.02 - 0.5, abs=0.51)


def test_a_verdict_adds_its_outcome_its_reasons_and_its_scores() -> None:
    seen = list(observations(verdict(0.3, "not_mated", outcome=Outcome.REJECT), "all", RULES))
    assert (Series("reason", "verdict", "all"), "reject") in seen
    assert (Series("reason", "face.match", "all"), "not_mated") in seen
    assert (Series("score", "face.match", "sface-2021dec@abababab"), "25") in seen
    assert len(seen) == 3


def test_a_pass_counts_although_it_has_no_reason() -> None:
    seen = dict(observations(verdict(0.7), "all", RULES))
    assert seen[Series("reason", "face.match", "all")] == "pass"


def test_what_was_not_assessed_has_a_reason_and_no_score() -> None:
    seen = dict(observations(verdict(None, "no_face"), "all", RULES))
    assert seen[Series("reason", "face.match", "all")] == "no_face"
    assert not any(series.kind == "score" for series in seen)


def test_a_check_that_was_not_run_says_nothing() -> None:
    seen = list(observations(verdict(None, "not_run"), "all", RULES))
    assert [series.name for series, _ in seen] == ["verdict"]


def test_nothing_of_the_applicant_is_counted() -> None:
    odd = verdict(0.3, "canary-4711", evidence={"sharpness": 40.0}, check="face.quality")
    text = repr(list(observations(odd, "all", RULES)))
    assert "canary" not in text
    assert "t_1" not in text
    assert "other" in text  # a reason that the catalogue does not have


def test_qualities_are_counted_by_what_measured_them() -> None:
    odd = verdict(50.0, evidence={"sharpness": 41.0}, check="face.quality")
    seen = dict(observations(odd, "all", RULES))
    assert seen[Series("quality", "face.quality.sharpness", "sface-2021dec@abababab")] == "20"


def test_no_number_that_is_none_is_counted() -> None:
    odd = verdict(50.0, evidence={"sharpness": float("nan")}, check="face.quality")
    assert not any(s.kind == "quality" for s, _ in observations(odd, "all", RULES))


def test_a_changed_model_is_another_line_whatever_its_name() -> None:
    other = ModelRef(MODEL.name, "cd" * 32)
    assert line_of((MODEL,)) != line_of((other,))
    many = tuple(ModelRef(f"{'n' * 40}-{i}", "ab" * 32) for i in range(9))
    assert len(line_of(many)) <= 160
    assert line_of(many) == line_of(many[::-1])
    assert line_of(many) != line_of((*many[:-1], ModelRef(many[-1].name, "cd" * 32)))


def test_the_reasons_that_mean_copies_are_in_the_catalogue() -> None:
    assert RULES.duplicate_reasons
    assert reasons().keys() >= RULES.duplicate_reasons


def test_groups_are_of_like_size_and_leave_no_bin_out() -> None:
    tally = merged(hours_of(scores(5_000, 1)))
    groups = groups_of(tally, 60, 10)
    assert [place for group in groups for place in group] == list(range(60))
    sizes = [sum(tally.get(str(place), 0) for place in group) for group in groups]
    assert len(groups) >= 8
    assert min(sizes) >= 5_000 / 10 / 4


@given(st.lists(st.integers(0, 500), min_size=50, max_size=50))
def test_groups_hold_every_bin_once_whatever_was_seen(counts: list[int]) -> None:
    groups = groups_of({str(i): n for i, n in enumerate(counts) if n}, 50, 10)
    assert not groups or [p for group in groups for p in group] == list(range(50))


def test_a_score_that_is_nearly_always_one_value_keeps_its_rare_ones_apart() -> None:
    groups = groups_of({"49": 950, "10": 50}, 50, 10)
    assert len(groups) == 2


def test_a_baseline_of_one_value_is_not_compared() -> None:
    assert shift_of({"49": 5_000}, [{"49": 300}], 50, RULES.shift) == []


def test_the_index_is_about_zero_without_a_shift_however_small_the_sample() -> None:
    base = merged(hours_of(scores(5_000, 1)))
    for size in (200, 500, 2_000):
        found = [
            shift_of(base, hours_of(scores(size, seed), size), 60, RULES.shift)[-1].psi
            for seed in range(100, 180)
        ]
        spread = float(np.std(found)) / len(found) ** 0.5
        assert abs(float(np.mean(found))) < 4 * spread + 0.004
        # What was taken off is the point: with 200 observations it is as large as a small shift.
        assert spread < 0.005


def test_the_index_of_a_shift_is_near_that_of_two_normal_distributions() -> None:
    base = merged(hours_of(scores(20_000, 1)))
    found = shift_of(base, hours_of(scores(20_000, 2, 0.05), 20_000), 60, RULES.shift)
    assert found[-1].psi == pytest.approx(0.25, rel=0.15)  # (0.5 sd)^2, less what groups lose


def test_a_small_window_sees_a_large_shift_and_a_large_one_a_small() -> None:
    base = Baseline(SCORES, merged(hours_of(scores(5_000, 1))))
    usual = hours_of(scores(3_000, 2))
    assert not assess(base, usual, RULES)[0].is_high
    large = assess(base, [*usual, *hours_of(scores(250, 3, -0.1))], RULES)
    small = assess(base, hours_of(scores(2_000, 4, -0.03)), RULES)
    assert (large[0].is_high, large[0].n) == (True, 250)
    assert (small[0].is_high, small[0].n) == (True, 2_000)


def test_too_few_observations_say_nothing() -> None:
    base = Baseline(SCORES, merged(hours_of(scores(5_000, 1))))
    assert assess(base, hours_of(scores(RULES.shift.least_n - 1, 3, -0.3)), RULES) == []
    assert assess(base, [], RULES) == []


def rates(
    rate: float, n: int, reason: str = "no_face", an_hour: int = 250
) -> list[Mapping[str, int]]:
    """Hours in which a reason comes up evenly."""
    every = round(1 / rate)
    names = [reason if i % every == 0 else "pass" for i in range(1, n + 1)]
    return [Counter(names[at : at + an_hour]) for at in range(0, n, an_hour)]


def one(findings: list[Finding], reason: str) -> Finding:
    return next(found for found in findings if found.reason == reason)


def test_a_reason_that_comes_up_more_often_is_noticed() -> None:
    base = Baseline(REASONS, {"pass": 4_950, "no_face": 50})
    usual = one(assess(base, rates(0.01, 5_000), RULES), "no_face")
    assert not usual.is_high
    assert usual.is_low
    risen = one(assess(base, [*rates(0.01, 5_000), *rates(0.1, 250)], RULES), "no_face")
    assert risen.is_high
    assert risen.kind == "rise"
    assert risen.rate == pytest.approx(0.1, rel=0.1)
    assert risen.was == 0.01


def test_a_reason_never_seen_before_is_noticed() -> None:
    base = Baseline(REASONS, {"pass": 5_000})
    assert one(assess(base, rates(0.05, 500, "too_dark"), RULES), "too_dark").is_high


def test_a_reason_that_is_usual_for_half_can_rise_and_one_for_all_cannot() -> None:
    half = Baseline(REASONS, {"pass": 2_500, "blurred": 2_500})
    assert not one(assess(half, rates(0.5, 2_000, "blurred"), RULES), "blurred").is_high
    all_of_them = {"blurred": 250}
    assert one(assess(half, [all_of_them], RULES), "blurred").is_high
    always = Baseline(REASONS, {"not_enrolled": 5_000})
    found = one(assess(always, [{"not_enrolled": 5_000}], RULES), "not_enrolled")
    assert found.value == 0


def test_a_risen_reason_stays_until_it_has_come_down_and_then_is_soon_over() -> None:
    tally = {"pass": 4_950, "no_face": 50}
    wave = [*rates(0.1, 2_000), *rates(0.01, 250)]
    after = rise_of(tally, wave, "no_face", RULES.rise)
    assert RULES.rise.clear_at < after.level <= RULES.rise.most
    later = rise_of(tally, [*wave, *rates(0.01, 3_000)], "no_face", RULES.rise)
    assert later.level < RULES.rise.clear_at


def test_copies_have_an_alert_of_their_own_after_a_few() -> None:
    base = Baseline(REASONS, {"pass": 5_000})
    usual, wave = [{"pass": 2_000}], [{"pass": 95, "replayed_clip": 5}]
    found = one(assess(base, [*usual, *wave], RULES), "replayed_clip")
    assert (found.kind, found.is_high) == ("duplicates", True)
    single = [{"pass": 99, "replayed_clip": 1}]
    assert not one(assess(base, [*usual, *single], RULES), "replayed_clip").is_high


def test_accepting_more_is_no_rise() -> None:
    base = Baseline(Series("reason", "verdict", ""), {"accept": 2_500, "reject": 2_500})
    found = assess(base, [{"accept": 2_000}], RULES)
    assert [f.reason for f in found] == ["reject"]
    assert not found[0].is_high
