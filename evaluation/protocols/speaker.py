"""How often are two voices of one person told apart, and two of two persons taken for one?"""

import base64
import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate
from veridical.calibration.metrics import det
from veridical.errors import InputError
from veridical.evaluation.comparisons import (
    Comparisons,
    put_rates,
    read_comparisons,
    write_comparisons,
)
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import columns_of, hash_data, read_csv
from veridical.evaluation.plots import det_plot, histogram
from veridical.evaluation.protocols.voices import RATE_HZ, degraded, joined, read_at
from veridical.evaluation.request import Evaluation, Request, Section, Worst
from veridical.models import Session
from veridical.result import OperatingPoint
from veridical.types import Audio
from veridical.verification.settings import Settings
from veridical.voiceprint import NarrowBand, SpeechLimits, VoiceEmbedder, analyse_speech

__all__ = ["SpeakerMaker", "Take", "evaluate_speaker", "takes_of"]

WORK_COLUMNS = ("reason", "template", "narrow", "speech_s", "cpu_ms")
ENROL_MIN_SPEECH_S = 0.5
WORST_SHOWN = 12
PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Take:
    """What is enrolled or probed at once.

    Attributes:
        row: Line of its first file in the index.
        files: Sound files in a row.
        speaker: Number of the person.
        visit: When or where it was recorded; empty where unknown.
        seconds: Cut to this length; 0 takes all.
        degrade: How the sound is spoilt.
        limits: Whether it must meet the limits of a probe.
    """

    row: int
    files: tuple[Path, ...]
    speaker: int
    visit: str = ""
    seconds: float = 0.0
    degrade: str = "none"
    limits: bool = False


@dataclass(frozen=True, slots=True)
class SpeakerMaker:
    """Builds the embedding worker in its process.

    Attributes:
        settings: The installation.
        seed: Of the noise.
    """

    settings: Settings
    seed: int = 0

    def __call__(self) -> "SpeakerWorker":
        """Load speech detection and voice embedding of the profile."""
        engines = Engines.open(self.settings)
        return SpeakerWorker(engines.need(Engines.vad), engines.need(Engines.voice), self.seed)


class SpeakerWorker:
    """Sound in; template, or the reason why there is none, out."""

    def __init__(self, speech: Session, embedder: VoiceEmbedder, seed: int) -> None:
        self._speech = speech
        self._embedder = embedder
        self._seed = seed
        probe = SpeechLimits()
        self._probe_limits = probe
        self._enrol_limits = SpeechLimits(
            ENROL_MIN_SPEECH_S, probe.min_snr_db, probe.max_clipped_share, probe.min_consistency
        )

    def __call__(self, work: Take) -> Sequence[Mapping[str, object]]:
        """Embed one take."""
        try:
            pieces = [read_at(path) for path in work.files]
        except InputError as error:
            return [{"reason": error.code}]
        audio = joined(pieces, [PAUSE_S] * len(pieces))
        if work.seconds:
            audio = Audio(audio.samples[: int(work.seconds * RATE_HZ)], RATE_HZ)
        audio = degraded(audio, work.degrade, np.random.default_rng([self._seed, work.row]))
        start = time.process_time()
        speech = analyse_speech(audio, self._speech)
        limits = self._probe_limits if work.limits else self._enrol_limits
        reason = limits.quality_reason(speech)
        row: dict[str, object] = {"reason": reason, "speech_s": speech.net_speech_s}
        if not reason:
            template = self._embedder(speech)
            row["narrow"] = int(self._embedder.is_narrow(speech))
            row["template"] = base64.b64encode(template.vector.tobytes()).decode()
            row["cpu_ms"] = (time.process_time() - start) * 1e3
        return [row]


