"""Which log-likelihood ratio and which error rate does a score stand for?

Fits what `veridical.models.calibration` applies. A target error rate that the trials cannot
support is refused: by the rule of three a rate takes 3/rate independent trials.
"""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from veridical.calibration.intervals import clopper_pearson, trials_needed
from veridical.calibration.metrics import fmr, fnmr, threshold_at_fmr, threshold_at_fnmr
from veridical.errors import InputError
from veridical.models.calibration import FORMAT
from veridical.result import OperatingPoint

__all__ = [
    "CHECK_OF_KIND",
    "Fit",
    "Target",
    "Trial",
    "calibrate",
    "fit_isotonic",
    "fit_logistic",
    "parse_target",
    "read_trials",
    "summary",
    "write_calibration",
]

Floats = NDArray[np.float64]

CHECK_OF_KIND = {
    "face": "face.match",
    "silent": "liveness.silent",
    "speaker": "voice.match",
    "digits": "voice.digits",
    "lips": "liveness.lips",
    "light": "liveness.light",
    "motion": "liveness.motion",
}
RATES_OF_KIND = {
    "face": ("fmr", "fnmr"),
    "speaker": ("fmr", "fnmr"),
    "silent": ("apcer", "bpcer"),
    "lips": ("apcer", "bpcer"),
    "light": ("apcer", "bpcer"),
    "motion": ("apcer", "bpcer"),
    "digits": ("wrong_prompt_accept", "prompt_reject"),
}
POSITIVE = {"1", "true", "True", "bona_fide", "genuine"}
NEGATIVE_COLUMN = ("mated", "label", "genuine")

SAMPLE_OF = {"portrait": "reference", "probe": "probe"}
"""Which of a comparison's two samples a covariate is of, by the first word of its name."""

RATE_KNOTS = 160
TAIL_KNOTS = 60
TAIL_TRIALS = 5
"""Trials of the rarer kind a pooled tail of the isotonic fit must hold."""
NEWTON_STEPS = 60
RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Target:
    """An error rate to be kept.

    Attributes:
        kind: `fmr`, `apcer`, ...
        rate: The rate, above 0 and below 1.
    """

    kind: str
    rate: float


