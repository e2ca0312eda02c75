"""How are the figures told to people and to programs?"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import jinja2
from rich.console import Console
from rich.table import Table

import veridical
from veridical.errors import VeridicalError
from veridical.evaluation.figures import JsonValue
from veridical.evaluation.request import Evaluation, Request, Worst
from veridical.media import read_clip, read_image

__all__ = ["print_table", "write_json", "write_report"]

TEMPLATES = Path(__file__).parent / "templates"
THUMBNAIL_PX = 96


def provenance(evaluation: Evaluation, request: Request) -> dict[str, JsonValue]:
    """Everything needed to make the figures again."""
    models: list[JsonValue] = [
        {"name": model.name, "sha256": model.sha256} for model in evaluation.models
    ]
    return {
        "profile": evaluation.profile,
        "models": models,
        "data": {
            "index": request.index.name,
            "sha256": evaluation.data_sha256,
            "rows": evaluation.rows,
        },
        "options": {**evaluation.options},
        "command": request.command,
        "seed": request.seed,
        "limit": request.limit,
        "version": veridical.__version__,
    }


def write_json(path: Path, evaluation: Evaluation, request: Request) -> None:
    """Write the figures under their stable keys."""
    content = evaluation.figures.as_json(provenance(evaluation, request))
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_report(path: Path, evaluation: Evaluation, request: Request) -> None:
    """Write the report: one HTML file that needs nothing else."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    table = {row[0]: row[1:] for row in evaluation.figures.table()}
    cards = [
        {"words": words, **_card(table.get(figure.replace("|", " ")))}
        for figure, words in evaluation.headline
    ]
    html = environment.get_template("report.html").render(
        kind=evaluation.figures.kind,
        rows=evaluation.rows,
        index=request.index.name,
        limit=request.limit,
        profile=evaluation.profile,
        seed=request.seed,
        version=veridical.__version__,
        cards=cards,
        notes=evaluation.figures.sentences(),
        sections=evaluation.sections,
        worst=[
            {"what": one.what, "pictures": _thumbnails(one) if request.thumbnails else []}
            for one in evaluation.worst
        ],
        thumbnails=request.thumbnails,
        figures=evaluation.figures.table(),
        command=request.command,
        data_sha256=evaluation.data_sha256,
        options=list(evaluation.options.items()),
        models=evaluation.models,
    )
    path.write_text(html, encoding="utf-8")


def print_table(evaluation: Evaluation, console: Console) -> None:
    """Print every figure with interval and n, and the notes."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("figure", "value", "95 % interval", "n"):
        table.add_column(title, justify="right" if title in ("value", "n") else "left")
    for row in evaluation.figures.table():
        table.add_row(*row)
    console.print(table)
    for note in evaluation.figures.sentences():
        console.print(f"[dim]· {note}[/]", highlight=False)


def _card(row: tuple[str, str, str] | None) -> Mapping[str, str]:
    """Value and small print of one headline figure."""
    if row is None:
        return {"value": "–", "under": ""}
    value, bounds, count = row
    share = bool(bounds) and value != "–"
    parts = []
    if bounds:
        low, high = json.loads(bounds)
        parts.append(f"95 %: {_percent(low)} to {_percent(high)}")
    if count:
        parts.append(f"n = {int(count):,}")
    return {"value": _percent(float(value)) if share else value, "under": " · ".join(parts)}


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _thumbnails(worst: Worst) -> list[str]:
    """The media of one error as small JPEG data addresses; what cannot be read is left out."""
    found: list[str] = []
    for path in worst.files:
        try:
            image = read_image(path)
        except VeridicalError:
            try:
                image = read_clip(path, max_side_px=4 * THUMBNAIL_PX, keep_frames=1).frames[0]
            except VeridicalError:
                continue
        width = max(1, round(image.width * THUMBNAIL_PX / image.height))
        small = cv2.resize(image.pixels, (width, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", small[:, :, ::-1])
        found.append("data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode())
    return found
