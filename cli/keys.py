"""`veridical keys`: the master keys that wrap every subject's data key."""

import json
from typing import Annotated

import typer

from veridical.errors import InputError
from veridical.store import MasterKeys
from veridical.store import rewrap as rewrap_all
from veridical.verification import Settings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Master keys of the database.")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Name the master keys, oldest first; the last is the current one."""
    keys = Settings().keys()
    if as_json:
        rows = [{"name": name, "current": name == keys.current} for name in keys.names]
        typer.echo(json.dumps(rows, indent=2))
        return
    for name in keys.names:
        typer.echo(f"{name}{'  current' if name == keys.current else ''}")


@app.command()
def rotate() -> None:
    """Make a new master key and wrap every data key with it; broken off, run `keys rewrap`.

    With keys from the environment or a key service, add the new key there and run `keys rewrap`.
    """
    settings = Settings()
    if settings.master_keys.get_secret_value():
        raise InputError(
            "the master keys come from the environment: add a new one there, then run "
            "`veridical keys rewrap`",
            "usage.keys",
        )
    settings.keys()  # makes the file where there is none, and refuses one that others can read
    name = MasterKeys.add_to_file(settings.master_keys_path)
    typer.echo(f"new master key {name}")
    rewrap()


@app.command()
def rewrap() -> None:
    """Wrap every data key that is not wrapped with the current master key."""
    settings = Settings()
    database, keys = settings.open_database(), settings.keys()
    try:
        count = rewrap_all(database, keys)
    finally:
        database.close()
    typer.echo(f"{count} data keys wrapped with {keys.current}; older keys are no longer needed")
