"""`veridical liveness ...`: presentation attack detection from files."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from veridical.service.cli.capture import read_capture
from veridical.service.cli.exits import Exit

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
    from veridical.face import FaceDetector, FaceMesher
    from veridical.liveness import SilentCheck, read_settings
    from veridical.liveness.report import silent_report
    from veridical.models import Profile
    from veridical.result import Status
    from veridical.verification import Settings
    from veridical.verification.analysis import Analyser, Analysis

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
    point = store.operating_points(models)[check.name].point
    status = Status.NOT_ASSESSED if measured.score is None else point.status(measured.score)
    if report:
        page = silent_report(found, measured, read_settings().cues, point)
        report.write_text(page, encoding="utf-8")
    if as_json:
        answer = {
            "check": measured.check,
            "status": str(status),
            "score": measured.score,
            "accept_at": point.accept_at,
            "reject_below": point.reject_below,
            "reason": measured.reason,
            "evidence": dict(measured.evidence),
            "models": {model.name: model.sha256 for model in measured.models},
            "profile": models.name,
        }
        json.dump(answer, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        score = "" if measured.score is None else f"  score {measured.score:.3f}"
        typer.echo(f"{status.upper()}{score}  {measured.reason}".rstrip())
        typer.echo(f"accept from {point.accept_at:g}, reject below {point.reject_below:g}")
        for name, value in measured.evidence.items():
            shown = f"{value:.3f}" if isinstance(value, float) else value
            typer.echo(f"  {name:28} {'-' if value is None else shown}")
    if status is not Status.PASS:
        raise typer.Exit(Exit.NOT_ACCEPTED)
