"""How many attacks does passive liveness take for a person, and how many persons for an attack?"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.analysis.transaction import Transaction
from veridical.calibration.intervals import Rate
from veridical.calibration.metrics import auc, pad_rates
from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import hash_data, read_csv
from veridical.evaluation.plots import bars, histogram
from veridical.evaluation.request import Evaluation, Request, Section, Worst
from veridical.liveness import SilentCheck
from veridical.media import read_clip, read_image
from veridical.result import OperatingPoint
from veridical.types import Clip, View
from veridical.verification.settings import Settings

__all__ = ["Presentation", "SilentMaker", "evaluate_silent", "silent_figures"]

COLUMNS = ("label", "species", "group", "score", "reason", "ensemble", "cpu_ms")
LABELS = ("bona_fide", "attack")
SIMULATED = "simulated:"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
WORST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Presentation:
    """One presentation of an index: everything that is judged together.

    Attributes:
        name: As the index calls it.
        row: Its first line.
        label: `bona_fide` or `attack`.
        species: PAI species; empty for a bona fide presentation.
        group: Demographic or capture group, empty where unknown.
        files: Pictures and clips.
    """

    name: str
    row: int
    label: str
    species: str
    group: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class SilentMaker:
    """Builds the judging worker in its process.

    Attributes:
        settings: The installation.
    """

    settings: Settings

    def __call__(self) -> "SilentWorker":
        """Load detector, mesh and the silent ensemble of the profile."""
        engines = Engines.open(self.settings)
        engines.require("detector", "mesh")
        return SilentWorker(engines, engines.need(Engines.silent))


class SilentWorker:
    """Presentation in, score out; frames are chosen as in a transaction."""

    def __init__(self, engines: Engines, check: SilentCheck) -> None:
        self._engines = engines
        self._check = check

    def __call__(self, work: Presentation) -> Sequence[Mapping[str, object]]:
        """Judge one presentation."""
        about = {"label": work.label, "species": work.species, "group": work.group}
        views: list[View] = []
        clips: list[Clip] = []
        cpu_ms = 0.0
        for path in work.files:
            try:
                if path.suffix.lower() in PICTURES:
                    transaction = Transaction("evaluate", selfie=read_image(path))
                else:
                    clips.append(read_clip(path))
                    transaction = Transaction("evaluate", clip=clips[-1])
            except InputError as error:
                return [{**about, "reason": error.code}]
            start = time.process_time()
            views += Analysis(transaction, self._engines).views
            cpu_ms += (time.process_time() - start) * 1e3
        start = time.process_time()
        found = self._check(views, clips[0] if len(clips) == 1 else None)
        cpu_ms += (time.process_time() - start) * 1e3
        return [
            {
                **about,
                "score": found.score if found.assessed else None,
                "reason": found.reason,
                "ensemble": found.evidence.get("ensemble"),
                "cpu_ms": cpu_ms,
            }
        ]


def evaluate_silent(
    request: Request, settings: Settings, maker: Maker[Presentation] | None = None
) -> Evaluation:
    """Evaluate passive presentation attack detection over an index.

    Args:
        request: What was asked.
        settings: The installation.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used.
        ModelError: A model is missing.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    names = (profile.roles["detector"][0], profile.roles["mesh"][0], *profile.roles["silent"])
    models = tuple(store.card(name).ref for name in names)
    presentations = read_presentations(request)
    files = [path for presentation in presentations for path in presentation.files]
    data = hash_data(request.index, files)
    stamp_run(
        request.out,
        {
            "kind": "silent",
            "data": data,
            "limit": request.limit,
            "profile": profile.name,
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    scores = ScoreFile(request.out / "scores.csv", COLUMNS)
    units = [Unit(str(number), one) for number, one in enumerate(presentations)]
    score_units(
        units, maker or SilentMaker(settings), scores, title="silent", workers=request.workers
    )
    point = store.operating_points(profile).get("liveness.silent")
    evaluation = silent_figures(list(scores.rows()), presentations, point.point if point else None)
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(files)
    return evaluation


def read_presentations(request: Request) -> list[Presentation]:
    """Presentations of an index, in the order of their first rows."""
    grouped: dict[str, Presentation] = {}
    for row in read_csv(request.index, ("file", "label", "species", "presentation"), request.limit):
        name = row.text("presentation")
        label = row.one_of("label", LABELS)
        species = row.text("species", "") if label == "attack" else ""
        if label == "attack" and not species:
            raise row.error("species", "an attack has a PAI species", "index.missing_value")
        known = grouped.get(name)
        if known is not None and (known.label, known.species) != (label, species):
            raise row.error(
                "presentation",
                f"{name!r} is of another label or species in row {known.row}",
                "index.malformed",
            )
        earlier = known.files if known else ()
        grouped[name] = Presentation(
            name,
            known.row if known else row.number,
            label,
            species,
            row.text("group", ""),
            (*earlier, row.file("file")),
        )
    return list(grouped.values())


def silent_figures(
    rows: Sequence[Mapping[str, str]],
    presentations: Sequence[Presentation],
    point: OperatingPoint | None,
) -> Evaluation:
    """Work the figures out of scores; no model is needed.

    Args:
        rows: Rows of the score file.
        presentations: In order of their numbers.
        point: Operating point in force.
    """
    figures = Figures("silent")
    bona_fide: list[float | None] = []
    attacks: dict[str, list[float | None]] = {}
    for row in rows:
        score = float(row["score"]) if row["score"] else None
        (
            bona_fide if row["label"] == "bona_fide" else attacks.setdefault(row["species"], [])
        ).append(score)
    real = {name: s for name, s in attacks.items() if not name.startswith(SIMULATED)}
    simulated = {name: s for name, s in attacks.items() if name.startswith(SIMULATED)}
    figures.put("n_bona_fide", len(bona_fide))
    figures.put("n_attack", sum(map(len, real.values())))
    accept_at = point.accept_at if point else float("nan")
    figures.put("accept_at", point.accept_at if point else None)
    figures.put("reject_below", point.reject_below if point else None)
    rates = pad_rates(bona_fide, real, accept_at)
    for species, rate in rates.apcer.items():
        figures.rate(f"apcer|{species}", rate if point else None)
    figures.rate("apcer_max", rates.apcer_max if point else None)
    figures.rate("bpcer", rates.bpcer if point else None)
    figures.rate("bpcer_with_nonresponse", rates.bpcer_with_nonresponse if point else None)
    if point is not None:
        refused = pad_rates(bona_fide, real, point.reject_below)
        figures.rate("bpcer_rejected", refused.bpcer)
        figures.rate("bpcer_review", Rate(rates.bpcer.errors - refused.bpcer.errors, rates.bpcer.n))
    figures.rate("apnrr", rates.apnrr)
    figures.rate("bpnrr", rates.bpnrr)
    for species, rate in pad_rates([], simulated, accept_at).apcer.items():
        figures.rate(f"simulated_accepted|{species.removeprefix(SIMULATED)}", rate)
    answered = np.array([s for s in bona_fide if s is not None])
    against = np.array([s for scores in real.values() for s in scores if s is not None])
    figures.put("auc", auc(answered, against))
    figures.put("ensemble", next((row["ensemble"] for row in rows if row["ensemble"]), None))
    times = [float(row["cpu_ms"]) for row in rows if row["cpu_ms"]]
    figures.put("cpu_ms", float(np.median(times)) if times else None)
    if simulated:
        figures.notes.append(
            "species named simulated:* come from the attack simulator: their shares tell whether a "
            "deployment reacts, and are no APCER"
        )
    if point is None:
        figures.notes.append("no operating point is set for liveness.silent, so there are no rates")
    return Evaluation(
        figures,
        headline=(
            ("apcer_max", "APCER of the worst species"),
            ("bpcer", "BPCER"),
            ("bpcer_with_nonresponse", "BPCER, no answer counted"),
            ("auc", "area under ROC"),
        ),
        sections=_sections(rows, rates.apcer if point else {}, point, answered, against),
        worst=_worst(rows, presentations),
    )


def _sections(
    rows: Sequence[Mapping[str, str]],
    apcer: Mapping[str, Rate],
    point: OperatingPoint | None,
    answered: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    against: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> list[Section]:
    sections = [
        Section(
            "Scores",
            "One score a presentation; at or above 'accept' it passes.",
            histogram(
                {"bona fide": answered, "attack": against},
                {"accept": point.accept_at, "reject below": point.reject_below} if point else {},
                "liveness.silent score",
            ),
        )
    ]
    if apcer:
        worst_first = dict(sorted(apcer.items(), key=lambda item: -(item[1].value or 0)))
        sections.append(
            Section(
                "APCER by PAI species",
                "Share of the attacks that passed, among those that got an answer. The worst "
                "species is the figure to quote. NIST SP 800-63A-4 asks IAPAR below 7 %.",
                bars(worst_first, "APCER", ("7 %", 0.07)),
            )
        )
    cells: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        name = row["species"] or "bona fide"
        cells.setdefault((name, row["group"] or "–"), []).append(_outcome(row, point))
    outcomes = ("pass", "review", "fail", "not assessed")
    sections.append(
        Section(
            "What became of each kind of presentation",
            "By species and group.",
            head=("presentation", "group", *outcomes, "n"),
            rows=[
                (name, group, *(str(found.count(one)) for one in outcomes), str(len(found)))
                for (name, group), found in sorted(cells.items())
            ],
        )
    )
    reasons: dict[tuple[str, str], int] = {}
    for row in rows:
        if row["reason"]:
            key = (row["reason"], row["species"] or "bona fide")
            reasons[key] = reasons.get(key, 0) + 1
    if reasons:
        sections.append(
            Section(
                "Reasons given",
                head=("reason", "presentation", "n"),
                rows=[(*key, str(count)) for key, count in sorted(reasons.items())],
            )
        )
    return sections


def _outcome(row: Mapping[str, str], point: OperatingPoint | None) -> str:
    if not row["score"]:
        return "not assessed"
    return point.status(float(row["score"])).value if point else "review"


def _worst(rows: Sequence[Mapping[str, str]], presentations: Sequence[Presentation]) -> list[Worst]:
    """Bona fide presentations of lowest and attacks of highest score."""
    scored = [
        (float(row["score"]), presentations[int(row["unit"])]) for row in rows if row["score"]
    ]
    attacks = sorted((s for s in scored if s[1].label == "attack"), key=lambda s: -s[0])
    genuine = sorted((s for s in scored if s[1].label == "bona_fide"), key=lambda s: s[0])
    return [
        Worst(
            f"{one.species or 'bona fide'} scored {score:.3f}: row {one.row}",
            one.files[:1],
        )
        for score, one in (*attacks[: WORST_SHOWN // 2], *genuine[: WORST_SHOWN // 2])
    ]
