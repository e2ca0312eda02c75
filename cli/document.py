"""`veridical document ...`: read identity documents from pictures."""

import dataclasses
import io
import json
import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.markup import escape
from rich.table import Table

from veridical.analysis.engines import Engines
from veridical.chip import inspect_chip, read_chip
from veridical.cli.console import open_console
from veridical.cli.exits import Exit
from veridical.errors import InputError
from veridical.media import read_clip, read_image, sniff
from veridical.media.sniff import CLIP_TYPES, HEAD_BYTES
from veridical.ocr import KINDS, Document, best_of, kind_names
from veridical.types import Image
from veridical.verification.pictures import draw_document, to_jpeg
from veridical.verification.settings import Settings

__all__ = ["app", "chip", "read"]

FRAMES, FRAME_PX = 6, 1600
"""Frames of a clip that are read, and their longer side."""

app = typer.Typer(no_args_is_help=True, help="Identity documents.")


@app.callback()
def root() -> None:
    """Identity documents."""


@app.command()
def read(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Picture of one or more documents; several pictures or a clip of one.",
        ),
    ],
    kind: Annotated[str, typer.Option(help="Read it as one of `veridical document kinds`.")] = "",
    annotated: Annotated[
        Path | None,
        typer.Option(help="Write the picture with boxes and fields drawn to this file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the documents as JSON.")] = False,
) -> None:
    """Read the documents in a picture, or one document in several pictures or a short clip.

    Of several the best reading of each field is told. Exit code 0 when every document reads and
    agrees with itself.
    """
    if kind and kind not in kind_names():
        raise InputError(
            f"--kind must be one of {', '.join(kind_names())}, got {kind}", "usage.document_kind"
        )
    images = [image for file in files for image in _images(file)]
    if annotated and len(images) > 1:
        raise InputError(
            "--annotated draws on one picture, several were given", "usage.document_pictures"
        )
    reader, image = Engines.open().need(Engines.reader), images[0]
    today, asked = date.today(), kind or None
    if len(images) == 1:
        documents = reader.read_all(image, kind=asked, today=today)
    else:
        best = best_of([reader(one, kind=asked, today=today) for one in images], today)
        documents = () if best.kind == "none" else (best,)
    if annotated:
        annotated.write_bytes(to_jpeg(_annotated(image, documents)))
    if as_json:
        json.dump([_as_json(document) for document in documents], sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        for document in documents:
            _print(document)
        if not documents:
            typer.echo("no document found")
    if not documents or any(document.warnings for document in documents):
        raise typer.Exit(Exit.NOT_ACCEPTED)


def _images(file: Path) -> Sequence[Image]:
    """The picture in a file, or some frames of a clip, evenly over its time."""
    with file.open("rb") if file.is_file() else io.BytesIO() as opened:
        is_clip = sniff(opened.read(HEAD_BYTES)) in CLIP_TYPES
    if not is_clip:
        return [read_image(file)]
    return read_clip(file, max_side_px=FRAME_PX, keep_frames=FRAMES).frames


@app.command()
def chip(
    folder: Annotated[Path, typer.Argument(help="Folder or zip of EF.SOD, DG1, DG2 and so on.")],
    trust: Annotated[
        Path | None,
        typer.Option(
            help="File or folder of CSCA certificates, master lists, LDIF and CRLs; "
            "VERIDICAL_CHIP_TRUST when not given."
        ),
    ] = None,
    challenge: Annotated[
        str, typer.Option(help="The eight bytes that the chip was to sign now, in hexadecimal.")
    ] = "",
    portrait: Annotated[
        Path | None, typer.Option(help="Write the portrait of an authentic chip to this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Verify the files of a document's chip. Exit code 0 when a trusted state signed them."""
    settings = Settings()
    if trust is not None:
        settings.chip_trust = trust
    if not re.fullmatch("([0-9a-fA-F]{16})?", challenge):
        raise InputError("--challenge wants 16 hexadecimal digits", "usage.challenge")
    files, listed = read_chip(folder), settings.trust_list()
    told = inspect_chip(files, listed, date.today(), bytes.fromhex(challenge))
    fields = dict(told.zone.fields) if told.zone is not None else {}
    if portrait is not None and told.portrait:
        portrait.write_bytes(told.portrait)
    if as_json:
        found = {"authentic": told.authentic, "reason": told.reason, "fields": fields}
        found |= {"details": dict(told.details), "evidence": dict(told.evidence)}
        json.dump(found, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        console = open_console()
        console.print("[bold]authentic[/]" if told.authentic else f"[yellow]{told.reason}[/]")
        for name, value in {**told.evidence, **fields, **told.details}.items():
            console.print(f"{name}: {escape(str(value))}")
    if not told.authentic:
        raise typer.Exit(Exit.NOT_ACCEPTED)


@app.command()
def kinds(
    as_json: Annotated[bool, typer.Option("--json", help="Print the kinds as JSON.")] = False,
) -> None:
    """List the documents that can be read, and the fields of each; * marks a wanted one."""
    sides = [side for kind in KINDS for side in kind.sides]
    if as_json:
        rows = [dataclasses.asdict(side) for side in sides]
        json.dump(rows, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    for side in sides:
        names = " ".join(field.name + "*" * field.wanted for field in side.fields)
        typer.echo(f"{side.name}: {side.en} / {side.zh}\n    {names}")


def _annotated(image: "Image", documents: "Sequence[Document]") -> "Image":
    """The picture with every document's outline, its fields and what they are."""
    shown = image
    for document in documents:
        shown = draw_document(shown, document)
    canvas = shown.pixels.copy()
    size = max(image.width, image.height) / 1600
    for document in documents:
        for name, field in document.fields.items():
            if field.box is not None:
                # OpenCV draws Latin letters only: the name says which field it is.
                place = (round(field.box.left), max(10, round(field.box.top) - 3))
                cv2.putText(canvas, name, place, cv2.FONT_HERSHEY_SIMPLEX, size, (9, 105, 218), 1)
    return Image(canvas)


def _as_json(document: "Document") -> dict[str, object]:
    """A document without its pictures."""
    return {
        "kind": document.kind,
        "fields": {
            name: {
                "value": field.value,
                "score": round(field.score, 4),
                "source": str(field.source),
                "corrections": list(field.corrections),
                "box": None
                if field.box is None
                else [field.box.left, field.box.top, field.box.right, field.box.bottom],
            }
            for name, field in document.fields.items()
        },
        "quad": None if document.quad is None else document.quad.tolist(),
        "rotation_deg": document.rotation_deg,
        "texts": list(document.texts),
        "warnings": list(document.warnings),
        "mrz": None
        if document.mrz is None
        else {
            "lines": list(document.mrz.lines),
            "checks": dict(document.mrz.checks),
            "corrections": list(document.mrz.corrections),
        },
        "evidence": dict(document.evidence),
        "models": {model.name: model.sha256 for model in document.models},
    }


def _print(document: "Document") -> None:
    """One field a line, with where it comes from and how sure the reader is."""
    console = open_console()
    console.print(f"[bold]{document.kind}[/]", *(f"[yellow]{w}[/]" for w in document.warnings))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("field", "value", "score", "source"):
        table.add_column(title)
    for name, field in document.fields.items():
        source = " ".join((str(field.source), *field.corrections))
        table.add_row(name, escape(field.value), f"{field.score:.3f}", source)
    console.print(table)
    if document.mrz is not None:
        for line in document.mrz.lines:
            console.print(escape(line))
        failed = [name for name, right in document.mrz.checks.items() if not right]
        console.print(f"check digits failing: {', '.join(failed) or 'none'}")
        if document.mrz.corrections:
            console.print(f"corrected: {', '.join(document.mrz.corrections)}")
