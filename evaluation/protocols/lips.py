"""How well do lips and sound tell a genuine answer from a dub, a shift or a generated face?"""

import base64
import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate
from veridical.calibration.metrics import auc, det, eer
from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import columns_of, hash_data, read_csv
from veridical.evaluation.plots import histogram
from veridical.evaluation.request import Evaluation, Request, Section
from veridical.face.track import FaceTracker
from veridical.liveness.lips import Heard, LipsCheck, LipSync, MouthTrack, follow_mouth
from veridical.liveness.lips.fusion import Fusion
from veridical.liveness.lips.read import LipReader, competitors
from veridical.liveness.lips.sound import STEP_MS, log_mel
from veridical.liveness.lips.sync import Codes, compare, sound_at
from veridical.liveness.lips.track import FEATURES, GRID_MS
from veridical.media import read_clip
from veridical.models import Session
from veridical.result import OperatingPoint
from veridical.types import Audio, Challenge
from veridical.verification.settings import Settings
from veridical.voiceprint import analyse_speech

__all__ = ["LipsMaker", "Speaking", "evaluate_lips", "lips_figures", "write_trials"]

COLUMNS = ("window_s", "score", "reason", "lag_frames", "text_z", "wrong_z", "codes", "cpu_ms")
GENUINE = frozenset({"genuine", "bona_fide"})
WINDOWS_S = (3.0, 6.0)
MOVED_PLACES = (-20, -15, -10, -8, 8, 10, 15, 20)
"""Sound moved by 0.32 to 0.8 s: beyond what a camera's own lag explains."""
DUBS = 8
"""Sounds of other speakers each window is held against."""
SHORT_OF = 0.85
"""A clip this share of a window's length counts as one shorter window: 2.96 s as 3 s."""
WRONG_TEXTS = 20
GENUINE_SHARE = 0.9
"""Share of genuine windows that pass where attacks with their own sound are counted."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """One row of the index.

    Attributes:
        row: Its line.
        file: The clip.
        text: What is said; empty where unknown.
        speaker: Who speaks.
        label: `genuine`, or the name of an attack.
        group: Such as `grid` or `wild`.
    """

    row: int
    file: Path
    text: str
    speaker: str
    label: str
    group: str


@dataclass(frozen=True, slots=True)
class LipsMaker:
    """Builds the measuring worker in its process.

    Attributes:
        settings: The installation.
        windows_s: Lengths that are measured.
    """

    settings: Settings
    windows_s: tuple[float, ...] = WINDOWS_S

    def __call__(self) -> "LipsWorker":
        """Load face tracking, speech detection and the lip networks of the profile."""
        engines = Engines.open(self.settings)
        adaptation = engines.adaptation
        sync, *readers = engines.sessions("lips")
        return LipsWorker(
            FaceTracker(engines.need(Engines.detector), engines.need(Engines.mesher)),
            engines.need(Engines.vad),
            engines.need(Engines.lips),
            LipSync(sync, adaptation.correction if adaptation else None),
            LipReader(readers[0]) if readers else None,
            self.windows_s,
        )


class LipsWorker:
    """Clip in, one row for the whole clip and one for each window out."""

    def __init__(
        self,
        tracker: FaceTracker,
        vad: Session,
        check: LipsCheck,
        sync: LipSync,
        reader: LipReader | None,
        windows_s: Sequence[float],
    ) -> None:
        self._tracker = tracker
        self._vad = vad
        self._check = check
        self._sync = sync
        self._reader = reader
        self._windows_s = windows_s

    def __call__(self, work: Speaking) -> Sequence[Mapping[str, object]]:
        """Measure one clip."""
        try:
            clip = read_clip(work.file)
        except InputError as error:
            return [{"window_s": 0, "reason": error.code}]
        start = time.process_time()
        track = follow_mouth(clip, self._tracker)
        heard = None
        if clip.audio is not None:
            speech = analyse_speech(clip.audio, self._vad)
            heard = Heard(Audio(speech.samples, 16_000), speech.segments_s)
        found = self._check(track, heard)
        cpu_ms = (time.process_time() - start) * 1e3 / len(clip.frames)
        whole = {
            "window_s": 0,
            "score": found.score,
            "reason": found.reason,
            "cpu_ms": cpu_ms,
            **self._read(track, work),
        }
        if found.score is None or heard is None:
            return [whole]
        return [whole, *self._windows(track, heard)]

    def _read(self, track: MouthTrack, work: Speaking) -> dict[str, object]:
        """The text score of what is said, and of other words in its place."""
        if self._reader is None or not work.text or not track.seen.any():
            return {}
        try:
            challenge = Challenge("", phrase=work.text)
            told = self._check.examine(track, None, challenge).text
            wrong = [
                self._check.examine(track, None, Challenge("", phrase=" ".join(words))).text
                for words in competitors(challenge.words, WRONG_TEXTS)
            ]
        except InputError:  # words the viseme table does not hold
            return {}
        kept = [f"{score:.4f}" for score in wrong if score is not None]
        return {"text_z": told, "wrong_z": " ".join(kept)}

    def _windows(self, track: MouthTrack, heard: Heard) -> Sequence[Mapping[str, object]]:
        mel = log_mel(heard.audio)
        seen = track.times_ms[track.seen]
        end = min(float(seen[-1]), len(mel) * STEP_MS - GRID_MS)
        times = np.arange(float(seen[0]), end, GRID_MS)
        lips, sound = track.on_grid(times), sound_at(mel, times)
        rows = []
        for window_s in self._windows_s:
            places = round(window_s * 1000 / GRID_MS)
            if SHORT_OF * places <= len(times) < places:
                places = len(times)
            for first in range(0, len(times) - places + 1, places):
                part = slice(first, first + places)
                codes = self._sync.encode(lips[part], sound[part])
                products = codes.lip_code @ codes.sound_code.T
                curve = [np.diagonal(products, lag).mean() for lag in range(-15, 16)]
                rows.append(
                    {
                        "window_s": window_s,
                        "lag_frames": int(np.argmax(curve)) - 15,
                        "codes": _packed(codes),
                    }
                )
        return rows


def _packed(codes: Codes) -> str:
    parts = (codes.lips, codes.expected, codes.lip_code, codes.sound_code)
    return " ".join(base64.b64encode(part.astype("<f2").tobytes()).decode() for part in parts)


def _unpacked(text: str) -> Codes:
    parts = (np.frombuffer(base64.b64decode(part), "<f2") for part in text.split())
    lips, expected, lip_code, sound_code = (part.astype(np.float32) for part in parts)
    places = lips.size // len(FEATURES)
    return Codes(*(part.reshape(places, -1) for part in (lips, expected, lip_code, sound_code)))


def evaluate_lips(
    request: Request,
    settings: Settings,
    windows_s: tuple[float, ...] = WINDOWS_S,
    maker: Maker[Speaking] | None = None,
) -> Evaluation:
    """Evaluate lip liveness over an index.

    Args:
        request: What was asked.
        settings: The installation.
        windows_s: Lengths of the windows that lips and sound are compared on.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used.
        ModelError: A model is missing.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    roles = profile.roles
    names = (roles["detector"][0], roles["mesh"][0], roles["speech"][0], *roles["lips"])
    models = tuple(store.card(name).ref for name in names)
    adaptation = settings.open_lips_adaptation()
    clips = read_speaking(request)
    data = hash_data(request.index, [clip.file for clip in clips])
    stamp_run(
        request.out,
        {
            "kind": "lips",
            "data": data,
            "limit": request.limit,
            "profile": profile.name,
            "windows_s": list(windows_s),
            "models": [f"{model.name}@{model.sha256}" for model in models],
            "adaptation": adaptation.sha256 if adaptation else "",
        },
    )
    scores = ScoreFile(request.out / "scores.csv", COLUMNS)
    score_units(
        [Unit(str(number), clip) for number, clip in enumerate(clips)],
        maker or LipsMaker(settings, windows_s),
        scores,
        title="lips",
        workers=request.workers,
    )
    measured = store.operating_points(profile).get("liveness.lips")
    point = measured.point if measured else None
    fusion = Fusion.from_card(store.card(roles["lips"][0]))
    if adaptation is not None:
        point, fusion = adaptation.point, fusion.adapted(*adaptation.consistency)
    rows = list(scores.rows())
    evaluation = lips_figures(rows, clips, fusion, point, request.seed)
    write_trials(request.out / "trials.csv", rows, clips, fusion, request.seed)
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(clips)
    evaluation.options = {"windows_s": list(windows_s)}
    return evaluation


