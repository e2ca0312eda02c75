"""Which thresholds do an installation's own consented recordings support?

Reads the folder that `veridical webcam --qa-dir` fills. Every recording is measured once by each
check that it answers; genuine ones are also held against challenges that nobody asked them: what an
earlier answer, handed in again, would meet. Trials are counted by participant, however many takes.
"""

import csv
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import SecretStr

from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.calibration.calibrate import (
    CHECK_OF_KIND,
    RATES_OF_KIND,
    Target,
    calibrate,
    read_trials,
    write_calibration,
)
from veridical.calibration.intervals import Rate, trials_needed
from veridical.catalogue import CHECKS
from veridical.catalogue.points import operating_points
from veridical.errors import InputError
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import hash_data
from veridical.evaluation.protocols.cases import Case, read_cases
from veridical.evaluation.protocols.digits import wrong_prompts
from veridical.evaluation.request import Request
from veridical.face.pose import head_pose
from veridical.liveness.challenge import draw_movement
from veridical.liveness.light.check import LightCheck
from veridical.liveness.light.colours import draw_colours
from veridical.liveness.lips import Heard
from veridical.liveness.motion import MotionCheck, head_track
from veridical.result import Measurement, OperatingPoint
from veridical.types import Audio
from veridical.verification.manifest import load_transaction
from veridical.verification.settings import Settings
from veridical.verification.sources import Folder

__all__ = ["KINDS", "Part", "QaMaker", "calibrate_qa"]

KINDS: Final = ("silent", "digits", "lips", "light", "motion")
RANKED: Final = ("light", "motion")
"""Their scores are ranks among draws: the false accept rate follows from the draw, and recordings
make no lower threshold as safe. What passes is measured, the threshold may only rise."""
NOT_ASKED: Final = ("digits", "light", "motion")
"""They tell a moment and no artefact: a sheet of paper answers the screen's light as skin does, and
who holds it may read the right digits. They are fitted against other challenges alone; how many
artefacts pass is counted beside."""
COLUMNS: Final[tuple[str, ...]] = (
    "kind",
    "score",
    "reason",
    "label",
    "species",
    "reference",
    "setting",
    "models",
)
KEY = b"evaluation only, never a server"
OTHERS: Final = ("random", "one_digit_off", "two_digits_off", "other_draw", "moved_sound")
"""Species of genuine recordings held against what they were not asked."""
DRAWS = 20
"""Other challenges each genuine answer is held against, of each ranked check."""
MOVED_S = (-0.6, 0.6)
"""How far the sound is moved: beyond what a camera's own lag explains."""


@dataclass(frozen=True, slots=True)
class QaMaker:
    """Builds the measuring worker in its process.

    Attributes:
        settings: The installation.
        seed: Of what is drawn.
    """

    settings: Settings
    seed: int = 0

    def __call__(self) -> "QaWorker":
        """Load the networks of the profile."""
        update = {"draw_secret": SecretStr(KEY.decode())}
        return QaWorker(Engines.open(self.settings.model_copy(update=update)), self.seed)


