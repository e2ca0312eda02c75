"""Every rate against a table worked by hand, and the laws any rate must keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from veridical.calibration.intervals import (
    Rate,
    Trials,
    clopper_pearson,
    rule_of_three,
    subject_bootstrap,
    trials_needed,
)
from veridical.calibration.metrics import (
    auc,
    det,
    eer,
    fmr,
    fnmr,
    iapar,
    pad_rates,
    threshold_at_fmr,
    threshold_at_fnmr,
    within_a_quarter,
)

# Ten mated and ten non-mated comparisons; a threshold of 0.5 errs once on each side.
MATED = np.array([0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.35])
NON_MATED = np.array([0.62, 0.45, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.0])

SCORES = st.lists(
    st.floats(-1, 1, allow_nan=False).map(lambda x: round(x, 2)), min_size=1, max_size=60
).map(np.array)


@pytest.mark.parametrize(
    ("threshold", "false_matches", "false_non_matches"),
    [
        (-1.0, 10, 0),
        (0.0, 10, 0),
        (0.3, 4, 0),
        (0.5, 1, 1),
        (0.62, 1, 3),
        (0.63, 0, 3),
        (1.0, 0, 10),
    ],
)
def test_both_rates_by_hand(threshold: float, false_matches: int, false_non_matches: int) -> None:
    assert fmr(NON_MATED, threshold) == Rate(false_matches, 10)
    assert fnmr(MATED, threshold) == Rate(false_non_matches, 10)


def test_equal_error_rate_by_hand() -> None:
    """At any threshold in (0.45, 0.55] one of ten errs on each side."""
    assert eer(det(MATED, NON_MATED)) == pytest.approx(0.1)


def test_equal_error_rate_between_two_thresholds() -> None:
    """Rates jump from (1/2, 0) at 0.4 to (0, 1/3) above 0.6: they cross at 0.2 on the line."""
    curve = det(np.array([0.6, 0.9, 0.95]), np.array([0.2, 0.6]))
    assert eer(curve) == pytest.approx(0.2)


def test_equal_error_rate_at_the_ends() -> None:
    low, high = np.array([0.1, 0.2]), np.array([0.8, 0.9])
    assert eer(det(high, low)) == 0.0
    assert eer(det(low, high)) == pytest.approx(1.0)


def test_area_by_hand() -> None:
    """Of 100 pairs, 0.62 beats 0.6, 0.55, 0.35, and 0.45 and 0.4 beat 0.35: five lost."""
    assert auc(MATED, NON_MATED) == pytest.approx(0.95)
    assert auc(np.array([1.0]), np.array([1.0])) == 0.5
    assert auc(np.array([]), np.array([1.0])) is None


def test_thresholds_by_hand() -> None:
    at_one_in_ten = threshold_at_fmr(NON_MATED, 0.1)
    assert at_one_in_ten is not None
    assert 0.45 < at_one_in_ten < 0.4501
    assert threshold_at_fmr(NON_MATED, 0.09) is None
    assert threshold_at_fnmr(MATED, 0.1) == 0.55
    assert threshold_at_fnmr(MATED, 0.05) is None


@given(SCORES, SCORES)
def test_a_det_curve_is_monotone_and_complete(mated: np.ndarray, non_mated: np.ndarray) -> None:
    curve = det(mated, non_mated)
    assert (np.diff(curve.thresholds) > 0).all()
    assert (np.diff(curve.fmr) <= 0).all()
    assert (np.diff(curve.fnmr) >= 0).all()
    assert (curve.fmr[0], curve.fnmr[0]) == (1.0, 0.0)
    assert (curve.fmr[-1], curve.fnmr[-1]) == (0.0, 1.0)
    middle = len(curve.thresholds) // 2
    assert curve.fmr[middle] == pytest.approx(fmr(non_mated, curve.thresholds[middle]).value)
    assert curve.fnmr[middle] == pytest.approx(fnmr(mated, curve.thresholds[middle]).value)


@given(SCORES, st.floats(0.01, 0.99))
def test_a_threshold_keeps_its_rate_and_no_lower_one_does(
    scores: np.ndarray, target: float
) -> None:
    threshold = threshold_at_fmr(scores, target)
    if threshold is None:
        assert len(scores) * target < 1
        return
    kept = fmr(scores, threshold).value
    assert kept is not None
    assert kept <= target + 1e-9
    looser = fmr(scores, np.nextafter(threshold, -np.inf)).value
    assert looser is not None
    assert looser > target - 1e-9


@given(SCORES, st.floats(0.01, 0.99))
def test_the_mated_threshold_keeps_its_rate_too(scores: np.ndarray, target: float) -> None:
    threshold = threshold_at_fnmr(scores, target)
    if threshold is not None:
        kept = fnmr(scores, threshold).value
        assert kept is not None
        assert kept <= target + 1e-9
        above = fnmr(scores, np.nextafter(threshold, np.inf)).value
        assert above is not None
        assert above > target - 1e-9


@given(SCORES, SCORES)
def test_the_equal_error_rate_lies_between_the_rates_it_joins(
    mated: np.ndarray, non_mated: np.ndarray
) -> None:
    curve = det(mated, non_mated)
    value = eer(curve)
    larger = np.maximum(curve.fmr, curve.fnmr).min()
    smaller = np.minimum(curve.fmr, curve.fnmr).max()
    assert smaller - 1e-9 <= value <= larger + 1e-9


def test_pad_rates_by_hand() -> None:
    rates = pad_rates(
        bona_fide=[0.9, 0.8, 0.2, None],
        attacks={"print": [0.1, 0.6, 0.2, 0.3], "replay": [0.7, 0.4, None], "mask": [None]},
        threshold=0.5,
    )
    assert rates.apcer == {"mask": Rate(0, 0), "print": Rate(1, 4), "replay": Rate(1, 2)}
    assert rates.apcer_max == Rate(1, 2)
    assert rates.bpcer == Rate(1, 3)
    assert rates.bpcer_with_nonresponse == Rate(2, 4)
    assert rates.apnrr == Rate(2, 8)
    assert rates.bpnrr == Rate(1, 4)


def test_the_worst_species_is_the_one_with_most_evidence_among_equals() -> None:
    rates = pad_rates([], {"a": [0.0], "b": [0.0] * 9}, 0.5)
    assert rates.apcer_max == Rate(0, 9)
    assert pad_rates([0.9], {}, 0.5).apcer_max is None


def test_a_score_that_is_not_a_number_never_passes() -> None:
    rates = pad_rates([float("nan")], {"print": [float("nan")]}, 0.5)
    assert rates.bpcer == Rate(1, 1)
    assert rates.apcer["print"] == Rate(0, 1)


def test_iapar_counts_acceptances() -> None:
    assert iapar({"print": [True, False, False]}) == {"print": Rate(1, 3)}


def test_the_quarter_rule() -> None:
    assert within_a_quarter(Rate(5, 100), Rate(40, 1000)) is True
    assert within_a_quarter(Rate(51, 1000), Rate(40, 1000)) is False
    assert within_a_quarter(Rate(0, 0), Rate(40, 1000)) is None
    assert within_a_quarter(Rate(1, 10), Rate(0, 1000)) is None


@pytest.mark.parametrize(
    ("errors", "trials", "low", "high"),
    [
        # Published tables of exact binomial limits; 0 of n by hand: 1 - 0.025^(1/n).
        (0, 10, 0.0, 1 - 0.025**0.1),
        (10, 10, 0.025**0.1, 1.0),
        (1, 10, 0.002529, 0.445016),
        (5, 10, 0.187086, 0.812914),
        (0, 0, 0.0, 1.0),
    ],
)
def test_exact_intervals(errors: int, trials: int, low: float, high: float) -> None:
    assert clopper_pearson(errors, trials) == pytest.approx((low, high), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.005, 0.5), st.integers(5, 300))
def test_exact_intervals_cover_every_rate(rate: float, trials: int) -> None:
    covered = 0.0
    for count, chance in enumerate(binom.pmf(np.arange(trials + 1), trials, rate)):
        low, high = clopper_pearson(count, trials)
        covered += float(chance) * (low <= rate <= high)
    assert covered >= 0.95 - 1e-9  # worked out, not drawn: it holds for every rate


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.3"):
        clopper_pearson(4, 3)


def test_no_errors_are_told_by_the_rule_of_three() -> None:
    assert "0 of 150" in rule_of_three(150)
    assert "0.02" in str(Rate(0, 150))
    assert "nothing is known" in str(Rate(0, 0))
    assert str(Rate(1, 10)).startswith("1 of 10 = 0.1 [")
    assert trials_needed(1e-4) == 30_000
    assert trials_needed(0.01) == 300


def test_cells_count_trials_by_pair_of_people() -> None:
    counted = Trials.counted(
        np.array([0, 1, 2, 0]), np.array([1, 0, 2, 2]), np.array([True, False, True, False]), 3
    )
    cells = list(zip(counted.first, counted.second, counted.trials, counted.errors, strict=True))
    assert cells == [(0, 1, 2, 1), (0, 2, 1, 0), (2, 2, 1, 1)]
    assert counted.rate == Rate(2, 4)


def test_people_who_err_together_widen_the_interval() -> None:
    """Twenty people, ten trials each; two people fail every one: the truth is ten percent."""
    who = np.repeat(np.arange(20), 10)
    clustered = Trials.counted(who, who, who < 2, 20)
    spread = Trials.counted(who, who, np.tile(np.arange(10) == 0, 20), 20)
    wide, narrow = subject_bootstrap(clustered, seed=1), subject_bootstrap(spread, seed=1)
    exact = clopper_pearson(20, 200)
    assert wide is not None
    assert narrow is not None
    assert wide[1] - wide[0] > exact[1] - exact[0]
    assert narrow == pytest.approx((0.1, 0.1))
    assert wide[0] <= 0.1 <= wide[1]


def test_a_bootstrap_of_pairs_by_hand() -> None:
    """Two people, one erring pair: whoever is drawn, the rate stays one, or no pair is left."""
    pair = Trials.counted(np.array([0]), np.array([1]), np.array([True]), 2)
    assert subject_bootstrap(pair, seed=0) == (1.0, 1.0)


def test_a_bootstrap_has_nothing_to_say_without_errors_or_people() -> None:
    who = np.arange(5)
    assert subject_bootstrap(Trials.counted(who, who, np.zeros(5, bool), 5), seed=0) is None
    one = np.zeros(5, dtype=int)
    assert subject_bootstrap(Trials.counted(one, one, np.ones(5, bool), 1), seed=0) is None


def test_the_bootstrap_covers_a_rate_that_differs_between_people() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for world in range(60):
        own = rng.beta(1, 9, 60)
        who = np.repeat(np.arange(60), 8)
        trials = Trials.counted(who, who, rng.random(480) < own[who], 60)
        bounds = subject_bootstrap(trials, seed=world, rounds=300)
        assert bounds is not None
        covered += bounds[0] <= 0.1 <= bounds[1]
    assert covered >= 51
