"""`veridical evidence`: signed records of verdicts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from veridical.cli.exits import Exit
from veridical.errors import InputError
from veridical.store import Database
from veridical.store.chain import chain_lines
from veridical.verification import Settings
from veridical.verification.evidence import read_public_keys, rotate_signing_key, verify_chain
from veridical.verification.signers import admit_signer, register_signer, registered_keys

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
    """Print the public keys of this installation, rotated ones first, for those who verify."""
    settings = Settings()
    settings.signing_key()
    database = settings.unopened_database()
    try:  # nothing is upgraded to print a key
        kept = database.exists and database.is_current
        registered = registered_keys(database) if kept else b""
    finally:
        database.close()
    typer.echo((registered or settings.public_keys()).decode(), nl=False)


@app.command("rotate-key")
def rotate_key() -> None:
    """Make a new signing key; the old one stays known as a public key. Restart the service then.

    Where replicas have files of their own: make the new key elsewhere, `register-key` it, then give
    it to one replica after the other.
    """
    settings = Settings()
    with _database(settings) as database:
        if database is not None:
            admit_signer(database, settings.signing_key(), settings.public_keys())
        key = rotate_signing_key(settings.signing_key_path)
        if database is not None:
            register_signer(database, key)
    typer.echo(f"new signing key {key.key_id}")


@app.command("register-key")
def register_key() -> None:
    """Let replicas sign with this installation's key: one that is not registered does not start."""
    settings = Settings()
    if not settings.signing_key_path.exists():
        raise InputError(
            f"no signing key at {settings.signing_key_path}: name its file in "
            "VERIDICAL_SIGNING_KEY_FILE",
            "evidence.key",
        )
    key, database = settings.signing_key(), settings.open_database()
    try:
        register_signer(database, key)
    finally:
        database.close()
    typer.echo(f"registered signing key {key.key_id}")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="File to write; one record a line.")],
    tenant: Annotated[str, typer.Option(help="Whose chain.")] = "default",
) -> None:
    """Write a tenant's chain out of the database, and print its head to be anchored elsewhere."""
    database = Settings().open_database()
    count, last = 0, ""
    try:
        with out.open("w", encoding="utf-8", newline="") as file, database.reading() as connection:
            while lines := chain_lines(connection, tenant, count, 1_000):
                file.writelines(lines)
                count, last = count + len(lines), lines[-1]
    finally:
        database.close()
    head = json.loads(last)["hash"] if last else "0" * 64
    typer.echo(f"{count} records\nhead {head}")


@contextmanager
def _database(settings: Settings) -> Iterator[Database | None]:
    """The installation's database; None for one that has none and only writes an evidence log."""
    database = settings.unopened_database()
    try:
        if database.exists:
            database.upgrade()
        yield database if database.exists else None
    finally:
        database.close()