class QaWorker:
    """Recording in, a row for each check and each challenge it is held against out."""

    def __init__(self, engines: Engines, seed: int) -> None:
        self._engines = engines
        self._seed = seed
        self._light, self._motion = LightCheck(KEY), MotionCheck(KEY)

    def __call__(self, work: Case) -> Sequence[Mapping[str, object]]:
        """Measure one recording."""
        known = work.manifest.values.get("metadata") or {}
        about = {
            "label": "attack" if work.attack else "genuine",
            "species": work.attack,
            "reference": known.get("participant", ""),
            "setting": known.get("setting", ""),
        }
        try:
            transaction = load_transaction(work.manifest, Folder(work.folder))
        except InputError as error:
            return [{**about, "kind": kind, "reason": error.code} for kind in KINDS]
        analysis = Analysis(transaction, self._engines)
        rows = [{**about, **_row(kind, found)} for kind, found in self._own(analysis)]
        if not work.attack:
            chance = random.Random(f"{self._seed} {work.id}")  # noqa: S311
            for kind, species, found in self._others(analysis, chance):
                rows.append({**about, "label": "attack", "species": species, **_row(kind, found)})
        return rows

    def _own(self, analysis: Analysis) -> list[tuple[str, Measurement]]:
        """What the recording answers, by each check."""
        engines, asked = self._engines, analysis.transaction.challenge
        digits = asked is not None and bool(asked.digits)
        checks: dict[str, object] = {"silent": engines.silent}
        if digits:
            checks["digits"] = engines.digits
        if digits and analysis.transaction.clip is not None:
            checks["lips"] = engines.lips
        if asked is not None and asked.colours is not None:
            checks["light"] = self._light
        if asked is not None and asked.turns is not None:
            checks["motion"] = self._motion
        found = []
        for kind, check in checks.items():
            measure = CHECKS[CHECK_OF_KIND[kind]].measure
            if check is not None and measure is not None:
                found.append((kind, measure(check, analysis)))
        return found

    def _others(
        self, analysis: Analysis, chance: random.Random
    ) -> list[tuple[str, str, Measurement]]:
        """The recording against what it was not asked, by check and species."""
        asked, followed = analysis.transaction.challenge, analysis.followed
        if asked is None:
            return []
        found = []
        digits, speech = self._engines.digits, analysis.speech
        if asked.digits and digits is not None and speech is not None:
            for species, prompt in wrong_prompts(
                asked.digits, np.random.default_rng(chance.getrandbits(32))
            ):
                found.append(("digits", species, digits(speech, prompt, asked.language)))
        lips, mouth, heard = self._engines.lips, analysis.mouth, analysis.heard
        if asked.digits and lips is not None and mouth is not None and heard is not None:
            found += [
                ("lips", "moved_sound", lips(mouth, _moved(heard, moved_s), asked))
                for moved_s in MOVED_S
            ]
        if followed is not None and asked.colours is not None:
            for _ in range(DRAWS):
                drawn = replace(asked, colours=draw_colours(asked.colours.end_ms, chance))
                found.append(("light", "other_draw", self._light(followed, drawn)))
        if followed is not None and asked.turns is not None:
            head = head_track(followed, head_pose)
            for _ in range(DRAWS):
                drawn = draw_movement(len(asked.turns.directions), source=chance)
                found.append(("motion", "other_draw", self._motion(head, drawn)))
        return found


def _row(kind: str, found: Measurement) -> Mapping[str, object]:
    return {
        "kind": kind,
        "score": found.score,
        "reason": "" if found.assessed else found.reason,
        "models": " ".join(f"{model.name}@{model.sha256}" for model in found.models),
    }


def _moved(heard: Heard, moved_s: float) -> Heard:
    """The same sound, later or earlier by so many seconds."""
    samples, count = heard.audio.samples, int(abs(moved_s) * heard.audio.rate_hz)
    silence = np.zeros(min(count, len(samples)), np.float32)
    moved = (silence, samples[: len(samples) - len(silence)])
    if moved_s < 0:
        moved = (samples[len(silence) :], silence)
    length_s = len(samples) / heard.audio.rate_hz
    segments = tuple(
        (max(0.0, start + moved_s), min(length_s, end + moved_s))
        for start, end in heard.segments_s
        if start + moved_s < length_s and end + moved_s > 0
    )
    onsets = tuple(onset + moved_s * 1000 for onset in heard.onsets_ms)
    audio = Audio(np.concatenate(moved), heard.audio.rate_hz)
    return replace(heard, audio=audio, segments_s=segments, onsets_ms=onsets)


@dataclass(frozen=True, slots=True)
class Part:
    """What came of one check.

    Attributes:
        kind: Such as `silent`.
        people: Participants with a genuine recording that was assessed.
        not_assessed: Genuine recordings that got no score, of all of them.
        passing: Genuine recordings that pass today's threshold, of those assessed.
        attacks: By species, how many pass today's threshold, of how many; by recording.
        independent: By species, participants it was made of.
        file: The fitted calibration; None where it was refused.
        refused: Why; empty where it was fitted.
    """

    kind: str
    people: int
    not_assessed: Rate
    passing: Rate
    attacks: Mapping[str, Rate]
    independent: Mapping[str, int]
    file: Path | None
    refused: str