def evaluate_speaker(
    request: Request,
    settings: Settings,
    enrol_seconds: float = 8.0,
    probe_seconds: float = 4.0,
    degrade: str = "none",
    maker: Maker[Take] | None = None,
) -> Evaluation:
    """Evaluate speaker comparison over an index.

    Args:
        request: What was asked.
        settings: The installation.
        enrol_seconds: Length of a reference; files of one speaker and visit are joined to it.
        probe_seconds: Length of a probe.
        degrade: How probes are spoilt; references stay as they are.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used.
        ModelError: A model is missing.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    models = tuple(store.card(profile.roles[role][0]).ref for role in ("speech", "voice"))
    if "enrol" in columns_of(request.index):
        takes, pairs = _read_pairs(request, degrade)
    else:
        takes, pairs = _read_takes(request, enrol_seconds, probe_seconds, degrade)
    data = hash_data(request.index, dict.fromkeys(path for take in takes for path in take.files))
    stamp_run(
        request.out,
        {
            "kind": "speaker",
            "data": data,
            "options": [enrol_seconds, probe_seconds, degrade, request.seed],
            "limit": request.limit,
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    path = request.out / "scores.csv"
    if not path.exists():
        narrow = NarrowBand.from_card(store.card(profile.roles["voice"][0]))
        _score(request, maker or SpeakerMaker(settings, request.seed), takes, pairs, path, narrow)
    with (request.out / "samples.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    point = store.operating_points(profile).get("voice.match")
    evaluation = speaker_figures(
        read_comparisons(path), takes, table, point.point if point else None, request.seed
    )
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len({path for take in takes for path in take.files})
    evaluation.options = {
        "enrol seconds": enrol_seconds,
        "probe seconds": probe_seconds,
        "degrade": degrade,
    }
    return evaluation


Pairs = list[tuple[int, int, bool]]


def _read_takes(
    request: Request, enrol_seconds: float, probe_seconds: float, degrade: str
) -> tuple[list[Take], Pairs]:
    """References and probes of an index of single recordings, and all fair pairs of them.

    Where the index tells visits and a speaker has several, mated pairs are of two visits.
    """
    numbers: dict[str, int] = {}
    singles: list[tuple[int, Path, int, str]] = []
    for row in read_csv(request.index, ("file", "speaker"), request.limit):
        speaker = numbers.setdefault(row.text("speaker"), len(numbers))
        singles.append((row.number, row.file("file"), speaker, row.text("visit", "")))
    references = takes_of(singles, enrol_seconds, "none", limits=False)
    probes = takes_of(singles, probe_seconds, degrade, limits=True)
    visits: dict[int, set[str]] = {}
    for _, _, speaker, visit in singles:
        visits.setdefault(speaker, set()).add(visit)
    pairs: Pairs = []
    for i, reference in enumerate(references):
        for j, probe in enumerate(probes):
            mated = reference.speaker == probe.speaker
            shared = mated and bool(set(reference.files) & set(probe.files))
            one_visit = mated and len(visits[probe.speaker]) > 1 and reference.visit == probe.visit
            if not (shared or one_visit):
                pairs.append((i, len(references) + j, mated))
    return [*references, *probes], pairs


def takes_of(
    singles: Sequence[tuple[int, Path, int, str]], seconds: float, degrade: str, *, limits: bool
) -> list[Take]:
    """Join recordings of one speaker and visit, in order, until each take is long enough.

    A last take that stays too short is left out unless it is the only one of its speaker.

    Args:
        singles: Line, file, speaker and visit of each recording.
        seconds: Length wanted.
        degrade: Passed on.
        limits: Passed on.
    """
    groups: dict[tuple[int, str], list[tuple[int, Path]]] = {}
    for number, path, speaker, visit in singles:
        groups.setdefault((speaker, visit), []).append((number, path))
    takes: list[Take] = []
    for (speaker, visit), members in groups.items():
        rows: list[tuple[int, Path]] = []
        length = 0.0
        made = 0
        for number, path in members:
            rows.append((number, path))
            length += _seconds(path)
            if length >= seconds:
                files = tuple(one for _, one in rows)
                takes.append(Take(rows[0][0], files, speaker, visit, seconds, degrade, limits))
                rows, length, made = [], 0.0, made + 1
        if rows and not made:
            files = tuple(one for _, one in rows)
            takes.append(Take(rows[0][0], files, speaker, visit, seconds, degrade, limits))
    return takes


@cache
def _seconds(path: Path) -> float:
    try:
        return len(read_at(path)) / RATE_HZ
    except InputError:
        return 0.0


def _read_pairs(request: Request, degrade: str) -> tuple[list[Take], Pairs]:
    """Takes and pairs of an index of comparisons; joined by mated ones, takes are of one person."""
    takes: list[Take] = []
    known: dict[tuple[str, Path], int] = {}
    pairs: Pairs = []
    for row in read_csv(request.index, ("enrol", "probe", "mated"), request.limit):
        mated = row.one_of("mated", ("0", "1", "true", "false", "True", "False")) in (
            "1", "true", "True",
        )  # fmt: skip
        pair: list[int] = []
        for name in ("enrol", "probe"):
            path = row.file(name)
            if (name, path) not in known:
                known[name, path] = len(takes)
                spoilt = degrade if name == "probe" else "none"
                takes.append(
                    Take(row.number, (path,), len(takes), "", 0.0, spoilt, name == "probe")
                )
            pair.append(known[name, path])
        pairs.append((pair[0], pair[1], mated))
    person = list(range(len(takes)))
    for first, second, mated in pairs:
        if mated:
            old, new = person[second], person[first]
            person = [new if one == old else one for one in person]
    return [
        Take(t.row, t.files, person[i], t.visit, t.seconds, t.degrade, t.limits)
        for i, t in enumerate(takes)
    ], pairs


def _score(
    request: Request,
    maker: Maker[Take],
    takes: Sequence[Take],
    pairs: Pairs,
    path: Path,
    narrow: NarrowBand | None,
) -> None:
    """Embed every take, compare, and keep scores and samples; templates go."""
    work = ScoreFile(request.out / "templates.work.csv", WORK_COLUMNS)
    units = [Unit(str(number), take) for number, take in enumerate(takes)]
    score_units(units, maker, work, title="voices", workers=request.workers)
    rows: list[dict[str, str]] = [{}] * len(takes)
    for row in work.rows():
        rows[int(row["unit"])] = row
    with (request.out / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("sample", "row", "subject", "role", "reason", "speech_s", "cpu_ms"))
        for number, (take, row) in enumerate(zip(takes, rows, strict=True)):
            role = "probe" if take.limits else "reference"
            about = (row["reason"], row["speech_s"], row["cpu_ms"])
            writer.writerow((number, take.row, take.speaker, role, *about))
    vectors = [np.frombuffer(base64.b64decode(row["template"]), dtype=np.float32) for row in rows]
    over_a_line = [narrow is not None and row["narrow"] == "1" for row in rows]
    write_comparisons(path, _compared(vectors, pairs, over_a_line, narrow or float))
    work.path.unlink()


def _compared(
    vectors: Sequence[NDArray[np.float32]],
    pairs: Pairs,
    over_a_line: Sequence[bool],
    narrow: Callable[[float], float],
    block: int = 100_000,
) -> Iterator[Comparisons]:
    for start in range(0, len(pairs), block):
        part = pairs[start : start + block]
        cosines = [
            float(vectors[a] @ vectors[b]) if len(vectors[a]) and len(vectors[b]) else float("nan")
            for a, b, _ in part
        ]
        scores = [
            narrow(cosine) if over_a_line[b] else cosine
            for cosine, (_, b, _) in zip(cosines, part, strict=True)
        ]
        yield Comparisons(
            np.array([pair[0] for pair in part], dtype=np.int32),
            np.array([pair[1] for pair in part], dtype=np.int32),
            np.array([pair[2] for pair in part], dtype=np.bool_),
            np.array(scores, dtype=np.float32),
        )


def speaker_figures(
    comparisons: Comparisons,
    takes: Sequence[Take],
    table: Sequence[Mapping[str, str]],
    point: OperatingPoint | None,
    seed: int,
) -> Evaluation:
    """Work the figures out of scores; no model is needed.

    Args:
        comparisons: Every scored comparison.
        takes: In order of their numbers.
        table: Rows of `samples.csv`.
        point: Operating point in force.
        seed: Of the bootstrap.
    """
    figures = Figures("speaker")
    subjects = np.array([take.speaker for take in takes], dtype=np.int32)
    put_rates(figures, comparisons, subjects, point, seed)
    probes = [row for row in table if row["role"] == "probe"]
    figures.rate("fta", Rate(sum(bool(row["reason"]) for row in probes), len(probes)))
    figures.put("n_speakers", len(set(subjects.tolist())))
    times = [
        float(row["cpu_ms"]) / float(row["speech_s"])
        for row in table
        if row["cpu_ms"] and float(row["speech_s"]) > 0
    ]
    figures.put("cpu_ms_per_s", float(np.median(times)) if times else None)
    evaluation = Evaluation(
        figures,
        headline=(
            ("eer", "equal error rate"),
            ("fnmr_at_fmr|1e-2", "FNMR at FMR 1e-2"),
            ("fnmr_at_fmr|1e-3", "FNMR at FMR 1e-3"),
            ("operating_point|fmr", "FMR where we accept"),
            ("fta", "probes not assessed"),
        ),
    )
    mated, non_mated = comparisons.mated_scores, comparisons.non_mated_scores
    if len(mated) and len(non_mated):
        lines = {"accept": point.accept_at, "reject below": point.reject_below} if point else {}
        evaluation.sections = [
            Section(
                "Detection error trade-off",
                "A curve ends where its data end.",
                det_plot(
                    {"all comparisons": (det(mated, non_mated), len(mated), len(non_mated))},
                    ("FMR: other voices taken for this one", "FNMR: the person refused"),
                ),
            ),
            Section(
                "Scores",
                "Every comparison, as a share of its kind; dashed lines are thresholds.",
                histogram({"mated": mated, "non-mated": non_mated}, lines, "comparison score"),
            ),
        ]
    reasons: dict[str, int] = {}
    for row in table:
        if row["reason"]:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    if reasons:
        evaluation.sections.append(
            Section(
                "Takes not assessed",
                head=("reason", "n"),
                rows=[(reason, str(count)) for reason, count in sorted(reasons.items())],
            )
        )
    for is_mated, sign, words in ((False, -1.0, "two persons scored"), (True, 1.0, "one scored")):
        kind = comparisons.only((comparisons.mated == is_mated) & ~np.isnan(comparisons.score))
        for i in np.argsort(kind.score * sign, kind="stable")[: WORST_SHOWN // 2]:
            rows = takes[int(kind.reference[i])].row, takes[int(kind.probe[i])].row
            evaluation.worst.append(
                Worst(f"{words} {kind.score[i]:.3f}: rows {rows[0]} and {rows[1]}", ())
            )
    return evaluation
