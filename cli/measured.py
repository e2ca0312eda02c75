"""One check's measurement, as the single-check verbs show it."""

import json
import sys
from collections.abc import Mapping

import typer

from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.cli.exits import Exit
from veridical.policy.decision import judge
from veridical.result import Measurement, Status
from veridical.verification import Settings

__all__ = ["answer", "engines_of"]


def engines_of(profile: str) -> Engines:
    """The engines of the installation, of another profile where one is named."""
    settings = Settings()
    if profile:
        settings.profile = profile
    return Engines.open(settings)


def answer(
    measured: "Measurement",
    engines: Engines,
    as_json: bool,
    details: "Mapping[str, object] | None" = None,
) -> None:
    """Print a measurement and what the operating point makes of it.

    Args:
        measured: The measurement.
        engines: Their operating points judge.
        as_json: Print JSON instead of lines.
        details: What else the verb knows: texts, or lists of rows.

    Raises:
        typer.Exit: With code 1 when it is no pass.
    """
    result = judge(measured, points_of(engines).get(measured.check))
    point = result.point
    if as_json:
        shown = {
            "check": result.check,
            "status": str(result.status),
            "score": result.score,
            "accept_at": point.accept_at if point else None,
            "reject_below": point.reject_below if point else None,
            "reason": result.reason,
            "evidence": dict(measured.evidence),
            "models": {model.name: model.sha256 for model in measured.models},
            "profile": engines.profile.name,
            **(details or {}),
        }
        json.dump(shown, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        score = "" if result.score is None else f"  score {result.score:.3f}"
        typer.echo(f"{result.status.upper()}{score}  {result.reason}".rstrip())
        if point:
            typer.echo(f"accept from {point.accept_at:g}, reject below {point.reject_below:g}")
        for name, value in measured.evidence.items():
            text = f"{value:.4g}" if isinstance(value, float) else value
            typer.echo(f"  {name:28} {'-' if value is None else text}")
        for name, found in (details or {}).items():
            rows = found if isinstance(found, list) else [found]
            for row in rows:
                shown_row = "  ".join(map(str, row.values())) if isinstance(row, dict) else row
                typer.echo(f"  {name:28} {shown_row}")
    if result.status is not Status.PASS:
        raise typer.Exit(Exit.NOT_ACCEPTED)
