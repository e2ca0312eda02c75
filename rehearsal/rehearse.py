"""How does a file, or a folder of files, become its simulated attack?"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from veridical.errors import InputError
from veridical.media import read_audio, read_clip, read_image, sniff
from veridical.rehearsal.recording import (
    AUDIO_SUFFIXES,
    CLIP_SUFFIXES,
    IMAGE_SUFFIXES,
    write_audio,
    write_clip,
    write_image,
)
from veridical.rehearsal.simulate import Attack, simulate
from veridical.types import Audio, Box, Clip, Image

__all__ = ["Rehearsal", "rehearse_file", "rehearse_folder"]

Media = TypeVar("Media", Image, Clip, Audio)

SUFFIX = {"image": ".png", "video": ".mp4", "audio": ".wav"}
HEAD_BYTES = 192


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is simulated, and how.

    Attributes:
        attack: Which attack.
        seed: Decides every random choice.
        face: Where the face is, for the cut-outs; None assumes the middle.
        dub: The foreign sound of `dubbed_audio`.
        other: The other person of `interleave`.
    """

    attack: Attack
    seed: int
    face: Box | None = None
    dub: Audio | None = None
    other: Clip | Image | None = None

    @property
    def label(self) -> str:
        """What every file made says of itself."""
        return f"simulated attack: {self.attack.value}, seed {self.seed}; not a real artefact"


def rehearse_file(rehearsal: Rehearsal, source: Path, target: Path) -> None:
    """Read genuine media and write its simulated attack.

    Args:
        rehearsal: What to make.
        source: A picture, clip or sound; its content tells which.
        target: PNG or JPEG, MP4 or WebM, WAV or FLAC, as fits the media.

    Raises:
        InputError: The media cannot be read, the attack cannot be made from it, or the target's
            suffix does not fit.
    """
    kind = _media_kind(source)
    if kind == "image":
        write_image(target, _made(rehearsal, read_image(source)), rehearsal.label)
    elif kind == "audio":
        write_audio(target, _made(rehearsal, read_audio(source)), rehearsal.label)
    else:
        write_clip(target, _made(rehearsal, read_clip(source)), rehearsal.label)


def rehearse_folder(rehearsal: Rehearsal, source: Path, target: Path) -> Iterator[Path]:
    """Do so for every media file of a folder, and write an index for `evaluate silent`.

    Each file gets a seed of its own, counted up from the rehearsal's in order of names. Files the
    attack cannot be made from are left out.

    Args:
        rehearsal: What to make.
        source: Folder of genuine media.
        target: Folder for the results and their `index.csv`; made when it is not there.

    Yields:
        Each file written.

    Raises:
        InputError: No file of the folder could be used.
    """
    target.mkdir(parents=True, exist_ok=True)
    known = (
        IMAGE_SUFFIXES | CLIP_SUFFIXES | AUDIO_SUFFIXES | {".webp", ".mov", ".mkv", ".avi", ".mpg"}
    )
    species = f"simulated:{rehearsal.attack.value}"
    rows: list[tuple[str, str, str, str]] = []
    for number, path in enumerate(sorted(source.iterdir())):
        if path.suffix.lower() not in known:
            continue
        one = replace(rehearsal, seed=rehearsal.seed + number)
        made = target / f"{path.stem}_{rehearsal.attack.value}{SUFFIX[_media_kind(path)]}"
        try:
            rehearse_file(one, path, made)
        except InputError as error:
            if error.code != "simulate.unfit":
                raise
            continue
        rows.append((made.name, "attack", species, path.stem))
        yield made
    if not rows:
        raise InputError(
            f"no file in that folder can become the simulated attack {rehearsal.attack.value!r}",
            "simulate.unfit",
        )
    with (target / "index.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "label", "species", "presentation"))
        writer.writerows(rows)


def _made(rehearsal: Rehearsal, media: Media) -> Media:
    return simulate(
        rehearsal.attack,
        media,
        rehearsal.seed,
        face=rehearsal.face,
        dub=rehearsal.dub,
        other=rehearsal.other,
    )


def _media_kind(source: Path) -> str:
    """`image`, `video` or `audio`, by content."""
    if not source.is_file():
        raise InputError("the file to simulate an attack from is not there", "media.missing")
    with source.open("rb") as file:
        media_type = sniff(file.read(HEAD_BYTES))
    kind = (media_type or "").split("/")[0]
    if kind not in SUFFIX:
        raise InputError(
            "a picture, clip or sound was wanted, the content is none of them", "media.unknown"
        )
    return kind
