"""`veridical liveness ...`: presentation attack detection from files."""

from pathlib import Path
from typing import Annotated

import typer

from veridical.cli.capture import read_capture
from veridical.cli.measured import answer
from veridical.face import FaceDetector, FaceMesher
from veridical.liveness import SilentCheck, read_settings
from veridical.liveness.report import silent_report
from veridical.models import Profile
from veridical.verification import Settings
from veridical.verification.analysis import Analyser, Analysis

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
    settings = Settings()
    store = settings.model_store()
    models: Profile = store.profile(profile or settings.profile)
    check = SilentCheck.load(store, models)
    detector = FaceDetector(store.session(models.roles["detector"][0]))
    mesher = FaceMesher(store.session(models.roles["mesh"][0]))
    transaction = read_capture(file)
    views = Analysis(transaction, Analyser(None, detector, mesher)).views
    found = check.examine(views, transaction.clip)
    measured = check.summarise(found)
    if report:
        page = silent_report(
            found, measured, read_settings().cues, store.operating_points(models)[check.name].point
        )
        report.write_text(page, encoding="utf-8")
    answer(measured, store, models, as_json)
