"""One check's measurement, as the single-check verbs show it."""

import json
import sys
from collections.abc import Mapping

import typer

from veridical.cli.exits import Exit
from veridical.models import ModelStore, Profile
from veridical.result import Measurement, OperatingPoint, Status
from veridical.verification.decision import judge
from veridical.verification.points import operating_points

__all__ = ["answer", "point_of"]


def point_of(check: str, store: "ModelStore", profile: "Profile") -> "OperatingPoint | None":
    """The operating point of a check outside any policy."""
    return operating_points(store, profile).get(check)


def answer(
    measured: "Measurement",
    store: "ModelStore",
    profile: "Profile",
    as_json: bool,
    point: "OperatingPoint | None" = None,
    details: "Mapping[str, object] | None" = None,
) -> None:
    """Print a measurement and what the operating point makes of it.

    Args:
        measured: The measurement.
        store: The installation's models.
        profile: The model set.
        as_json: Print JSON instead of lines.
        point: Judges in place of the model set's own.
        details: What else the verb knows: texts, or lists of rows.

    Raises:
        typer.Exit: With code 1 when it is no pass.
    """
    result = judge(measured, point or point_of(measured.check, store, profile))
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
            "profile": profile.name,
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