def read_speaking(request: Request) -> list[Speaking]:
    """Rows of an index; `group` may be missing."""
    grouped = "group" in columns_of(request.index)
    return [
        Speaking(
            row.number,
            row.file("file"),
            row.text("text", ""),
            row.text("speaker"),
            "genuine" if row.text("label") in GENUINE else row.text("label"),
            row.text("group", "all") if grouped else "all",
        )
        for row in read_csv(request.index, ("file", "text", "speaker", "label"), request.limit)
    ]


def lips_figures(
    rows: Sequence[Mapping[str, str]],
    clips: Sequence[Speaking],
    fusion: Fusion,
    point: OperatingPoint | None,
    seed: int,
) -> Evaluation:
    """Work the figures out of scores; no model is needed.

    Args:
        rows: Rows of the score file.
        clips: In order of their numbers.
        fusion: Makes ratios of similarity and correlation.
        point: Operating point in force.
        seed: Chooses whose sound each window is dubbed with.
    """
    figures = Figures("lips")
    whole = [row for row in rows if row["window_s"] == "0"]
    windows = [row for row in rows if row["window_s"] != "0"]
    accept_at = point.accept_at if point else float("nan")
    figures.put("accept_at", point.accept_at if point else None)
    by_label: dict[str, list[float | None]] = {}
    for row in whole:
        score = float(row["score"]) if row["score"] else None
        by_label.setdefault(clips[int(row["unit"])].label, []).append(score)
    for label, scores in by_label.items():
        passed = sum(score is not None and score >= accept_at for score in scores)
        path = "genuine_accepted" if label == "genuine" else f"attacks_accepted|{label}"
        figures.share(path, Rate(passed, len(scores)) if point else None)
    unanswered = sum(not row["score"] for row in whole)
    figures.share("not_assessed", Rate(unanswered, len(whole)))
    lags = [float(row["lag_frames"]) for row in windows]
    for name, quantile in (("p5", 0.05), ("p50", 0.5), ("p95", 0.95)):
        figures.put(f"offset_frames|{name}", float(np.quantile(lags, quantile)) if lags else None)
    sections = []
    for (window_s, group), chosen in _by_length_and_group(windows, clips).items():
        # A generated head is driven by its sound: with it among the genuine they all look better.
        living, made = _apart(chosen)
        own, moved, dubbed = _trials(living, fusion, seed)
        path = f"windows|{window_s}|{group}"
        figures.put(f"{path}|n_windows", len(living))
        figures.put(f"{path}|n_speakers", len({clip.speaker for clip, _ in living}))
        if not living:
            continue
        for name, false in (("shift", moved), ("dub", dubbed)):
            figures.put(f"{path}|sync|{name}|auc", auc(own, false))
            figures.put(f"{path}|sync|{name}|eer", eer(det(own, false)) if len(false) else None)
        nine_tenths_pass = np.quantile(own, 1 - GENUINE_SHARE)
        labels = np.array([clip.label for clip, _ in made])
        driven = _trials(made, fusion, seed)[0]
        for label in sorted({*labels.tolist()}):
            accepted = driven[labels == label] >= nine_tenths_pass
            figures.share(
                f"{path}|accepted_at_90_genuine|{label}",
                Rate(int(accepted.sum()), len(accepted)),
            )
        sections.append(
            Section(
                f"Lips against sound, {window_s} s, {group}",
                f"{len(living)} windows of living people; the same lips with their own sound, with "
                "it moved, and with the sound of others.",
                histogram(
                    {"own": own, "moved": moved, "dubbed": dubbed},
                    {"accept": accept_at} if point else {},
                    "log-likelihood ratio",
                ),
            )
        )
    _put_text(figures, whole, clips)
    times = [float(row["cpu_ms"]) for row in whole if row["cpu_ms"]]
    figures.put("cpu_ms_per_frame", float(np.median(times)) if times else None)
    figures.notes.append(
        "lips against sound alone: no prompt and no schedule were asked in these recordings"
    )
    figures.notes.append("trials share clips and speakers: the intervals are too narrow")
    return Evaluation(
        figures,
        headline=(("genuine_accepted", "genuine accepted"), ("not_assessed", "not assessed")),
        sections=sections,
    )


