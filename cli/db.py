"""`veridical db`: the database itself."""

from pathlib import Path
from typing import Annotated

import typer

from veridical.errors import StoreError
from veridical.store import Database, check_keys
from veridical.store.chain import newest_lines
from veridical.verification import Settings
from veridical.verification.evidence import parse_public_keys, signature_fault

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The database: upgrade, back up and restore.")


@app.command()
def upgrade() -> None:
    """Make the tables, or bring them to this version."""
    database = Settings().open_database()
    typer.echo(f"version {database.version}")
    database.close()


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write; it must not be there yet.")],
) -> None:
    """Copy an SQLite database while it is in use; PostgreSQL has `pg_dump` for that.

    The copy holds wrapped keys: it is unreadable without the master keys, and it brings erased
    subjects back for as long as it is kept.
    """
    database = Settings().open_database()
    try:
        database.backup(target)
    finally:
        database.close()
    typer.echo(f"{target.stat().st_size} bytes written")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="Backup that `db backup` wrote.", exists=True)],
) -> None:
    """Put a backup in the place of a lost SQLite database, and prove that its keys are there.

    The place must be free: nothing is overwritten, and nothing is put in place before its keys open
    it. Give back the master keys and the signing key first.
    """
    settings = Settings()
    keys = settings.keys_given()
    if keys is None:
        raise StoreError(
            "give back the master keys first: VERIDICAL_MASTER_KEYS, or the file of the backup, "
            "mode 0600",
            "store.keys",
        )
    opened = 0

    def prove(database: Database) -> None:
        nonlocal opened
        opened = check_keys(database, keys)
        with database.reading() as connection:
            lines = newest_lines(connection)
        known = settings.public_keys() if settings.signing_key_path.exists() else b""
        for line in lines:
            if not known or signature_fault(line.encode(), parse_public_keys(known)):
                raise StoreError(
                    "the evidence was signed by another key: give back signing.pem, and "
                    "signing.retired.pem where there is one",
                    "evidence.key",
                )

    settings.unopened_database().restore(source, prove)
    database = settings.open_database()
    try:
        typer.echo(f"version {database.version}; all {opened} data keys open")
    finally:
        database.close()
