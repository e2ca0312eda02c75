"""How well do comparison scores tell mated from non-mated, as a whole and group by group?

Shared by faces and voices. A score file holds one comparison a row, naming samples by number; who
a sample belongs to stands in the sample file beside it. Neither holds a name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.calibration.intervals import Rate, Trials, subject_bootstrap, trials_needed
from veridical.calibration.metrics import (
    det,
    eer,
    fmr,
    fnmr,
    threshold_at_fmr,
    within_a_quarter,
)
from veridical.evaluation.figures import Figures
from veridical.result import OperatingPoint

__all__ = [
    "COLUMNS",
    "TARGETS",
    "Comparisons",
    "all_pairs",
    "differential_figures",
    "put_rates",
    "read_comparisons",
    "write_comparisons",
]

COLUMNS = ("reference", "probe", "mated", "score")
TARGETS = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}
BLOCK_ROWS = 256
CHUNK = 500_000
GROUP_FMR = 1e-3
"""The FMR that is asked for within every group."""

Numbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Scored comparisons.

    Attributes:
        reference: (n,) sample number of each reference.
        probe: (n,) sample number of each probe.
        mated: (n,) whether both are of one person.
        score: (n,) float32; NaN where a sample gave no template.
    """

    reference: Numbers
    probe: Numbers
    mated: NDArray[np.bool_]
    score: NDArray[np.float32]

    def only(self, chosen: NDArray[np.bool_]) -> "Comparisons":
        """Some of them."""
        return Comparisons(
            self.reference[chosen], self.probe[chosen], self.mated[chosen], self.score[chosen]
        )

    @property
    def mated_scores(self) -> NDArray[np.float32]:
        """Scores of the mated comparisons that could be made."""
        return self.score[self.mated & ~np.isnan(self.score)]

    @property
    def non_mated_scores(self) -> NDArray[np.float32]:
        """Scores of the non-mated comparisons that could be made."""
        return self.score[~self.mated & ~np.isnan(self.score)]

    @property
    def mated_not_made(self) -> int:
        """Mated comparisons that lacked a template."""
        return int((self.mated & np.isnan(self.score)).sum())


def all_pairs(
    references: NDArray[np.float32], probes: NDArray[np.float32] | None, subjects: Numbers
) -> Iterator[Comparisons]:
    """Compare every sample with every other, a block of rows at a time.

    Args:
        references: (n, d) float32 of unit length; NaN where there is no template.
        probes: As `references`, where probes were captured otherwise; None compares the
            references with each other, each pair once.
        subjects: (n,) whose sample each is.

    Yields:
        Comparisons of a block of references; memory stays that of one block.
    """
    others = references if probes is None else probes
    numbers = np.arange(len(references), dtype=np.int32)
    for start in range(0, len(references), BLOCK_ROWS):
        rows = numbers[start : start + BLOCK_ROWS]
        scores = references[rows] @ others.T
        wanted = numbers[None, :] > rows[:, None] if probes is None else numbers != rows[:, None]
        i, j = np.nonzero(wanted)
        yield Comparisons(
            rows[i],
            numbers[j],
            subjects[rows[i]] == subjects[numbers[j]],
            np.asarray(scores[i, j], dtype=np.float32),
        )


