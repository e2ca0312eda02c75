"""`veridical simulate`: rehearse attacks on a deployment."""

from pathlib import Path
from typing import Annotated

import typer

from veridical.media import read_audio, read_clip
from veridical.rehearsal.attack import Attack, describe
from veridical.rehearsal.rehearse import Rehearsal, rehearse_file, rehearse_folder
from veridical.types import Box

__all__ = ["HELP", "simulate"]

HELP = (
    "Make a simulated attack from genuine media, to rehearse a deployment.\n\n"
    "A simulation is no artefact: what it shows is not an APCER.\n\n"
    + "\n\n".join(f"{attack.value}: {describe(attack)}." for attack in Attack)
)


def simulate(
    attack: Annotated[Attack, typer.Argument(help="Which attack.")],
    source: Annotated[
        Path, typer.Argument(exists=True, help="A picture, clip or sound, or a folder of them.")
    ],
    target: Annotated[
        Path,
        typer.Argument(help="png, jpg, mp4, webm, wav or flac; for a folder, a folder."),
    ],
    seed: Annotated[int, typer.Option(min=0, help="Decides every random choice.")] = 0,
    face: Annotated[
        str, typer.Option(help="Where the face is, for the cut-outs: left,top,right,bottom.")
    ] = "",
    dub: Annotated[
        Path | None, typer.Option(exists=True, help="Foreign sound for dubbed_audio.")
    ] = None,
    other: Annotated[
        Path | None, typer.Option(exists=True, help="The other person of interleave: a clip.")
    ] = None,
) -> None:
    """Make a simulated attack from genuine media."""
    rehearsal = Rehearsal(
        attack,
        seed,
        _box(face),
        read_audio(dub) if dub else None,
        read_clip(other) if other else None,
    )
    if source.is_dir():
        count = sum(1 for _ in rehearse_folder(rehearsal, source, target))
        typer.echo(f"{count} files and index.csv; {rehearsal.label}")
        return
    rehearse_file(rehearsal, source, target)
    typer.echo(rehearsal.label)


def _box(text: str) -> Box | None:
    """A box from four numbers, None from nothing."""
    if not text:
        return None
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter("four numbers are wanted: left,top,right,bottom") from None
    if not (right > left and bottom > top):
        raise typer.BadParameter("right must lie beyond left, and bottom beyond top")
    return Box(left, top, right, bottom)
