"""`veridical motion`: did this head turn as it was asked to?"""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from veridical.cli.light import follow_face, read_challenge
from veridical.cli.measured import answer, engines_of
from veridical.face.pose import head_pose
from veridical.liveness.motion import MotionCheck, head_track

__all__ = ["motion"]


def motion(
    file: Annotated[Path, typer.Argument(help="Clip of the applicant.")],
    challenge: Annotated[
        Path, typer.Option("--challenge", help="JSON of the challenge, as it was drawn.")
    ],
    profile: Annotated[str, typer.Option("--profile", help="Model set: auto, registry, …")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")] = False,
) -> None:
    """Hold the turns of a head against those asked for. Exit code 0 on a pass.

    The other courses it is ranked among are drawn anew each time.
    """
    engines = engines_of(profile)
    track = head_track(follow_face(file, engines), head_pose)
    measured = MotionCheck(secrets.token_bytes(32))(track, read_challenge(challenge))
    answer(measured, engines, as_json)
