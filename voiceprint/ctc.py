"""How likely is a string, and where are its symbols? Connectionist temporal classification.

Source: A. Graves et al., Connectionist Temporal Classification, ICML 2006.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scores", "align", "best_path", "log_likelihoods", "log_softmax"]

Scores = NDArray[np.float64]


def log_softmax(logits: NDArray[np.float32]) -> Scores:
    """(steps, symbols) logits to log probabilities."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def best_path(scores: Scores) -> tuple[int, ...]:
    """The most likely symbol of each step, repetitions merged, blanks (the last symbol) dropped."""
    blank = scores.shape[1] - 1
    winners = scores.argmax(axis=1)
    starts = np.flatnonzero(np.diff(winners, prepend=-1))
    return tuple(int(symbol) for symbol in winners[starts] if symbol != blank)


def log_likelihoods(scores: Scores, strings: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
    """Log probability of each string, over all its alignments.

    Args:
        scores: (steps, symbols) log probabilities, at least one step; the last symbol is the blank.
        strings: Of any lengths, the empty one included.

    Returns:
        (strings,) float64; minus infinity for a string longer than the steps allow.
    """
    states, skips = _lattice(scores, strings)
    rows = np.arange(len(strings))
    ends = np.array([2 * len(string) for string in strings])
    forward = np.full(states.shape, -np.inf)
    forward[:, 0] = scores[0, states[:, 0]]
    filled = np.flatnonzero(ends)
    if len(filled):
        forward[filled, 1] = scores[0, states[filled, 1]]
    for step in scores[1:]:
        arriving = forward.copy()
        arriving[:, 1:] = np.logaddexp(arriving[:, 1:], forward[:, :-1])
        arriving[:, 2:] = np.logaddexp(arriving[:, 2:], forward[:, :-2] + skips[:, 2:])
        forward = arriving + step[states]
    last = forward[rows, ends]
    before = np.where(ends > 0, forward[rows, np.maximum(ends - 1, 0)], -np.inf)
    return np.asarray(np.logaddexp(last, before))


def align(scores: Scores, string: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """First and last step of each symbol on the most likely alignment; empty when none exists."""
    states, skips = _lattice(scores, [string])
    path, allowed = states[0], skips[0]
    steps, width = len(scores), len(path)
    best = np.full(width, -np.inf)
    best[:2] = scores[0, path[:2]]
    came = np.zeros((steps, width), np.int64)
    for step in range(1, steps):
        options = np.full((3, width), -np.inf)
        options[0] = best
        options[1, 1:] = best[:-1]
        options[2, 2:] = best[:-2] + allowed[2:]
        came[step] = options.argmax(axis=0)
        best = options.max(axis=0) + scores[step, path]
    state = width - 1 if width == 1 or best[-1] >= best[-2] else width - 2
    if not string or not np.isfinite(best[state]):
        return ()
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for step in range(steps - 1, -1, -1):
        if state % 2:
            first[state // 2] = step
            last.setdefault(state // 2, step)
        state -= int(came[step, state])
    return tuple((first[i], last[i]) for i in range(len(string)))


def _lattice(
    scores: Scores, strings: Sequence[tuple[int, ...]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """States (blank, symbol, blank, ...) of each string, and 0 where a blank may be skipped."""
    blank = scores.shape[1] - 1
    width = 2 * max(map(len, strings), default=0) + 1
    states = np.full((len(strings), width), blank, np.int64)
    for row, string in zip(states, strings, strict=True):
        row[1 : 2 * len(string) : 2] = string
    skips = np.full(states.shape, -np.inf)
    skips[:, 3::2] = np.where(states[:, 3::2] != states[:, 1:-2:2], 0.0, -np.inf)
    return states, skips
