"""How often is a prompt that was spoken accepted, and one that was not?"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate
from veridical.errors import InputError, ModelError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import hash_data, read_csv
from veridical.evaluation.plots import bars, histogram
from veridical.evaluation.protocols.voices import degraded, joined, read_at
from veridical.evaluation.request import Evaluation, Request, Section, Worst
from veridical.models import Session
from veridical.result import OperatingPoint
from veridical.verification.settings import Settings
from veridical.voiceprint import DigitsCheck, analyse_speech

__all__ = ["DigitsMaker", "Spoken", "evaluate_digits", "spoken_strings", "wrong_prompts"]

COLUMNS = (
    "language", "speaker", "label", "prompt", "said", "heard", "score", "reason", "second_opinion",
    "sound_s", "cpu_ms",
)  # fmt: skip
WRONG = ("random", "one_digit_off", "two_digits_off")
PROMPTS = {"random": 12, "one_digit_off": 2, "two_digits_off": 1}
"""Wrong prompts of each kind that are held against a string."""
PAUSES_S = (-0.04, 0.25)
NATURAL_THRESHOLD = 0.0
WORST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Spoken:
    """One string of digits, as one speaker said it.

    Attributes:
        row: Line of its first file.
        digits: What was said.
        language: In which language.
        speaker: Number of the person.
        files: One file for connected digits, one a digit for isolated ones.
        pauses_s: Between the files.
        degrade: How the sound is spoilt.
        prompts: Prompts to hold against it, by label: `genuine` and the wrong ones.
        seed: Of the noise.
    """

    row: int
    digits: str
    language: str
    speaker: int
    files: tuple[Path, ...]
    pauses_s: tuple[float, ...]
    degrade: str
    prompts: tuple[tuple[str, str], ...]
    seed: int


@dataclass(frozen=True, slots=True)
class DigitsMaker:
    """Builds the checking worker in its process.

    Attributes:
        settings: The installation.
    """

    settings: Settings

    def __call__(self) -> "DigitsWorker":
        """Load speech detection and the digit networks of the profile."""
        engines = Engines.open(self.settings)
        return DigitsWorker(engines.need(Engines.vad), engines.need(Engines.digits))


class DigitsWorker:
    """Spoken digits in, one score a prompt out."""

    def __init__(self, speech: Session, check: DigitsCheck) -> None:
        self._speech = speech
        self._check = check

    def __call__(self, work: Spoken) -> Sequence[Mapping[str, object]]:
        """Hold one recording against each of its prompts."""
        about = {"language": work.language, "speaker": work.speaker, "said": work.digits}
        try:
            pieces = [read_at(path) for path in work.files]
        except InputError as error:
            return [
                {**about, "label": label, "prompt": prompt, "reason": error.code}
                for label, prompt in work.prompts
            ]
        audio = joined(pieces, work.pauses_s)
        audio = degraded(audio, work.degrade, np.random.default_rng(work.seed))
        rows: list[Mapping[str, object]] = []
        start = time.process_time()
        speech = analyse_speech(audio, self._speech)
        for label, prompt in work.prompts:
            found = self._check(speech, prompt, work.language)
            rows.append(
                {
                    **about,
                    "label": label,
                    "prompt": prompt,
                    "heard": found.evidence.get("heard"),
                    "score": found.score if found.assessed else None,
                    "reason": "" if found.assessed else found.reason,
                    "second_opinion": int(found.evidence.get("second_opinion") is True),
                    "sound_s": audio.duration_s if not rows else None,
                    "cpu_ms": (time.process_time() - start) * 1e3 if not rows else None,
                }
            )
        return rows


def evaluate_digits(
    request: Request,
    settings: Settings,
    length: int = 6,
    strings: int = 20,
    degrade: str = "none",
    maker: Maker[Spoken] | None = None,
) -> Evaluation:
    """Evaluate the spoken-prompt check over an index.

    Args:
        request: What was asked.
        settings: The installation.
        length: Digits of a string made of isolated ones.
        strings: Strings made a speaker.
        degrade: How the sound is spoilt.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used.
        ModelError: A model is missing, or the profile has no digit networks.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    nets = [role for role in profile.roles if role.startswith("digits_")]
    if not nets and maker is None:
        raise ModelError(
            f"profile {profile.name} has no digit networks; choose another with --profile",
            "model.missing",
        )
    names = [name for role in ("speech", *nets, "listener") for name in profile.roles.get(role, ())]
    models = tuple(store.card(name).ref for name in names if store.has(name))
    spoken = spoken_strings(request, length, strings, degrade)
    data = hash_data(request.index, dict.fromkeys(path for one in spoken for path in one.files))
    stamp_run(
        request.out,
        {
            "kind": "digits",
            "data": data,
            "options": [length, strings, degrade, request.seed],
            "limit": request.limit,
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    scores = ScoreFile(request.out / "scores.csv", COLUMNS)
    units = [Unit(str(number), one) for number, one in enumerate(spoken)]
    score_units(
        units, maker or DigitsMaker(settings), scores, title="digits", workers=request.workers
    )
    point = store.operating_points(profile).get("voice.digits")
    evaluation = digit_figures(list(scores.rows()), spoken, point.point if point else None)
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len({path for one in spoken for path in one.files})
    evaluation.options = {"length": length, "strings a speaker": strings, "degrade": degrade}
    return evaluation


def spoken_strings(request: Request, length: int, strings: int, degrade: str) -> list[Spoken]:
    """Strings of an index: connected digits as they are, isolated ones joined by speaker.

    Raises:
        InputError: The index cannot be used.
    """
    rng = np.random.default_rng(request.seed)
    numbers: dict[str, int] = {}
    isolated: dict[tuple[int, str], dict[str, list[tuple[int, Path]]]] = {}
    found: list[Spoken] = []
    for row in read_csv(request.index, ("file", "digits", "language", "speaker"), request.limit):
        digits, language = row.text("digits"), row.text("language")
        if not digits.isascii() or not digits.isdigit():
            raise row.error("digits", "digits 0 to 9 are wanted", "index.malformed")
        speaker = numbers.setdefault(row.text("speaker"), len(numbers))
        if len(digits) == 1:
            own = isolated.setdefault((speaker, language), {})
            own.setdefault(digits, []).append((row.number, row.file("file")))
        else:
            path = row.file("file")
            found.append(
                _spoken((row.number, digits, language, speaker, (path,), ()), degrade, rng)
            )
    for (speaker, language), by_digit in isolated.items():
        for _ in range(strings):
            said = "".join(str(d) for d in rng.choice(sorted(by_digit), length))
            picked = [by_digit[d][int(rng.integers(len(by_digit[d])))] for d in said]
            pauses = tuple(float(p) for p in rng.uniform(*PAUSES_S, length))
            files = tuple(path for _, path in picked)
            made = (picked[0][0], said, language, speaker, files, pauses)
            found.append(_spoken(made, degrade, rng))
    return found


def _spoken(
    one: tuple[int, str, str, int, tuple[Path, ...], tuple[float, ...]],
    degrade: str,
    rng: Generator,
) -> Spoken:
    prompts = (("genuine", one[1]), *wrong_prompts(one[1], rng))
    return Spoken(*one, degrade, prompts, int(rng.integers(2**31)))


def wrong_prompts(digits: str, rng: Generator) -> list[tuple[str, str]]:
    """Wrong prompts of each kind: any other string, one digit changed, two changed."""
    made = []
    for _ in range(PROMPTS["random"]):
        other = digits
        while other == digits:
            other = "".join(str(d) for d in rng.integers(0, 10, len(digits)))
        made.append(("random", other))
    for label, changes in (("one_digit_off", 1), ("two_digits_off", 2)):
        for _ in range(PROMPTS[label]):
            changed = list(digits)
            for place in rng.permutation(len(digits))[:changes]:
                changed[place] = str((int(changed[place]) + int(rng.integers(1, 10))) % 10)
            made.append((label, "".join(changed)))
    return made


def edit_distance(heard: str, said: str) -> int:
    """Digits to replace, leave out or put in to make one string of the other (Levenshtein)."""
    row = list(range(len(said) + 1))
    for i, one in enumerate(heard, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(said, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def digit_figures(
    rows: Sequence[Mapping[str, str]], spoken: Sequence[Spoken], point: OperatingPoint | None
) -> Evaluation:
    """Work the figures out of scores; no model is needed.

    Args:
        rows: Rows of the score file.
        spoken: In order of their numbers.
        point: Operating point in force; without one a prompt counts as accepted from 0 on, where
            it explains the sound as well as its strongest rival.
    """
    figures = Figures("digits")
    accept_at = point.accept_at if point else NATURAL_THRESHOLD
    figures.put("accept_at", accept_at)
    if point is None:
        figures.notes.append("no operating point is set for voice.digits: prompts pass from 0 on")
    genuine = [row for row in rows if row["label"] == "genuine"]
    _put_genuine(figures, "", genuine, accept_at)
    for label in WRONG:
        tried = [row for row in rows if row["label"] == label]
        accepted = sum(_accepted(row, accept_at) for row in tried)
        figures.rate(f"wrong_prompt_accept|{label}", Rate(accepted, len(tried)))
        for language in sorted({row["language"] for row in tried}):
            passed = [_accepted(row, accept_at) for row in tried if row["language"] == language]
            name = f"by_language|{language}|wrong_prompt_accept|{label}"
            figures.rate(name, Rate(sum(passed), len(passed)))
    for language in sorted({row["language"] for row in genuine}):
        own = [row for row in genuine if row["language"] == language]
        _put_genuine(figures, f"by_language|{language}|", own, accept_at)
        _put_cost(figures, f"by_language|{language}|", own)
    _put_cost(figures, "", genuine)
    figures.notes.append(
        "strings of isolated digits are joined with pauses and overlaps drawn by the seed: they "
        "lack the co-articulation of fluent speech"
    )
    scores = {
        label: np.array([float(r["score"]) for r in rows if r["label"] == label and r["score"]])
        for label in ("genuine", *WRONG)
    }
    by_speaker: dict[str, list[bool]] = {}
    for row in genuine:
        by_speaker.setdefault(f"{row['language']} {row['speaker']}", []).append(
            _accepted(row, accept_at)
        )
    refused = {name: Rate(good.count(False), len(good)) for name, good in by_speaker.items()}
    worst = sorted(refused.items(), key=lambda item: -(item[1].value or 0))[:20]
    return Evaluation(
        figures,
        headline=(
            ("prompt_accept", "prompts accepted"),
            ("prompt_accept_with_nonresponse", "the same, no answer counted"),
            ("wrong_prompt_accept|one_digit_off", "accepted with one digit wrong"),
            ("string_exact", "heard exactly"),
        ),
        sections=[
            Section(
                "Scores",
                "Log likelihood of the prompt less that of its strongest rival.",
                histogram(scores, {"accept": accept_at}, "voice.digits score"),
            ),
            Section(
                "Prompts refused, by speaker",
                "The twenty speakers refused most, no answer counted.",
                bars(dict(worst), "share refused"),
            ),
        ],
        worst=[
            Worst(f"refused with {row['score'] or row['reason']}: row {_row(spoken, row)}", ())
            for row in sorted(genuine, key=lambda r: float(r["score"] or -99))[:WORST_SHOWN]
            if not _accepted(row, accept_at)
        ],
    )


def _row(spoken: Sequence[Spoken], row: Mapping[str, str]) -> int:
    return spoken[int(row["unit"])].row


def _put_genuine(
    figures: Figures, prefix: str, rows: Sequence[Mapping[str, str]], accept_at: float
) -> None:
    """Figures of prompts that were spoken."""
    answered = [row for row in rows if row["score"]]
    accepted = sum(_accepted(row, accept_at) for row in answered)
    figures.share(f"{prefix}prompt_accept", Rate(accepted, len(answered)))
    figures.share(f"{prefix}prompt_accept_with_nonresponse", Rate(accepted, len(rows)))
    exact = sum(row["heard"] == row["said"] for row in answered)
    figures.share(f"{prefix}string_exact", Rate(exact, len(answered)))
    wrong = sum(edit_distance(row["heard"], row["said"]) for row in answered)
    total = sum(len(row["said"]) for row in answered)
    figures.put(f"{prefix}digit_error_rate", wrong / total if total else None)


def _put_cost(figures: Figures, prefix: str, genuine: Sequence[Mapping[str, str]]) -> None:
    """CPU time of prompts that were spoken, and how often the second opinion was asked."""
    timed = [
        (float(row["cpu_ms"]), float(row["sound_s"]))
        for row in genuine
        if row.get("cpu_ms") and row.get("sound_s")
    ]
    spent, sound_s = (sum(column) for column in zip(*timed, strict=True)) if timed else (0.0, 0.0)
    figures.put(f"{prefix}cpu_ms_per_s", spent / sound_s if sound_s else None)
    asked = [row["second_opinion"] == "1" for row in genuine if row.get("second_opinion")]
    figures.share(f"{prefix}second_opinion", Rate(sum(asked), len(asked)))


def _accepted(row: Mapping[str, str], accept_at: float) -> bool:
    return bool(row["score"]) and float(row["score"]) >= accept_at
