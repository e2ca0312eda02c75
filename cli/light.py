"""`veridical light` and `veridical motion`: was this answered when it was asked?"""

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from veridical.cli.main import app
from veridical.cli.measured import answer, point_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veridical.models import ModelStore, Profile
    from veridical.types import Challenge, View

__all__ = ["light", "motion"]

Clip = Annotated[Path, typer.Argument(help="Clip of the applicant.")]
Asked = Annotated[Path, typer.Option("--challenge", help="JSON of the challenge, as it was drawn.")]
ProfileName = Annotated[str, typer.Option("--profile", help="Model set: auto, registry, …")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")]


@app.command()
def light(
    clip: Clip,
    challenge: Asked,
    profile: ProfileName = "",
    report: Annotated[
        Path | None, typer.Option("--report", help="Write colours and trace to this HTML file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a face's colour against the colours a screen showed. Exit code 0 on a pass.

    The other sequences it is ranked among are drawn anew each time.
    """
    from veridical.liveness.light import LightCheck
    from veridical.liveness.light.report import light_report
    from veridical.verification import Settings

    settings = Settings()
    store = settings.model_store()
    models = store.profile(profile or settings.profile)
    check, asked = LightCheck(secrets.token_bytes(32)), _read(challenge)
    views = _follow(clip, store, models)
    measured = check(views, asked)
    point = point_of(check.name, store, models)
    if report:
        page = light_report(check.examine(views, asked), measured.evidence, point)
        report.write_text(page, encoding="utf-8")
    answer(measured, store, models, as_json, point)


@app.command()
def motion(
    clip: Clip, challenge: Asked, profile: ProfileName = "", as_json: AsJson = False
) -> None:
    """Hold the turns of a head against those asked for. Exit code 0 on a pass."""
    from veridical.face.pose import head_pose
    from veridical.liveness.motion import MotionCheck, head_track
    from veridical.verification import Settings

    settings = Settings()
    store = settings.model_store()
    models = store.profile(profile or settings.profile)
    track = head_track(_follow(clip, store, models), head_pose)
    measured = MotionCheck(secrets.token_bytes(32))(track, _read(challenge))
    answer(measured, store, models, as_json)


def _read(path: Path) -> "Challenge":
    """A challenge from a file.

    Raises:
        InputError: `challenge.malformed`: the file is missing or holds something else.
    """
    from veridical.errors import InputError
    from veridical.liveness.challenge import challenge_of

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


def _follow(file: Path, store: "ModelStore", models: "Profile") -> "Sequence[View]":
    """The face in every frame that lips, light or turns need."""
    from veridical.face import FaceDetector, FaceMesher
    from veridical.face.track import FaceTracker
    from veridical.liveness.lips.track import frames_enough
    from veridical.media import read_clip
    from veridical.types import Clip

    clip = read_clip(file)
    chosen = frames_enough(clip.times_ms)
    part = Clip(tuple(clip.frames[at] for at in chosen), clip.times_ms[chosen])
    detector = FaceDetector(store.session(models.roles["detector"][0]))
    mesher = FaceMesher(store.session(models.roles["mesh"][0]))
    return FaceTracker(detector, mesher)(part)
