"""How far can a measured rate be trusted?

Two sources of doubt are told apart. Independent trials follow the binomial law: Clopper-Pearson.
Comparisons that share people do not (one person who is hard to recognise spoils many of them):
there, people are drawn anew, not comparisons.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import betaincinv

__all__ = [
    "Rate",
    "Trials",
    "clopper_pearson",
    "rule_of_three",
    "subject_bootstrap",
    "trials_needed",
]

Counts = NDArray[np.int64]
Indices = NDArray[np.int32] | NDArray[np.int64]
BOOTSTRAP_ROUNDS = 1000
CHUNK = 1 << 20
"""Trials counted at once."""
DENSE_CELLS = 1 << 24
"""Pairs of people up to which every pair has its place in a table."""


def clopper_pearson(errors: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a rate from independent trials.

    It covers the true rate at least as often as it promises, whatever the rate is.

    Args:
        errors: Errors seen, 0..trials.
        trials: Trials made; with none, nothing is known and the answer is (0, 1).
        level: Promised coverage, such as 0.95.

    Raises:
        ValueError: More errors than trials, or a negative count.

    Source: C. J. Clopper and E. S. Pearson, Biometrika 26(4), 1934.
    """
    if not 0 <= errors <= trials:
        raise ValueError(f"errors must lie in 0..{trials}, got {errors}")
    tail = (1 - level) / 2
    low = float(betaincinv(errors, trials - errors + 1, tail)) if errors else 0.0
    high = float(betaincinv(errors + 1, trials - errors, 1 - tail)) if errors < trials else 1.0
    return low, high


def rule_of_three(trials: int) -> str:
    """Say what no error in so many independent trials proves.

    The bound is 3/n: the rate at which 0 of n would be seen once in twenty times.
    """
    if trials < 1:
        return "no trials, so nothing is known"
    return f"0 of {trials}: at 95 % the rate is below {min(1.0, 3 / trials):.2g} (rule of three)"


def trials_needed(rate: float) -> int:
    """Independent trials without an error that prove a rate at 95 %, by the rule of three."""
    if not 0 < rate < 1:
        raise ValueError(f"a rate to prove lies between 0 and 1, got {rate}")
    return int(np.ceil(round(3 / rate, 6)))


@dataclass(frozen=True, slots=True)
class Rate:
    """Errors of independent trials.

    Attributes:
        errors: Errors seen.
        n: Trials made.
    """

    errors: int
    n: int

    @property
    def value(self) -> float | None:
        """Share of errors; None without trials."""
        return self.errors / self.n if self.n else None

    @property
    def ci95(self) -> tuple[float, float]:
        """Clopper-Pearson interval."""
        return clopper_pearson(self.errors, self.n)

    def __str__(self) -> str:
        if not self.errors:
            return rule_of_three(self.n)
        low, high = self.ci95
        return f"{self.errors} of {self.n} = {self.errors / self.n:.3g} [{low:.2g}, {high:.2g}]"


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Trials and errors counted by the people they share.

    Attributes:
        first: (k,) index of one person of each counted cell.
        second: (k,) index of the other; the same array as `first` for trials of one person.
        trials: (k,) trials in the cell.
        errors: (k,) errors among them.
    """

    first: Counts
    second: Counts
    trials: Counts
    errors: Counts

    @property
    def rate(self) -> Rate:
        """All cells together."""
        return Rate(int(self.errors.sum()), int(self.trials.sum()))

    @classmethod
    def counted(
        cls, first: Indices, second: Indices, wrong: NDArray[np.bool_], subjects: int
    ) -> "Trials":
        """Count single trials into cells.

        Args:
            first: (n,) index of one person of each trial.
            second: (n,) index of the other.
            wrong: (n,) whether the trial ended in an error.
            subjects: People there are.
        """
        if subjects * subjects > DENSE_CELLS:
            cells, where = np.unique(_cells(first, second, subjects), return_inverse=True)
            trials = np.bincount(where, minlength=len(cells))
            errors = np.bincount(where[wrong], minlength=len(cells))
        else:
            # A table of all cells, filled piece by piece: memory does not grow with the trials.
            trials, errors = np.zeros((2, subjects * subjects), np.int64)
            for start in range(0, len(first), CHUNK):
                piece = slice(start, start + CHUNK)
                codes = _cells(first[piece], second[piece], subjects)
                trials += np.bincount(codes, minlength=len(trials))
                errors += np.bincount(codes[wrong[piece]], minlength=len(errors))
            cells = np.flatnonzero(trials)
            trials, errors = trials[cells], errors[cells]
        return cls(
            cells // subjects, cells % subjects, trials.astype(np.int64), errors.astype(np.int64)
        )


def _cells(first: Indices, second: Indices, subjects: int) -> Counts:
    """One number for each unordered pair of people."""
    return np.minimum(first, second) * np.int64(subjects) + np.maximum(first, second)


def subject_bootstrap(
    trials: Trials, seed: int, rounds: int = BOOTSTRAP_ROUNDS, level: float = 0.95
) -> tuple[float, float] | None:
    """Interval of an error rate whose trials share people.

    People are drawn with replacement; a trial between two people counts as often as both were
    drawn together, a trial of one person with itself as often as that one was drawn. A person's
    trials with a copy of itself are left out, since they would be mated. The bounds are
    percentiles.

    Args:
        trials: Counted trials.
        seed: Of the draws.
        rounds: Draws.
        level: Promised coverage.

    Returns:
        The bounds; None with fewer than two people or no error (use the rule of three: drawing
        again from no errors shows no errors).

    Source: R. M. Bolle, N. K. Ratha, S. Pankanti, "Error analysis of pattern recognition systems:
    the subsets bootstrap", CVIU 93(1), 2004; by subject as in ISO/IEC 19795-1, annex on bootstrap.
    """
    people, cells = np.unique(np.concatenate([trials.first, trials.second]), return_inverse=True)
    if len(people) < 2 or not trials.errors.any():
        return None
    first, second = np.split(cells, 2)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=rounds)
    drawn = draws.astype(np.float64)
    total = _weighted(trials.trials, first, second, drawn)
    wrong = _weighted(trials.errors, first, second, drawn)
    tail = (1 - level) / 2
    low, high = np.quantile(wrong[total > 0] / total[total > 0], [tail, 1 - tail])
    return float(low), float(high)


def _weighted(
    counts: Counts, first: Counts, second: Counts, drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(rounds,) total of the counts, each as often as its people were drawn."""
    alone = first == second
    people = drawn.shape[1]
    single = np.bincount(first[alone], counts[alone], people)
    pair = ~alone & (counts > 0)
    table = csr_array(
        (counts[pair].astype(np.float64), (first[pair], second[pair])), (people, people)
    )
    return np.asarray(drawn @ single + ((drawn @ table) * drawn).sum(axis=1))
