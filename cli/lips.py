"""`veridical lips`: were these words spoken, now, by this mouth?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from veridical.cli.measured import answer, point_of
from veridical.errors import InputError
from veridical.face import FaceDetector, FaceMesher
from veridical.face.track import FaceTracker
from veridical.liveness.lips import Heard, LipsCheck, MouthTrack, follow_mouth
from veridical.liveness.lips.report import lips_report
from veridical.media import read_clip
from veridical.models import ModelStore, Profile
from veridical.types import Audio, Challenge, Clip
from veridical.verification import Settings
from veridical.voiceprint import DigitsCheck, analyse_speech
from veridical.voiceprint.statement import StatementCheck
from veridical.voiceprint.whisper import Whisper
from veridical.voiceprint.windows import Window

__all__ = ["lips"]


def lips(
    file: Annotated[Path, typer.Argument(help="Clip of the applicant, with its sound.")],
    digits: Annotated[str, typer.Option("--digits", help="The prompted digits.")] = "",
    phrase: Annotated[
        str, typer.Option("--phrase", help="Prompted words of the GRID vocabulary, not digits.")
    ] = "",
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    schedule: Annotated[
        Path | None,
        typer.Option("--schedule", help="JSON list: when each digit was shown, in ms."),
    ] = None,
    profile: Annotated[str, typer.Option("--profile", help="Model set: auto, registry, …")] = "",
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the timeline to this HTML file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")] = False,
) -> None:
    """Hold lips against sound, schedule and prompt. Exit code 0 on a pass.

    Without digits or phrase only lips and sound are compared. Whether the right digits were said
    is a check of its own: `veridical voice digits`.
    """
    settings = Settings()
    store = settings.model_store()
    models = store.profile(profile or settings.profile)
    adaptation = settings.open_lips_adaptation()
    check = LipsCheck.load(store, models, adaptation)
    point = adaptation.point if adaptation else point_of(check.name, store, models)
    times = _read_schedule(schedule)
    challenge = Challenge(digits, language, times, phrase) if digits or phrase else None
    clip = read_clip(file)
    track = _track(clip, store, models)
    heard = _hear(clip, challenge, store, models)
    measured = check(track, heard, challenge)
    if report:
        finding = check.examine(track, heard, challenge)
        page = lips_report(finding, measured.evidence, track, heard, challenge, point)
        report.write_text(page, encoding="utf-8")
    answer(measured, store, models, as_json, point)


def _read_schedule(path: Path | None) -> tuple[float, ...]:
    """Times from a JSON list of numbers.

    Raises:
        InputError: `challenge.malformed`: the file is missing or holds something else.
    """
    if path is None:
        return ()
    try:
        return tuple(float(time) for time in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise InputError(
            "a schedule is a JSON file that holds a list of times in ms, such as [900, 1750, …]",
            "challenge.malformed",
        ) from None


def _track(clip: "Clip", store: "ModelStore", models: "Profile") -> "MouthTrack":
    """Follow the mouth through the clip."""
    detector = FaceDetector(store.session(models.roles["detector"][0]))
    mesher = FaceMesher(store.session(models.roles["mesh"][0]))
    return follow_mouth(clip, FaceTracker(detector, mesher))


def _hear(
    clip: "Clip", challenge: "Challenge | None", store: "ModelStore", models: "Profile"
) -> "Heard | None":
    """Find speech and, where there is a net for them, the digits or words in it."""
    if clip.audio is None:
        return None
    speech = analyse_speech(clip.audio, store.session(models.roles["speech"][0]))
    audio = Audio(speech.samples, 16_000)
    if challenge is None or not speech.segments_s:
        return Heard(audio, speech.segments_s)
    role = f"digits_{challenge.language}"
    if challenge.digits and role in models.roles:
        check = DigitsCheck.load(store, models)
        digits = check.read(speech, challenge.digits, challenge.language)
        onsets_ms = digits.times.start_ms if digits.times else ()
        return Heard(audio, speech.segments_s, onsets_ms, digits.score)
    if challenge.phrase and all(store.has(name) for name in Whisper.models):
        check = StatementCheck(Whisper(*(store.session(name) for name in Whisper.models)))
        windows = (Window(0.0, speech),)
        words = check.read(lambda: windows, challenge.phrase, challenge.language)
        return Heard(audio, speech.segments_s, words.onsets_ms, words.score)
    return Heard(audio, speech.segments_s)
