"""`veridical engines`: optional packages that need an environment of their own."""

import json
import sys
from typing import Annotated

import typer

from veridical.errors import ModelError
from veridical.models.engines import ENGINES, find_engine, install_engine, remove_engine
from veridical.verification.settings import Settings

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Install packages that need an environment of their own."
)

Name = Annotated[str, typer.Argument(help="Name of the engine: mediapipe or paddleocr.")]
Interpreter = Annotated[
    str | None, typer.Option("--python", help="Interpreter to build it with; this one if none.")
]


@app.command("list")
def list_engines(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Every engine, and whether it is installed."""
    rows = []
    for name, spec in ENGINES.items():
        try:
            find_engine(name, Settings().models_dir)
        except ModelError:
            here = False
        else:
            here = True
        rows.append({"name": name, "here": here, "licence": spec.licence, "summary": spec.summary})
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        state = "installed" if row["here"] else "not installed"
        typer.echo(f"{row['name']:12} {state:14} {row['licence']:12} {row['summary']}")


@app.command()
def install(name: Name, python: Interpreter = None) -> None:
    """Build an engine's environment; exit code 3 when it can't be built."""
    engine = install_engine(
        name, Settings().models_dir, python=python or sys.executable, note=typer.echo
    )
    typer.echo(f"{name}: ready ({engine.python})")


@app.command()
def remove(name: Name) -> None:
    """Remove an engine's environment."""
    remove_engine(name, Settings().models_dir)
    typer.echo(f"{name}: removed")
