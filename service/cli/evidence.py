"""`veridical evidence`: signed records of verdicts."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Verify signed records of verdicts.")


@app.command()
def verify(
    log: Annotated[Path, typer.Argument(help="Evidence log, one record a line.")],
    public_key: Annotated[
        list[Path], typer.Option(help="Public key in PEM; repeat it for rotated keys.")
    ],
    head: Annotated[
        str, typer.Option(help="Hash anchored elsewhere that must be in the chain.")
    ] = "",
) -> None:
    """Verify every record of a log, offline; exit code 1 at the first that does not hold."""
    from veridical.errors import InputError
    from veridical.service.cli.exits import Exit
    from veridical.verification.evidence import read_public_keys, verify_chain

    keys = read_public_keys(public_key)
    if not log.is_file():
        raise InputError(f"no evidence log {log}", "evidence.missing")
    with log.open("rb") as lines:
        chain = verify_chain(lines, keys, head)
    typer.echo(f"{chain.records} records hold\nhead {chain.head}")
    if chain.problem:
        typer.echo(f"does not hold: {chain.problem}", err=True)
        raise typer.Exit(Exit.NOT_ACCEPTED)


@app.command("public-key")
def public_key() -> None:
    """Print the public key of this installation, for those who verify its records."""
    from veridical.verification import Settings

    typer.echo(Settings().signing_key().public_pem.decode(), nl=False)