def parse_target(text: str) -> Target:
    """Read a target such as `fmr=1e-4`.

    Raises:
        InputError: `usage.target`.
    """
    kind, _, number = text.partition("=")
    try:
        rate = float(number)
    except ValueError:
        rate = 0.0
    if not kind or not 0 < rate < 1:
        raise InputError(
            f"a target is a rate between 0 and 1, such as fmr=1e-4; got {text!r}", "usage.target"
        )
    return Target(kind, rate)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Scored trials of one check.

    Attributes:
        score: (n,) float64.
        genuine: (n,) whether each is mated, bona fide or as prompted.
        species: (n,) PAI species or another label of what each non-genuine trial is.
        independent: Non-genuine trials by species that count as independent: pairs of different
            people once, whatever the number of their pictures.
        covariates: (n,) values of each covariate.
        left_out: Rows without a score.
    """

    score: Floats
    genuine: NDArray[np.bool_]
    species: NDArray[np.str_]
    independent: Mapping[str, int]
    covariates: Mapping[str, Floats] = field(default_factory=dict)
    left_out: int = 0


def read_trials(path: Path, covariates: Sequence[str] = ()) -> Trial:
    """Read a score file of `veridical evaluate`, or any CSV with its columns.

    Args:
        path: CSV with `score` and one of `mated`, `label`, `genuine`; `species` where there are
            several kinds of attack. With `samples.csv` beside it, `reference` and `probe` tell
            which trials share people.
        covariates: Further columns to read as numbers: of the score file, or, named `portrait_...`
            and `probe_...`, of the reference's and the probe's row in `samples.csv`. A comparison
            that lacks one is left out.

    Raises:
        InputError: `calibration.scores`: a column is missing, or a value is no number.
    """
    if not path.is_file():
        raise InputError(f"no score file {path.name!r}", "calibration.scores")
    samples = _samples(path.parent / "samples.csv")
    people = samples["subject"] if samples else None
    scores: list[float] = []
    genuine: list[bool] = []
    species: list[str] = []
    columns: dict[str, list[float]] = {name: [] for name in covariates}
    pairs: dict[str, set[tuple[str, str]]] = {}
    left_out = 0
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        head = reader.fieldnames or []
        label = next((name for name in NEGATIVE_COLUMN if name in head), None)
        of_samples = {
            name: (SAMPLE_OF[side], samples[name])
            for name in covariates
            if name not in head
            and name in samples
            and (side := name.partition("_")[0]) in SAMPLE_OF
        }
        wanted_here = ("score", *(name for name in covariates if name not in of_samples))
        missing = [name for name in wanted_here if name not in head]
        if label is None or missing:
            wanted = missing[0] if missing else " or ".join(NEGATIVE_COLUMN)
            raise InputError(f"{path.name}, row 1: no column {wanted!r}", "calibration.scores")
        for row in reader:
            row |= {name: known[int(row[side])] for name, (side, known) in of_samples.items()}
            if any(row[name] in ("", "nan") for name in ("score", *of_samples)):
                left_out += 1
                continue
            try:
                scores.append(float(row["score"]))
                for name, column in columns.items():
                    column.append(float(row[name]))
            except ValueError:
                raise InputError(
                    f"{path.name}, row {reader.line_num}: a number is wanted in column 'score'"
                    + "".join(f" and {name!r}" for name in covariates),
                    "calibration.scores",
                ) from None
            good = row[label] in POSITIVE
            genuine.append(good)
            kind = "" if good else row.get("species", "")
            species.append(kind)
            if not good:
                unit = (row.get("reference") or str(len(scores)), row.get("probe") or "")
                if people is not None:
                    a, b = sorted((people[int(unit[0])], people[int(unit[1])]))
                    unit = (a, b)
                pairs.setdefault(kind, set()).add(unit)
    return Trial(
        np.array(scores),
        np.array(genuine, dtype=np.bool_),
        np.array(species),
        {kind: len(found) for kind, found in pairs.items()},
        {name: np.array(column) for name, column in columns.items()},
        left_out,
    )


def _samples(path: Path) -> dict[str, list[str]]:
    """Columns of the sample file, in the order of the samples; none when there is no file."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else {"subject": ""})}


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A map from score to log-likelihood ratio.

    Attributes:
        method: `logistic` or `isotonic`.
        scores: (k,) rising knots.
        llr: (k,) natural log-likelihood ratio at each.
        covariates: Weight and mean of each covariate.
    """

    method: str
    scores: Floats
    llr: Floats
    covariates: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def fit_logistic(trial: Trial) -> Fit:
    """Fit a straight line from score (and covariates) to log-likelihood ratio.

    Logistic regression in which genuine and other trials weigh the same in sum, so that the
    log-odds are the log-likelihood ratio whatever their numbers.

    Source: N. Brummer and J. du Preez, "Application-independent evaluation of speaker detection",
    Computer Speech and Language 20, 2006.

    Raises:
        InputError: `calibration.support`: a kind of trial is missing.
    """
    genuine = trial.genuine
    _need_both(genuine)
    means = {name: float(column.mean()) for name, column in trial.covariates.items()}
    columns = [trial.score, *(trial.covariates[name] - means[name] for name in means)]
    scale = np.array([float(column.std()) or 1.0 for column in columns])
    middle = np.array([trial.score.mean(), *([0.0] * len(means))])
    inputs = np.column_stack([*((np.array(columns).T - middle) / scale).T, np.ones(len(genuine))])
    weight = np.where(genuine, 0.5 / genuine.sum(), 0.5 / (~genuine).sum())
    beta = np.zeros(inputs.shape[1])
    for _ in range(NEWTON_STEPS):
        chance = expit(inputs @ beta)
        slope = inputs.T @ (weight * (genuine - chance)) - RIDGE * beta
        curve = (inputs * (weight * chance * (1 - chance))[:, None]).T @ inputs
        step = np.linalg.solve(curve + RIDGE * np.eye(len(beta)), slope)
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    ends = np.array([trial.score.min(), trial.score.max()])
    if not ends[1] > ends[0]:
        raise InputError("all scores are equal: they mean nothing", "calibration.support")
    return Fit(
        "logistic",
        ends,
        (ends - middle[0]) / scale[0] * beta[0] + beta[-1],
        {
            name: (float(beta[1 + i] / scale[1 + i]), mean)
            for i, (name, mean) in enumerate(means.items())
        },
    )


def fit_isotonic(trial: Trial) -> Fit:
    """Fit a rising step curve, with both tails pooled until they hold errors enough.

    Pool-adjacent-violators on equally weighted kinds. A tail in which only one kind was seen would
    claim infinite evidence: it is merged inwards until it holds a few of the other kind.

    Raises:
        InputError: `calibration.support`: too few trials of a kind for two pooled tails.
    """
    genuine = trial.genuine
    _need_both(genuine)
    if min(int(genuine.sum()), int((~genuine).sum())) < 2 * TAIL_TRIALS:
        raise InputError(
            f"an isotonic fit needs {2 * TAIL_TRIALS} trials of each kind; fit a logistic one",
            "calibration.support",
        )
    values, where = np.unique(trial.score, return_inverse=True)
    good = np.bincount(where, genuine, len(values))
    bad = np.bincount(where, ~genuine, len(values))
    blocks = _pooled(
        good.astype(np.float64), bad.astype(np.float64), int(genuine.sum()), int((~genuine).sum())
    )
    knots: list[float] = []
    ratios: list[float] = []
    for start, end, block_good, block_bad in blocks:
        llr = float(np.log(block_good / genuine.sum()) - np.log(block_bad / (~genuine).sum()))
        for place in dict.fromkeys((float(values[start]), float(values[end - 1]))):
            knots.append(place)
            ratios.append(llr)
    return Fit("isotonic", np.array(knots), np.array(ratios))


def _pooled(
    good: Floats, bad: Floats, all_good: int, all_bad: int
) -> list[tuple[int, int, float, float]]:
    """Blocks (start, end, genuine, other) of rising ratio, tails and empty counts pooled."""
    blocks: list[tuple[int, int, float, float]] = []
    for i in range(len(good)):
        blocks.append((i, i + 1, float(good[i]), float(bad[i])))
        while len(blocks) > 1 and _ratio(blocks[-2], all_good, all_bad) >= _ratio(
            blocks[-1], all_good, all_bad
        ):
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0], last[1], before[2] + last[2], before[3] + last[3]))
    while len(blocks) > 1 and blocks[-1][3] < TAIL_TRIALS:
        last, before = blocks.pop(), blocks.pop()
        blocks.append((before[0], last[1], before[2] + last[2], before[3] + last[3]))
    while len(blocks) > 1 and blocks[0][2] < TAIL_TRIALS:
        first, after = blocks[0], blocks[1]
        merged = (first[0], after[1], first[2] + after[2], first[3] + after[3])
        blocks[:2] = [merged]
    return blocks


def _ratio(block: tuple[int, int, float, float], all_good: int, all_bad: int) -> float:
    """Share of genuine trials in a block, were both kinds equally frequent."""
    good, bad = block[2] / all_good, block[3] / all_bad
    return good / (good + bad)


def _need_both(genuine: NDArray[np.bool_]) -> None:
    if genuine.all() or not genuine.any():
        raise InputError(
            "a calibration needs trials of both kinds: mated and non-mated, or bona fide and "
            "attacks",
            "calibration.support",
        )


def calibrate(
    kind: str,
    trial: Trial,
    target: Target,
    reject: Target | None,
    method: str,
    *,
    floor: OperatingPoint | None = None,
) -> dict[str, object]:
    """Fit everything a calibration file holds.

    Args:
        kind: Kind of evaluation, such as `face`.
        trial: The scored trials.
        target: Rate of strangers or attacks that may pass; decides `accept_at`. Where attacks
            have species it holds for each of them.
        reject: Rate of genuine trials that may be refused outright; decides `reject_below`. None
            refuses everything that is not accepted: there is no review band.
        method: `isotonic` or `logistic`.
        floor: A point that is only ever raised: it accepts from no lower, and where `reject` is
            None it says from where on nobody is refused.

    Returns:
        Content of a calibration file, without its provenance.

    Raises:
        InputError: `usage.target`: a rate this kind does not have; `calibration.support`: the
            trials cannot support a target.
    """
    wanted, refused = RATES_OF_KIND[kind]
    if target.kind != wanted:
        raise InputError(
            f"the target of {kind} is a rate of {wanted}, got {target.kind!r}", "usage.target"
        )
    _need_both(trial.genuine)
    genuine, others = trial.score[trial.genuine], trial.score[~trial.genuine]
    names = sorted(set(trial.species[~trial.genuine].tolist()))
    thresholds: list[float] = []
    for name in names:
        here = f" of species {name}" if name else ""
        have, need = trial.independent[name], trials_needed(target.rate)
        if have < need:
            raise InputError(
                f"{wanted} of {target.rate:g} cannot be supported: it takes {need} independent "
                f"trials (3 / {target.rate:g}), there are {have}{here}; "
                + (f"lowest supported is {3 / have:.2g}" if have > 3 else "they support no rate"),
                "calibration.support",
            )
        threshold = threshold_at_fmr(others[trial.species[~trial.genuine] == name], target.rate)
        if threshold is None:
            raise InputError(f"too few scores{here} for {target.rate:g}", "calibration.support")
        thresholds.append(threshold)
    accept_at = max(thresholds)
    reject_below = accept_at
    if floor is not None:
        accept_at, reject_below = max(accept_at, floor.accept_at), floor.reject_below
    if reject is not None:
        if reject.kind != refused:
            raise InputError(
                f"the rate of genuine refusals of {kind} is {refused}, got {reject.kind!r}",
                "usage.target",
            )
        found = threshold_at_fnmr(genuine, reject.rate)
        if found is None or len(genuine) < trials_needed(reject.rate):
            raise InputError(
                f"{refused} of {reject.rate:g} cannot be supported: it takes "
                f"{trials_needed(reject.rate)} genuine trials, there are {len(genuine)}",
                "calibration.support",
            )
        reject_below = min(accept_at, found)
    fit = fit_isotonic(trial) if method == "isotonic" else fit_logistic(trial)
    independent = min(trial.independent[name] for name in names)
    accepted = {
        name or wanted: fmr(others[trial.species[~trial.genuine] == name], accept_at)
        for name in names
    }
    lost = fnmr(genuine, accept_at)
    return {
        "check": CHECK_OF_KIND[kind],
        "operating_point": {
            "accept_at": accept_at,
            "reject_below": reject_below,
            f"target_{wanted}": target.rate,
            f"{wanted}_by_species": {name: rate.value for name, rate in accepted.items()},
            f"not_accepted_{refused}": lost.value,
            f"not_accepted_{refused}_ci95": [*lost.ci95],
            f"rejected_{refused}": fnmr(genuine, reject_below).value,
            "n_genuine": len(genuine),
        },
        "error_rate": {
            "kind": wanted,
            "n": independent,
            "n_scores": len(others),
            **_rate_table(others, trial.species[~trial.genuine], names, independent),
        },
        "llr": {
            "method": fit.method,
            "scores": fit.scores.tolist(),
            "values": fit.llr.tolist(),
            "covariates": {name: [*pair] for name, pair in fit.covariates.items()},
        },
    }


def _rate_table(
    others: Floats, species: NDArray[np.str_], names: Sequence[str], independent: int
) -> dict[str, list[float]]:
    """Error rate at chosen scores, of the worst species, with intervals from independent n."""
    ordered = np.unique(others)
    shares = np.linspace(0, 1, RATE_KNOTS)
    knots = np.unique(
        np.concatenate([np.quantile(ordered, shares, method="lower"), ordered[-TAIL_KNOTS:]])
    )
    knots = np.append(knots, np.nextafter(ordered[-1], np.inf))
    rates = np.max(
        [
            1 - np.searchsorted(np.sort(others[species == name]), knots) / (species == name).sum()
            for name in names
        ],
        axis=0,
    )
    bounds = [clopper_pearson(round(float(rate) * independent), independent) for rate in rates]
    return {
        "scores": knots.tolist(),
        "rates": rates.tolist(),
        "low": [low for low, _ in bounds],
        "high": [high for _, high in bounds],
    }


def write_calibration(
    path: Path, content: Mapping[str, object], scores: Path, description: str, command: str
) -> None:
    """Write a calibration file, TOML or JSON by its suffix.

    Args:
        path: Where to.
        content: What `calibrate` made.
        scores: The score file it came from; the run's stamp beside it names the models.
        description: The data, in words.
        command: What made the file.

    Raises:
        InputError: `usage.suffix`.
    """
    run = scores.parent / "run.json"
    models = json.loads(run.read_text(encoding="utf-8")).get("models", []) if run.exists() else []
    whole = {
        "format": FORMAT,
        **{key: value for key, value in content.items() if not isinstance(value, dict)},
        "data": {
            "description": description,
            "scores_sha256": hashlib.sha256(scores.read_bytes()).hexdigest(),
            "models": models,
            "command": command,
        },
        **{key: value for key, value in content.items() if isinstance(value, dict)},
    }
    if path.suffix == ".json":
        path.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    elif path.suffix == ".toml":
        lines: list[str] = []
        _toml(whole, (), lines)
        path.write_text("\n".join(lines).lstrip("\n") + "\n", encoding="utf-8")
    else:
        raise InputError(
            f"a calibration file is .toml or .json, got {path.suffix!r}", "usage.suffix"
        )


def _toml(table: Mapping[str, object], path: tuple[str, ...], lines: list[str]) -> None:
    """Plain values first, then each table under its head; JSON's values are TOML's here."""
    for key, value in table.items():
        if not isinstance(value, dict):
            lines.append(f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}")
    for key, value in table.items():
        if isinstance(value, dict):
            lines.append(f"\n[{'.'.join(map(_key, (*path, key)))}]")
            _toml(value, (*path, key), lines)


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() and key.isascii() else json.dumps(key)


def summary(content: Mapping[str, object]) -> str:
    """The fitted operating point in a few lines, for people."""
    point, table = content["operating_point"], content["error_rate"]
    if not isinstance(point, dict) or not isinstance(table, dict):
        raise TypeError("a calibration's content was wanted")
    lines = [
        f"{content['check']}: accept from {point['accept_at']:.4g}, "
        f"reject below {point['reject_below']:.4g}"
    ]
    lines += [
        f"  {key} = {value if not isinstance(value, float) else f'{value:.4g}'}"
        for key, value in point.items()
        if key not in ("accept_at", "reject_below")
    ]
    lines.append(f"  {table['n_scores']} scores, {table['n']} of them independent")
    return "\n".join(lines)
