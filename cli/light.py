"""`veridical light`: did this face answer the colours it was shown?"""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.cli.measured import answer, engines_of
from veridical.errors import InputError
from veridical.face.track import FaceTracker
from veridical.liveness.challenge import challenge_of
from veridical.liveness.light import LightCheck
from veridical.liveness.light.report import light_report
from veridical.liveness.lips.track import frames_enough
from veridical.media import read_clip
from veridical.types import Challenge, Clip, View

__all__ = ["follow_face", "light", "read_challenge"]


def light(
    file: Annotated[Path, typer.Argument(help="Clip of the applicant.")],
    challenge: Annotated[
        Path, typer.Option("--challenge", help="JSON of the challenge, as it was drawn.")
    ],
    profile: Annotated[str, typer.Option("--profile", help="Model set: auto, registry, …")] = "",
    report: Annotated[
        Path | None, typer.Option("--report", help="Write colours and trace to this HTML file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")] = False,
) -> None:
    """Hold a face's colour against the colours a screen showed. Exit code 0 on a pass.

    The other sequences it is ranked among are drawn anew each time.
    """
    engines = engines_of(profile)
    check, asked = LightCheck(secrets.token_bytes(32)), read_challenge(challenge)
    views = follow_face(file, engines)
    measured = check(views, asked)
    if report:
        point = points_of(engines).get(check.name)
        page = light_report(check.examine(views, asked), measured.evidence, point)
        report.write_text(page, encoding="utf-8")
    answer(measured, engines, as_json)


def read_challenge(path: Path) -> Challenge:
    """A challenge from a file.

    Raises:
        InputError: `challenge.malformed`: the file is missing or holds something else.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = None
    if not isinstance(told, dict):
        raise InputError(
            "a challenge is a JSON file that holds an object, such as "
            '{"digits": "839217", "colours": {"shown": ["#00d000"], …}}',
            "challenge.malformed",
        )
    return challenge_of(told)


def follow_face(file: Path, engines: Engines) -> Sequence[View]:
    """The face in every frame that lips, light or turns need."""
    clip = read_clip(file)
    chosen = frames_enough(clip.times_ms)
    part = Clip(tuple(clip.frames[at] for at in chosen), clip.times_ms[chosen])
    return FaceTracker(engines.need(Engines.detector), engines.need(Engines.mesher))(part)
