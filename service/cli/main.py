"""The root of the command line, and how every verb ends."""

import sys

import typer

import veridical
from veridical.errors import VeridicalError
from veridical.service.cli.exits import Exit, exit_for

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Biometric identity verification: alive, the holder, the one who speaks. Offline.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"veridical {veridical.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_print_version, is_eager=True
    ),
) -> None:
    """Biometric identity verification: alive, the holder, the one who speaks. Offline."""


def main() -> None:
    """Run the command line and exit with the code of the house."""
    try:
        app()
    except VeridicalError as error:
        sys.stderr.write(f"veridical: {error} [{error.code}]\n")
        sys.exit(exit_for(error))
    except BrokenPipeError:
        sys.exit(Exit.DONE)
