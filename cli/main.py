"""The root of the command line, and how every command ends."""

import sys
import traceback

import typer

import veridical
from veridical.cli.exits import Exit, exit_for
from veridical.cli.extras import extra_of
from veridical.cli.table import CommandTable
from veridical.errors import VeridicalError

__all__ = ["app", "main"]

app = typer.Typer(
    cls=CommandTable,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its renderer costs more than all else that `--help` does
    context_settings={"help_option_names": ["-h", "--help"]},
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
    if sys.platform == "win32":  # locks of files, sockets of workers and signals are POSIX's
        sys.stderr.write(
            "veridical: runs on Linux and macOS; on Windows use the Linux subsystem (WSL 2) or a "
            "container [environment.platform]\n"
        )
        sys.exit(Exit.ENVIRONMENT)
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
    except Exception as error:
        if isinstance(error, ImportError) and (extra := extra_of(error)):
            sys.stderr.write(
                f"veridical: this needs what is not installed here: pip install "
                f"'veridical[{extra}]' [environment.extra]\n"
            )
            sys.exit(Exit.ENVIRONMENT)
        if settings := _malformed_settings(error):
            sys.stderr.write(
                f"veridical: not a value of this setting: {', '.join(settings)} [usage.settings]\n"
            )
            sys.exit(Exit.USAGE)
        traceback.print_exc()
        sys.stderr.write("veridical: a fault of veridical, please report it [internal]\n")
        sys.exit(Exit.INTERNAL)


def _malformed_settings(error: Exception) -> list[str]:
    """Settings of the environment that hold none of their values; unquoted, some are keys."""
    if type(error).__name__ != "ValidationError":
        return []
    from pydantic import ValidationError  # --help does not wait for it

    if not isinstance(error, ValidationError) or not error.title.endswith("Settings"):
        return []
    return sorted(
        {f"VERIDICAL_{fault['loc'][0]}".upper() for fault in error.errors() if fault["loc"]}
    )
