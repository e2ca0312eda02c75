"""Strings, their likelihoods and their places, against sums over every path."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical.voiceprint.ctc import align, best_path, log_likelihoods, log_softmax


def merged(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_likelihoods_are_sums_over_all_paths(seed: int) -> None:
    scores = log_softmax(np.random.default_rng(seed).normal(0, 2, (5, 3)).astype(np.float32))
    sums: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(3), repeat=5):
        string = merged(path, 2)
        share = float(np.exp(sum(scores[t, s] for t, s in enumerate(path))))
        sums[string] = sums.get(string, 0.0) + share
    assert sum(sums.values()) == pytest.approx(1.0)
    strings = sorted(sums)
    np.testing.assert_allclose(np.exp(log_likelihoods(scores, strings)), [sums[s] for s in strings])


def test_a_string_too_long_for_the_steps_is_impossible() -> None:
    scores = log_softmax(np.zeros((3, 4), np.float32))
    found = log_likelihoods(scores, [(0, 1, 2), (0, 0), (0, 0, 0), ()])
    assert np.isfinite(found).tolist() == [True, True, False, True]
    assert align(scores, (0, 0, 0)) == ()


def spoken(*symbols: int, blank: int = 10) -> np.ndarray:
    logits = np.full((len(symbols), blank + 1), -4.0, np.float32)
    logits[np.arange(len(symbols)), symbols] = 4.0
    return log_softmax(logits)


def test_the_best_path_merges_repetitions_but_not_across_a_blank() -> None:
    assert best_path(spoken(10, 3, 3, 10, 3, 5, 10)) == (3, 3, 5)


def test_alignment_finds_each_symbol() -> None:
    assert align(spoken(10, 3, 3, 10, 3, 5, 10), (3, 3, 5)) == ((1, 2), (4, 4), (5, 5))


def test_alignment_of_a_wrong_string_still_rises() -> None:
    steps = align(spoken(10, 3, 10, 5, 10, 7, 10), (3, 9, 7))
    assert len(steps) == 3
    assert all(a[1] < b[0] for a, b in itertools.pairwise(steps))
