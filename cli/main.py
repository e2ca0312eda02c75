"""The root of the command line, and how every verb ends."""

import sys

import typer

import veridical
from veridical.cli.exits import Exit, exit_for
from veridical.errors import VeridicalError

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
    except OSError as error:
        # Such as a report that is to stand where no folder is: 1 would say "not accepted".
        what = error.strerror or type(error).__name__
        sys.stderr.write(f"veridical: {error.filename or 'a file'}: {what} [environment.file]\n")
        sys.exit(Exit.ENVIRONMENT)
    except ValueError as error:
        settings = _malformed_settings(error)
        if not settings:
            raise
        sys.stderr.write(
            f"veridical: not a value of this setting: {', '.join(settings)} [usage.settings]\n"
        )
        sys.exit(Exit.USAGE)


def _malformed_settings(error: ValueError) -> list[str]:
    """Settings of the environment that hold none of their values; unquoted, some are keys."""
    from pydantic import ValidationError  # --help does not wait for it

    if not isinstance(error, ValidationError) or not error.title.endswith("Settings"):
        return []
    return sorted(
        {f"VERIDICAL_{fault['loc'][0]}".upper() for fault in error.errors() if fault["loc"]}
    )
