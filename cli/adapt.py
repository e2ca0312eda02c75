"""`veridical adapt KIND INDEX`: fit a check to one's own recordings."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from veridical.calibration.calibrate import parse_target
from veridical.evaluation.harness import available_cores
from veridical.evaluation.protocols.adapt import adapt_lips
from veridical.evaluation.request import Request
from veridical.verification.settings import Settings

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Fit a check to one's own consented recordings, leaving speakers out to see what it is "
    "worth.",
)


@app.callback()
def adapt() -> None:
    """Fit a check to one's own consented recordings."""


@app.command()
def lips(
    index: Annotated[
        Path, typer.Argument(help="CSV as for `evaluate lips`; paths in it are relative to it.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the adaptation and its trials.")] = Path(
        "adapt-lips"
    ),
    target: Annotated[
        str, typer.Option(help="Rate of moved and of dubbed answers that may pass.")
    ] = "apcer=0.05",
    reject: Annotated[
        str, typer.Option(help="Rate of genuine answers refused outright.")
    ] = "bpcer=0.02",
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many rows of the index.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Model set: auto, standard, registry, …")] = "",
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one a core.")] = 0,
) -> None:
    """Refit lips against sound, viseme targets, reading habits and thresholds.

    Only genuine rows are read, and of an index with a column `train_ok` only those that say yes.
    Fifty people with five answers each are a start; fewer than five are refused.
    """
    settings = Settings()
    if profile:
        settings.profile = profile
    request = Request(
        index,
        out,
        seed=seed,
        limit=limit,
        workers=workers or available_cores(),
        command=shlex.join(["veridical", *sys.argv[1:]]),
    )
    typer.echo(adapt_lips(request, settings, parse_target(target), parse_target(reject)))