def write_trials(
    path: Path,
    rows: Sequence[Mapping[str, str]],
    clips: Sequence[Speaking],
    fusion: Fusion,
    seed: int,
) -> None:
    """Write the windows' scores as `veridical calibrate lips` reads them.

    Genuine are the windows of genuine clips with their own sound; the attacks are the species
    `moved` and `dubbed` made of them, and generated clips with their own sound.
    """
    windows = [row for row in rows if row["window_s"] != "0"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("score", "label", "species", "window_s", "group"))
        for (window_s, group), chosen in _by_length_and_group(windows, clips).items():
            living, made = _apart(chosen)
            own, moved, dubbed = _trials(living, fusion, seed)
            driven = _trials(made, fusion, seed)[0]
            kinds = ["genuine"] * len(own) + [clip.label for clip, _ in made]
            kinds += ["moved"] * len(moved) + ["dubbed"] * len(dubbed)
            for kind, score in zip(kinds, (*own, *driven, *moved, *dubbed), strict=True):
                genuine = kind == "genuine"
                label, species = ("genuine", "") if genuine else ("attack", kind)
                writer.writerow((f"{score:.6g}", label, species, window_s, group))


def _by_length_and_group(
    windows: Sequence[Mapping[str, str]], clips: Sequence[Speaking]
) -> dict[tuple[str, str], list[tuple[Speaking, Codes]]]:
    """Windows by their length in seconds and their clip's group, the shortest first."""
    found: dict[tuple[str, str], list[tuple[Speaking, Codes]]] = {}
    for row in sorted(windows, key=lambda row: float(row["window_s"])):
        clip = clips[int(row["unit"])]
        key = (f"{float(row['window_s']):g}", clip.group)
        found.setdefault(key, []).append((clip, _unpacked(row["codes"])))
    return found