def calibrate_qa(
    request: Request,
    settings: Settings,
    target: float,
    reject: float,
    maker: Maker[Case] | None = None,
) -> list[Part]:
    """Measure a folder of QA recordings, and fit what it supports.

    Args:
        request: What was asked; its index is the folder's `transactions.jsonl`.
        settings: The installation.
        target: Share of the attacks of each species that may pass.
        reject: Share of genuine answers that may be refused outright.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The folder cannot be used.
        ModelError: A model is missing.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    cases = [case for case in read_cases(request) if case.attack != "document"]
    data = hash_data(request.index, [path for case in cases for path in case.media.values()])
    models = [f"{n}@{store.card(n).ref.sha256}" for n in profile.models if store.has(n)]
    stamp_run(
        request.out, {"kind": "qa", "data": data, "seed": request.seed, "models": sorted(models)}
    )
    scores = ScoreFile(request.out / "measured.csv", COLUMNS)
    score_units(
        [Unit(str(number), case) for number, case in enumerate(cases)],
        maker or QaMaker(settings, request.seed),
        scores,
        title="recordings",
        workers=request.workers,
    )
    points = operating_points(store, profile)
    rows = list(scores.rows())
    return [
        _part(kind, [row for row in rows if row["kind"] == kind], points, request, target, reject)
        for kind in KINDS
    ]


def _part(
    kind: str,
    rows: Sequence[dict[str, str]],
    points: Mapping[str, OperatingPoint],
    request: Request,
    target: float,
    reject: float,
) -> Part:
    """Write the scores of one check as `calibrate` reads them, and fit."""
    point = points[CHECK_OF_KIND[kind]]
    if kind in RANKED:  # A rank that tells nothing is the lowest one: it passes nobody.
        rows = [row | ({} if row["score"] or row["label"] == "genuine" else {"score": "0"})
                for row in rows]  # fmt: skip
    folder = request.out / kind
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scores.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            row for row in rows if kind not in NOT_ASKED or row["species"] in ("", *OTHERS)
        )
    models = sorted({model for row in rows for model in row["models"].split()})
    (folder / "run.json").write_text(json.dumps({"models": models}), encoding="utf-8")
    genuine = [row for row in rows if row["label"] == "genuine"]
    answered = [row for row in genuine if row["score"]]
    people = len({row["reference"] for row in answered})
    attacks: dict[str, Rate] = {}
    independent: dict[str, int] = {}
    for species in sorted({row["species"] for row in rows} - {""}):
        own = [row for row in rows if row["species"] == species]
        attacks[species] = Rate(_passing(own, point), len(own))
        independent[species] = len({row["reference"] for row in own if row["score"]})
    calibration, refused = request.out / f"{kind}.toml", ""
    try:
        content = _fitted(kind, path, people, point, target, reject)
        write_calibration(calibration, content, path, request.index.parent.name, request.command)
    except InputError as error:
        refused = str(error)
    return Part(
        kind,
        people,
        Rate(len(genuine) - len(answered), len(genuine)),
        Rate(_passing(answered, point), len(answered)),
        attacks,
        independent,
        None if refused else calibration,
        refused,
    )


def _fitted(
    kind: str, path: Path, people: int, point: OperatingPoint, target: float, reject: float
) -> dict[str, object]:
    """Content of a calibration file.

    Raises:
        InputError: `calibration.support`.
    """
    passed, refused = RATES_OF_KIND[kind]
    need = trials_needed(reject)
    if people < need:
        raise InputError(
            f"{refused} of {reject:g} cannot be supported: it takes {need} people with a genuine "
            f"recording that was assessed (3 / {reject:g}), there are {people}",
            "calibration.support",
        )
    trial = read_trials(path)
    if kind in RANKED:
        return calibrate(kind, trial, Target(passed, target), None, "isotonic", floor=point)
    return calibrate(kind, trial, Target(passed, target), Target(refused, reject), "isotonic")


def _passing(rows: Sequence[Mapping[str, str]], point: OperatingPoint) -> int:
    return sum(bool(row["score"]) and float(row["score"]) >= point.accept_at for row in rows)
