"""`veridical engines`: optional packages that need an environment of their own."""

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Install packages that need an environment of their own."
)

Name = Annotated[str, typer.Argument(help="Name of the engine: mediapipe or paddleocr.")]
Interpreter = Annotated[
    str | None, typer.Option("--python", help="Interpreter to build it with; this one if none.")
]


@app.command("list")
def list_engines() -> None:
    """Every engine, and whether it is installed."""
    from veridical.errors import ModelError
    from veridical.models.engines import ENGINES, find_engine
    from veridical.verification.settings import Settings

    for name, spec in ENGINES.items():
        try:
            find_engine(name, Settings().models_dir)
        except ModelError:
            state = "not installed"
        else:
            state = "installed"
        typer.echo(f"{name:12} {state:14} {spec.licence:12} {spec.summary}")


@app.command()
def install(name: Name, python: Interpreter = None) -> None:
    """Build an engine's environment; exit code 3 when it can't be built."""
    import sys

    from veridical.models.engines import install_engine
    from veridical.verification.settings import Settings

    engine = install_engine(
        name, Settings().models_dir, python=python or sys.executable, note=typer.echo
    )
    typer.echo(f"{name}: ready ({engine.python})")


@app.command()
def remove(name: Name) -> None:
    """Remove an engine's environment."""
    from veridical.models.engines import remove_engine
    from veridical.verification.settings import Settings

    remove_engine(name, Settings().models_dir)
    typer.echo(f"{name}: removed")
