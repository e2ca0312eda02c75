"""The verbs, and how every one of them ends.

Rooms are imported inside the commands: `veridical --help` must not wait for them.
"""

import sys
from importlib import import_module

import click
import typer

import veridical
from veridical.errors import VeridicalError
from veridical.service.cli.exits import Exit, exit_for

__all__ = ["app", "main"]

NOUNS = {
    "calibrate": "Give scores a meaning: fit them to measured error rates.",
    "document": "Read identity documents.",
    "evaluate": "Measure error rates and write a report.",
    "evidence": "Verify signed records of verdicts.",
    "engines": "Optional engines in environments of their own.",
    "face": "Compare faces and measure their quality.",
    "gallery": "Enrolled faces and watchlists.",
    "liveness": "Presentation attack detection.",
    "models": "Pull, verify and list models.",
    "policy": "Check, compare and replay policies.",
    "simulate": "Make simulated attacks to rehearse a deployment.",
    "voice": "Compare voices and check what was said.",
}


class Verbs(typer.core.TyperGroup):
    """The top level; a noun's module is imported when the noun is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs and nouns, for the help page."""
        return [*super().list_commands(ctx), *NOUNS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a verb, or import a noun."""
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        return typer.main.get_command(import_module(f"veridical.service.cli.{cmd_name}").app)


def main() -> None:
    """Run the command line and exit with the code of the house."""
    try:
        app()
    except VeridicalError as error:
        sys.stderr.write(f"veridical: {error} [{error.code}]\n")
        sys.exit(exit_for(error))
    except BrokenPipeError:
        sys.exit(Exit.DONE)


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Biometric identity verification: alive, the holder, the one who speaks. Offline.",
)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Print the version when asked."""
    if show:
        typer.echo(f"veridical {veridical.__version__}")
        raise typer.Exit
