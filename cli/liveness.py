"""`veridical liveness ...`: presentation attack detection from files."""

from pathlib import Path
from typing import Annotated

import typer

from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.cli.capture import read_capture
from veridical.cli.measured import answer, engines_of
from veridical.liveness import read_settings
from veridical.liveness.report import silent_report

__all__ = ["app", "silent"]

app = typer.Typer(no_args_is_help=True, help="Presentation attack detection.")


@app.callback()
def root() -> None:
    """Presentation attack detection."""


@app.command()
def silent(
    file: Annotated[Path, typer.Argument(help="Picture or clip of the applicant.")],
    profile: Annotated[str, typer.Option(help="Model set: auto, registry, standard.")] = "",
    report: Annotated[
        Path | None, typer.Option(help="Write what a reviewer needs to see to this HTML file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")] = False,
) -> None:
    """Judge passively whether a living person is before the camera. Exit code 0 on a pass."""
    engines = engines_of(profile)
    engines.require("detector", "mesh")
    check = engines.need(Engines.silent)
    transaction = read_capture(file)
    views = Analysis(transaction, engines).views
    found = check.examine(views, transaction.clip)
    measured = check.summarise(found)
    if report:
        page = silent_report(found, measured, read_settings().cues, points_of(engines)[check.name])
        report.write_text(page, encoding="utf-8")
    answer(measured, engines, as_json)
