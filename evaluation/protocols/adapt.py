"""Fit lip liveness to consented recordings, and tell what that is worth on speakers left out."""

import base64
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.adapt import Fitted, Recording, Scored, fit_lips
from veridical.calibration.calibrate import Target, calibrate, read_trials
from veridical.errors import InputError
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import columns_of, hash_data, read_csv
from veridical.evaluation.request import Request
from veridical.face.track import FaceTracker
from veridical.liveness.lips import Gate, Heard, follow_mouth
from veridical.liveness.lips.adaptation import Adaptation
from veridical.liveness.lips.fusion import Fusion
from veridical.liveness.lips.read import spell
from veridical.liveness.lips.sound import STEP_MS, log_mel
from veridical.liveness.lips.sync import LEAST_PLACES, common_grid, sound_at, standardise
from veridical.media import read_clip
from veridical.models import Session
from veridical.types import Audio, Challenge
from veridical.verification.settings import Settings
from veridical.voiceprint import DigitsCheck, SpeechAnalysis, analyse_speech

__all__ = ["Answer", "AnswerMaker", "adapt_lips", "read_answers"]

COLUMNS = ("reason", "lips", "sound", "delays_ms")
MOST_PLACES = 250
"""Of a longer answer the first 10 s are taken."""
GENUINE = frozenset({"genuine", "bona_fide"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of the index.

    Attributes:
        row: Its line.
        file: The clip.
        speaker: Who speaks.
        challenge: What was asked and when it was shown; None where neither is known.
        language: `en` or `zh`.
    """

    row: int
    file: Path
    speaker: str
    challenge: Challenge | None
    language: str


def read_answers(request: Request) -> list[Answer]:
    """Genuine rows of an index of `evaluate lips`.

    Besides `file`, `text`, `speaker` and `label` it may have `language`, `shown_ms` (when each
    digit was shown, in ms, parted by blanks) and `train_ok`: where that column stands, rows that
    do not say `yes` are left out, for nobody gave leave to fit anything to them.

    Raises:
        InputError: The index cannot be used.
    """
    columns = columns_of(request.index)
    found = []
    for row in read_csv(request.index, ("file", "text", "speaker", "label"), request.limit):
        leave = "train_ok" not in columns or row.text("train_ok", "") == "yes"
        if row.text("label") not in GENUINE or not leave:
            continue
        language = (row.text("language", "") if "language" in columns else "") or "en"
        shown = row.text("shown_ms", "") if "shown_ms" in columns else ""
        text = row.text("text", "")
        try:
            times = tuple(float(time) for time in shown.split())
        except ValueError:
            raise row.error(
                "shown_ms", "times in ms, parted by blanks", "index.malformed"
            ) from None
        challenge = _asked(text, language, times)
        found.append(Answer(row.number, row.file("file"), row.text("speaker"), challenge, language))
    return found


def _asked(text: str, language: str, shown_ms: tuple[float, ...]) -> Challenge | None:
    """What was read; None where it is unknown or holds words whose visemes are."""
    digits = "".join(text.split())
    try:
        asked = (
            Challenge(digits, language, shown_ms)
            if digits.isdigit()
            else Challenge("", language, (), text)
        )
        spell(asked.words, language)
    except InputError:
        return None
    return asked


@dataclass(frozen=True, slots=True)
class AnswerMaker:
    """Builds the measuring worker in its process.

    Attributes:
        settings: The installation.
    """

    settings: Settings

    def __call__(self) -> "AnswerWorker":
        """Load face tracking, speech detection and the digit networks of the profile."""
        engines = Engines.open(self.settings)
        return AnswerWorker(
            FaceTracker(engines.need(Engines.detector), engines.need(Engines.mesher)),
            engines.need(Engines.vad),
            engines.need(Engines.digit_nets),
        )


class AnswerWorker:
    """Clip in, one row out: lips and sound on the even grid, and delays."""

    def __init__(self, tracker: FaceTracker, vad: Session, digits: DigitsCheck) -> None:
        self._tracker = tracker
        self._vad = vad
        self._digits = digits

    def __call__(self, work: Answer) -> Sequence[Mapping[str, object]]:
        """Measure one clip."""
        try:
            clip = read_clip(work.file)
        except InputError as error:
            return [{"reason": error.code}]
        track = follow_mouth(clip, self._tracker)
        if clip.audio is None:
            return [{"reason": "no_sound"}]
        speech = analyse_speech(clip.audio, self._vad)
        heard = Heard(Audio(speech.samples, 16_000), speech.segments_s)
        reason = Gate()(track, heard)
        if reason:
            return [{"reason": reason}]
        mel = log_mel(heard.audio)
        times = common_grid(track, heard, len(mel) * STEP_MS)[:MOST_PLACES]
        if len(times) < LEAST_PLACES:
            return [{"reason": "too_little_speech"}]
        return [
            {
                "lips": _packed(standardise(track.on_grid(times))),
                "sound": _packed(standardise(sound_at(mel, times))),
                "delays_ms": " ".join(f"{delay:.1f}" for delay in self._delays(speech, work)),
            }
        ]

    def _delays(self, speech: SpeechAnalysis, work: Answer) -> Sequence[float]:
        asked = work.challenge
        if asked is None or not asked.schedule_ms or asked.language not in self._digits.languages:
            return ()
        times = self._digits.read(speech, asked.digits, asked.language).times
        if times is None or len(times.start_ms) != len(asked.schedule_ms):
            return ()
        return [at - shown for at, shown in zip(times.start_ms, asked.schedule_ms, strict=True)]


def _packed(values: NDArray[np.float32]) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode()


def _unpacked(text: str, width: int) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32).reshape(-1, width)


def adapt_lips(
    request: Request,
    settings: Settings,
    target: Target,
    reject: Target,
    maker: Maker[Answer] | None = None,
) -> str:
    """Fit lip liveness and write `adaptation.json` and `trials.csv` beside the scores.

    Args:
        request: What was asked.
        settings: The installation.
        target: Rate of moved and of dubbed answers that may pass; decides `accept_at`.
        reject: Rate of genuine answers refused outright; decides `reject_below`.
        maker: Builds the worker; None builds that of the profile.

    Returns:
        What came of it, for people.

    Raises:
        InputError: The index cannot be used, or its recordings cannot support a target.
        ModelError: A model is missing.
    """
    engines = Engines.open(settings)
    store, profile = engines.store, engines.profile
    sync, *readers = engines.sessions("lips")
    answers = read_answers(request)
    data = hash_data(request.index, [answer.file for answer in answers])
    models = tuple(f"{net.ref.name}@{net.ref.sha256}" for net in (sync, *readers))
    stamp_run(
        request.out,
        {
            "kind": "adapt lips",
            "data": data,
            "limit": request.limit,
            "profile": profile.name,
            "models": [*models],
        },
    )
    scores = ScoreFile(request.out / "scores.csv", COLUMNS)
    score_units(
        [Unit(str(number), answer) for number, answer in enumerate(answers)],
        maker or AnswerMaker(settings),
        scores,
        title="adapt lips",
        workers=request.workers,
    )
    rows = list(scores.rows())
    recordings = [
        _recording(answers[int(row["unit"])], row, sync, readers[0] if readers else None)
        for row in rows
        if row["lips"]
    ]
    fitted = fit_lips(recordings, Fusion.from_card(store.card(sync.ref.name)), request.seed)
    trials = request.out / "trials.csv"
    _write_trials(trials, fitted.adapted)
    point = calibrate("lips", read_trials(trials), target, reject, "logistic")["operating_point"]
    if not isinstance(point, dict):
        raise TypeError("a calibration's operating point is a table")
    left_out = {
        reason: sum(row["reason"] == reason for row in rows)
        for reason in sorted({row["reason"] for row in rows if row["reason"]})
    }
    figures: dict[str, object] = {
        "speakers": len({one.speaker for one in recordings}),
        "answers": len(recordings),
        "left_out": left_out,
        "data_sha256": data,
        "command": request.command,
        "leave_one_speaker_out": _figures(fitted, request.seed),
        "operating_point": point,
    }
    made = Adaptation(
        "",
        models,
        fitted.correction,
        fitted.targets,
        fitted.consistency,
        fitted.reader,
        float(point["accept_at"]),
        float(point["reject_below"]),
    )
    (request.out / "adaptation.json").write_text(made.to_json(figures) + "\n", encoding="utf-8")
    return _told(fitted, figures, point, request)


def _recording(
    answer: Answer, row: Mapping[str, str], sync: Session, reader: Session | None
) -> Recording:
    lips, sound = _unpacked(row["lips"], 12), _unpacked(row["sound"], 128)
    lip_code, sound_code, expected = sync.run({"lips": lips[None], "sound": sound[None]})
    words = answer.challenge.words if answer.challenge else ()
    return Recording(
        answer.speaker,
        tuple(words),
        answer.language,
        lips,
        sound,
        lip_code[0],
        sound_code[0],
        expected[0],
        reader.run({"lips": lips[None]})[0][0] if reader is not None else None,
        tuple(float(delay) for delay in row["delays_ms"].split()),
    )


def _write_trials(path: Path, scored: Scored) -> None:
    """Write the trials as `veridical calibrate lips` reads them; a pair of people counts once."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("score", "label", "species", "reference", "probe"))
        people = {name: str(number) for number, name in enumerate(np.unique(scored.speaker))}
        for score, kind, speaker, other in zip(
            scored.ratio, scored.kind, scored.speaker, scored.other, strict=True
        ):
            genuine = kind == "genuine"
            label, species = ("genuine", "") if genuine else ("attack", kind)
            writer.writerow((f"{score:.6g}", label, species, people[speaker], people[other]))


def _figures(fitted: Fitted, seed: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, scored in (("shipped", fitted.shipped), ("adapted", fitted.adapted)):
        by_attack = {
            attack: {
                "auc": round(scored.auc(attack), 4),
                "eer": round(scored.eer(attack), 4),
                "eer_ci95": [round(v, 4) for v in scored.eer_interval(attack, seed)],
            }
            for attack in ("moved", "dubbed")
        }
        found[name] = {"cllr": round(scored.cost(), 4), **by_attack}
    found["correction_kept"] = fitted.correction is not None
    found["text_auc_by_weight_of_targets"] = {
        f"{weight:g}": round(area, 4) for weight, area in fitted.text.items()
    }
    return found


def _told(
    fitted: Fitted, figures: Mapping[str, object], point: Mapping[str, object], request: Request
) -> str:
    lines = [
        f"{figures['answers']} answers of {figures['speakers']} speakers; every figure is of "
        "speakers left out, intervals over speakers"
    ]
    for name, scored in (("shipped", fitted.shipped), ("adapted", fitted.adapted)):
        for attack in ("moved", "dubbed"):
            low, high = scored.eer_interval(attack, request.seed)
            lines.append(
                f"{name:8} {attack:7} AUC {scored.auc(attack):.3f}  EER {scored.eer(attack):.1%} "
                f"({low:.1%} to {high:.1%})"
            )
        lines.append(f"{name:8} Cllr {scored.cost():.3f}")
    kept = "kept" if fitted.correction is not None else "left out: no better"
    lines.append(f"correction of the expected lips: {kept}")
    if fitted.text:
        areas = ", ".join(f"{weight:g}: {area:.3f}" for weight, area in fitted.text.items())
        kept = "kept" if fitted.targets is not None else "left out: no better"
        lines.append(f"text AUC by weight of the targets ({areas}): {kept}")
    if fitted.reader is not None:
        lines.append(
            f"readers: median {fitted.reader.median_ms:.0f} ms, sigma {fitted.reader.sigma:.2f}, "
            f"persons' sd {fitted.reader.person_sd_ms:.0f} ms"
        )
    lines.append(
        f"accept from {point['accept_at']:.3g}, reject below {point['reject_below']:.3g}; "
        f"name {request.out / 'adaptation.json'} in VERIDICAL_LIPS_ADAPTATION"
    )
    return "\n".join(lines)
