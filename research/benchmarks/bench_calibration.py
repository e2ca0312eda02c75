"""Does it help to weigh a face's score by the size and recognisability of the two pictures?

    python research/benchmarks/bench_calibration.py RUN [RUN ...] [--splits 12]

RUN is a folder that `veridical evaluate face --out RUN` filled, such as one clean and one with
`--degrade portrait`; all over the same index. People are halved at random: a logistic calibration
is fitted to comparisons within one half and measured on those within the other, and the other way
round. Prints mean Cllr (N. Brummer and J. du Preez, 2006; 0 is best, 1 says nothing), in how many
fits it is lower than that of the score alone, and FNMR of the log-likelihood ratio at fixed FMR.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.calibration.calibrate import Fit, Trial, fit_logistic
from veridical.evaluation.comparisons import read_comparisons

SEED = 100
KEPT = 0.2
"""Share of the non-mated comparisons that a fit sees: there are hundreds to each mated one."""
FMRS = (1e-2, 1e-3, 1e-4)
SETS: dict[str, tuple[str, ...]] = {
    "score": (),
    "portrait size": ("portrait_inter_eye_px",),
    "portrait recognisability": ("portrait_recognisability",),
    "both recognisabilities": ("portrait_recognisability", "probe_recognisability"),
    "all three": ("portrait_inter_eye_px", "portrait_recognisability", "probe_recognisability"),
}
Floats = NDArray[np.float64]


class Runs:
    """Comparisons of several runs, with the covariates of their pictures."""

    def __init__(self, folders: list[Path]) -> None:
        parts: dict[str, list[NDArray[np.float64]]] = {}
        for folder in folders:
            made = read_comparisons(folder / "scores.csv")
            with (folder / "samples.csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            columns = {
                "score": made.score.astype(np.float64),
                "mated": made.mated.astype(np.float64),
            }
            for side, numbers in (("portrait", made.reference), ("probe", made.probe)):
                for name in ("subject", f"{side}_inter_eye_px", f"{side}_recognisability"):
                    known = np.array([float(row[name] or "nan") for row in rows])
                    columns[f"{side}_subject" if name == "subject" else name] = known[numbers]
            whole = ~np.isnan(np.stack([*columns.values()])).any(0)
            for name, column in columns.items():
                parts.setdefault(name, []).append(column[whole])
        self.columns = {name: np.concatenate(columns) for name, columns in parts.items()}

    def within(self, people: NDArray[np.bool_]) -> dict[str, Floats]:
        """Comparisons of two of some people."""
        inside = people[self.columns["portrait_subject"].astype(np.intp)]
        inside &= people[self.columns["probe_subject"].astype(np.intp)]
        return {name: column[inside] for name, column in self.columns.items()}

    @property
    def people(self) -> int:
        """How many there are."""
        return int(max(self.columns[f"{side}_subject"].max() for side in ("portrait", "probe"))) + 1


def fitted(rows: dict[str, Floats], names: tuple[str, ...], rng: np.random.Generator) -> Fit:
    """A calibration by some covariates."""
    mated = rows["mated"] == 1
    kept = mated | (rng.random(len(mated)) < KEPT)
    empty = np.full(int(kept.sum()), "")
    return fit_logistic(
        Trial(
            rows["score"][kept],
            mated[kept],
            empty,
            {"": int((~mated).sum())},
            {name: rows[name][kept] for name in names},
        )
    )


def ratios(fit: Fit, rows: dict[str, Floats]) -> Floats:
    """Natural log-likelihood ratios; straight on beyond the scores of the fit."""
    slope = (fit.llr[-1] - fit.llr[0]) / (fit.scores[-1] - fit.scores[0])
    value = fit.llr[0] + slope * (rows["score"] - fit.scores[0])
    for name, (weight, mean) in fit.covariates.items():
        value = value + weight * (rows[name] - mean)
    return np.asarray(value, np.float64)


def measured(ratio: Floats, mated: NDArray[np.bool_]) -> list[float]:
    """Cllr, and FNMR at each of `FMRS`."""
    cost = np.logaddexp(0, -ratio[mated]).mean() + np.logaddexp(0, ratio[~mated]).mean()
    strangers = np.sort(ratio[~mated])
    at = [strangers[-int(rate * len(strangers)) - 1] for rate in FMRS]
    return [float(cost / (2 * np.log(2))), *(float((ratio[mated] <= t).mean()) for t in at)]


def main() -> None:
    """Fit and measure over random halves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--splits", type=int, default=12)
    words = parser.parse_args()
    runs = Runs(words.runs)
    found: dict[str, list[list[float]]] = {name: [] for name in SETS}
    for split in range(words.splits):
        rng = np.random.default_rng(SEED + split)
        half = rng.random(runs.people) < 0.5
        sides = (runs.within(half), runs.within(~half))
        for train, test in (sides, sides[::-1]):
            for name, covariates in SETS.items():
                ratio = ratios(fitted(train, covariates, rng), test)
                found[name].append(measured(ratio, test["mated"] == 1))
    alone = np.array(found["score"])[:, 0]
    for name, rows in found.items():
        values = np.array(rows)
        means = values.mean(0)
        answer = {
            "covariates": name,
            "fits": len(values),
            "cllr": round(float(means[0]), 4),
            "cllr_lower_than_score_alone": int((values[:, 0] < alone).sum()),
            **{
                f"fnmr_at_fmr_{rate:g}": round(float(value), 4)
                for rate, value in zip(FMRS, means[1:], strict=True)
            },
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