def write_comparisons(path: Path, blocks: Iterator[Comparisons]) -> None:
    """Write a score file; it takes its name only when it is complete."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        for block in blocks:
            columns = (block.reference, block.probe, block.mated.astype(np.int8), block.score)
            rows = zip(*(column.tolist() for column in columns), strict=True)
            file.writelines(f"{r},{p},{m},{s:.6g}\n" for r, p, m, s in rows)
    partial.replace(path)


def read_comparisons(path: Path) -> Comparisons:
    """Read a score file; 13 bytes of memory a comparison."""
    parts: list[Comparisons] = []
    with path.open(encoding="utf-8") as file:
        file.readline()
        while lines := file.readlines(CHUNK * 24):
            rows = np.loadtxt(lines, delimiter=",", dtype=np.float64, ndmin=2)
            numbers = rows[:, :2].astype(np.int32)
            parts.append(
                Comparisons(
                    np.ascontiguousarray(numbers[:, 0]),
                    np.ascontiguousarray(numbers[:, 1]),
                    rows[:, 2] == 1,
                    rows[:, 3].astype(np.float32),
                )
            )
    return Comparisons(
        np.concatenate([np.empty(0, np.int32), *(part.reference for part in parts)]),
        np.concatenate([np.empty(0, np.int32), *(part.probe for part in parts)]),
        np.concatenate([np.empty(0, np.bool_), *(part.mated for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.score for part in parts)]),
    )


def put_rates(
    figures: Figures,
    comparisons: Comparisons,
    subjects: Numbers,
    point: OperatingPoint | None,
    seed: int,
) -> None:
    """Enter the figures every comparison protocol has.

    Thresholds at a target FMR are taken from these very scores, so their FMR is optimistic; the
    operating point comes from elsewhere.

    Args:
        figures: Where to.
        comparisons: All of them.
        subjects: (samples,) whose sample each is.
        point: Operating point in force; None when there is none.
        seed: Of the bootstrap.
    """
    mated, non_mated = comparisons.mated_scores, comparisons.non_mated_scores
    figures.put("n_mated", len(mated))
    figures.put("n_non_mated", len(non_mated))
    figures.put("n_mated_not_made", comparisons.mated_not_made)
    if not len(mated) or not len(non_mated):
        figures.notes.append("without both mated and non-mated comparisons there are no rates")
        return
    figures.put("eer", eer(det(mated, non_mated)))
    for name, target in TARGETS.items():
        threshold = threshold_at_fmr(non_mated, target)
        figures.put(f"threshold_at_fmr|{name}", threshold)
        if threshold is None:
            figures.rate(f"fnmr_at_fmr|{name}", None)
            figures.rate(f"fnmr_at_fmr_with_nonresponse|{name}", None)
            continue
        rate = fnmr(mated, threshold)
        missing = comparisons.mated_not_made
        figures.rate(
            f"fnmr_at_fmr|{name}", rate, _bounds(comparisons, subjects, True, threshold, seed)
        )
        figures.rate(
            f"fnmr_at_fmr_with_nonresponse|{name}", Rate(rate.errors + missing, rate.n + missing)
        )
    if point is None:
        for key in ("accept_at", "reject_below", "fmr", "fnmr", "review_mated", "review_non_mated"):
            figures.put(f"operating_point|{key}", None)
        figures.notes.append("no operating point is set for this check")
        return
    accept_at, reject_below = point.accept_at, point.reject_below
    figures.put("operating_point|accept_at", accept_at)
    figures.put("operating_point|reject_below", reject_below)
    figures.put("operating_point|source", point.source)
    figures.rate(
        "operating_point|fmr",
        fmr(non_mated, accept_at),
        _bounds(comparisons, subjects, False, accept_at, seed),
    )
    figures.rate(
        "operating_point|fnmr",
        fnmr(mated, reject_below),
        _bounds(comparisons, subjects, True, reject_below, seed),
    )
    for key, scores in (("review_mated", mated), ("review_non_mated", non_mated)):
        between = int(((scores >= reject_below) & (scores < accept_at)).sum())
        figures.rate(f"operating_point|{key}", Rate(between, len(scores)))


def _pairs_of_people(comparisons: Comparisons, subjects: Numbers) -> int:
    """Pairs of two different people among some comparisons, whatever the number of pictures."""
    scored = ~comparisons.mated & ~np.isnan(comparisons.score)
    first, second = subjects[comparisons.reference[scored]], subjects[comparisons.probe[scored]]
    low, high = np.minimum(first, second).astype(np.int64), np.maximum(first, second)
    return len(np.unique(low * (int(subjects.max()) + 1) + high))


def _bounds(
    comparisons: Comparisons, subjects: Numbers, mated: bool, threshold: float, seed: int
) -> tuple[float, float] | None:
    """By-subject interval of FNMR (mated) or FMR (non-mated)."""
    kind = (comparisons.mated == mated) & ~np.isnan(comparisons.score)
    scores = comparisons.score[kind]
    wrong = scores < threshold if mated else scores >= threshold
    if not wrong.any():
        return None
    first, second = subjects[comparisons.reference[kind]], subjects[comparisons.probe[kind]]
    return subject_bootstrap(Trials.counted(first, second, wrong, int(subjects.max()) + 1), seed)


def differential_figures(
    figures: Figures,
    comparisons: Comparisons,
    subjects: Numbers,
    labels: Mapping[str, Sequence[str]],
    thresholds: tuple[float, float],
    seed: int,
) -> None:
    """Enter FMR and FNMR of comparisons within each group, and of one sex within each group.

    Impostors who share group and sex are the ones a system must withstand: over mixed pairs
    FMR looks several times better than it is for anybody.

    Args:
        figures: Where to.
        comparisons: All of them.
        subjects: (samples,) whose sample each is.
        labels: `group` and, where known, `sex`: a label a sample, empty where unknown.
        thresholds: FMR is counted at the first, FNMR below the second.
        seed: Of the bootstrap.
    """
    accept_at, reject_below = thresholds
    overall = {
        "fmr": fmr(comparisons.non_mated_scores, accept_at),
        "fnmr": fnmr(comparisons.mated_scores, reject_below),
    }
    figures.put("groups_threshold|fmr", accept_at)
    figures.put("groups_threshold|fnmr", reject_below)
    cells: dict[str, NDArray[np.bool_]] = {}
    group = np.array(labels["group"])
    sex = np.array(labels.get("sex", [""] * len(group)))
    for name in sorted(set(group) - {""}):
        cells[str(name)] = group == name
        for one in sorted(set(sex[group == name]) - {""}):
            cells[f"{name}/{one}"] = (group == name) & (sex == one)
    worse: list[str] = []
    small: list[str] = []
    for name, members in cells.items():
        inside = comparisons.only(members[comparisons.reference] & members[comparisons.probe])
        rates = {
            "fmr": fmr(inside.non_mated_scores, accept_at),
            "fnmr": fnmr(inside.mated_scores, reject_below),
        }
        bounds = {
            "fmr": _bounds(inside, subjects, False, accept_at, seed),
            "fnmr": _bounds(inside, subjects, True, reject_below, seed),
        }
        for key, rate in rates.items():
            figures.rate(f"groups|{name}|{key}", rate, bounds[key])
            whole = overall[key]
            if rate.n and whole.errors and rate.value is not None and whole.value is not None:
                figures.put(f"groups|{name}|{key}_ratio", rate.value / whole.value)
            if within_a_quarter(rate, whole) is False:
                worse.append(f"{name} {key}")
        figures.put(f"groups|{name}|n_mated", rates["fnmr"].n)
        figures.put(f"groups|{name}|n_non_mated", rates["fmr"].n)
        pairs = _pairs_of_people(inside, subjects)
        figures.put(f"groups|{name}|n_pairs_of_people", pairs)
        if pairs < trials_needed(GROUP_FMR):
            small.append(f"{name} ({pairs})")
    if small:
        figures.notes.append(
            f"an FMR of {GROUP_FMR:g} within a group takes {trials_needed(GROUP_FMR)} pairs of "
            f"different people to support; too few in: {', '.join(small)}. Many pictures of few "
            "people do not make up for it"
        )
    if cells:
        figures.notes.append(
            "NIST SP 800-63A-4 asks that no demographic group fare more than 25 % worse than "
            "everybody together. Measured above that ratio here: "
            + (", ".join(worse) if worse else "none")
            + ". Groups are compared within themselves, everybody over all pairs; the labels are "
            "those of the index."
        )
