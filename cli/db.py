"""`veridical db`: the database itself."""

from pathlib import Path
from typing import Annotated

import typer

from veridical.store import check_keys
from veridical.verification import Settings

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

    The place must be free: nothing is overwritten. Give the master keys back first.
    """
    settings = Settings()
    settings.unopened_database().restore(source)
    database = settings.open_database()
    try:
        opened = check_keys(database, settings.keys())
        typer.echo(f"version {database.version}; all {opened} data keys open")
    finally:
        database.close()