Window = tuple[Speaking, Codes]


def _apart(chosen: Sequence[Window]) -> tuple[list[Window], list[Window]]:
    """Windows of living people, and of generated heads."""
    living = [one for one in chosen if one[0].label == "genuine"]
    return living, [one for one in chosen if one[0].label != "genuine"]


def _trials(
    chosen: Sequence[tuple[Speaking, Codes]], fusion: Fusion, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Ratios of windows with their own sound, with it moved, and with that of other speakers."""
    random = np.random.default_rng(seed)

    def ratio(lips: Codes, sound: Codes, moved_places: int = 0) -> float:
        count = min(len(lips.lips), len(sound.lips))
        pair = compare(lips.cut(count), sound.cut(count), moved_places)
        return fusion.consistency_llr(*pair, count)

    own, moved, dubbed = [], [], []
    for clip, codes in chosen:
        own.append(ratio(codes, codes))
        moved += [ratio(codes, codes, places) for places in MOVED_PLACES]
        others = [one for other, one in chosen if other.speaker != clip.speaker]
        picked = random.permutation(len(others))[:DUBS]
        dubbed += [ratio(codes, others[int(index)]) for index in picked]
    return np.array(own), np.array(moved), np.array(dubbed)


def _put_text(
    figures: Figures, whole: Sequence[Mapping[str, str]], clips: Sequence[Speaking]
) -> None:
    for group in sorted({clip.group for clip in clips}):
        read = [row for row in whole if row["text_z"] and clips[int(row["unit"])].group == group]
        if not read:
            continue
        told = np.array([float(row["text_z"]) for row in read])
        wrong = np.array([float(z) for row in read for z in row["wrong_z"].split()])
        figures.put(f"text|{group}|n", len(told))
        figures.put(f"text|{group}|auc", auc(told, wrong))
        figures.put(f"text|{group}|eer", eer(det(told, wrong)) if len(wrong) else None)
