"""`veridical lips`: were these words spoken, now, by this mouth?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.cli.measured import answer, engines_of
from veridical.errors import InputError
from veridical.face.track import FaceTracker
from veridical.liveness.lips import Heard, MouthTrack, follow_mouth
from veridical.liveness.lips.report import lips_report
from veridical.media import read_clip
from veridical.types import Audio, Challenge, Clip
from veridical.voiceprint import analyse_speech
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
    engines = engines_of(profile)
    check = engines.need(Engines.lips)
    point = points_of(engines).get(check.name)
    times = _read_schedule(schedule)
    challenge = Challenge(digits, language, times, phrase) if digits or phrase else None
    clip = read_clip(file)
    track = _track(clip, engines)
    heard = _hear(clip, challenge, engines)
    measured = check(track, heard, challenge)
    if report:
        finding = check.examine(track, heard, challenge)
        page = lips_report(finding, measured.evidence, track, heard, challenge, point)
        report.write_text(page, encoding="utf-8")
    answer(measured, engines, as_json)


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


def _track(clip: "Clip", engines: "Engines") -> "MouthTrack":
    """Follow the mouth through the clip."""
    detector, mesher = engines.need(Engines.detector), engines.need(Engines.mesher)
    return follow_mouth(clip, FaceTracker(detector, mesher))


def _hear(clip: "Clip", challenge: "Challenge | None", engines: "Engines") -> "Heard | None":
    """Find speech and, where there is a net for them, the digits or words in it."""
    if clip.audio is None:
        return None
    speech = analyse_speech(clip.audio, engines.need(Engines.vad))
    audio = Audio(speech.samples, 16_000)
    if challenge is None or not speech.segments_s:
        return Heard(audio, speech.segments_s)
    nets = engines.need(Engines.digit_nets)
    if challenge.digits and challenge.language in nets.languages:
        digits = nets.read(speech, challenge.digits, challenge.language)
        onsets_ms = digits.times.start_ms if digits.times else ()
        return Heard(audio, speech.segments_s, onsets_ms, digits.score)
    if challenge.phrase and (check := engines.statement) is not None:
        windows = (Window(0.0, speech),)
        words = check.read(lambda: windows, challenge.phrase, challenge.language)
        return Heard(audio, speech.segments_s, words.onsets_ms, words.score)
    return Heard(audio, speech.segments_s)
