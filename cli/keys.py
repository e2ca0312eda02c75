"""`veridical keys`: the master keys that wrap every subject's data key."""

import base64
import json
from pathlib import Path
from typing import Annotated

import typer

from veridical.errors import InputError
from veridical.store import rewrap as rewrap_all
from veridical.store.keyfile import add_key, key_word, retire_key, use_key
from veridical.store.probe import wrapped_with
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
def new() -> None:
    """Print a new key as `name:base64`, for a store of secrets; nothing is kept."""
    name, key = key_word()
    typer.echo(f"{name}:{base64.b64encode(key).decode('ascii')}")


@app.command()
def add() -> None:
    """Step 1 of 4: add a new key that opens, and that nothing is wrapped with yet.

    Give the file to every replica before step 2.
    """
    typer.echo(add_key(_file()))


@app.command()
def use(name: Annotated[str, typer.Argument(help="Name of a key that was added.")]) -> None:
    """Step 2 of 4: wrap what is new with this key from now on."""
    use_key(_file(), name)
    typer.echo(f"{name} is the current key")


@app.command()
def rewrap() -> None:
    """Step 3 of 4: wrap every data key with the current master key; broken off, run it again."""
    settings = Settings()
    database, keys = settings.open_database(), settings.keys()
    try:
        count = rewrap_all(database, keys)
    finally:
        database.close()
    typer.echo(f"{count} data keys wrapped with {keys.current}")


@app.command()
def retire(name: Annotated[str, typer.Argument(help="Name of an old key.")]) -> None:
    """Step 4 of 4: take an old key out of the file, once no data key is wrapped with it.

    Backups made before step 3 are opened with the old key only: keep it for as long as them.
    """
    file, settings = _file(), Settings()
    database = settings.open_database()
    try:
        if (left := wrapped_with(database, name)) > 0:
            raise InputError(
                f"{left} data keys are wrapped with this key: `veridical keys rewrap` first",
                "usage.keys",
            )
        put_back = retire_key(file, name)
        if wrapped_with(database, name):  # by a replica that had not read the file yet
            put_back()
            raise InputError(
                "a replica has just used this key: give every replica the file, then "
                "`veridical keys rewrap` and retire it again",
                "usage.keys",
            )
    finally:
        database.close()
    typer.echo(f"{name} is retired")


@app.command()
def rotate() -> None:
    """Steps 1 to 3 at once, where every replica reads this very file; broken off, run `rewrap`.

    The old key stays until `veridical keys retire`.
    """
    file = _file()
    name = add_key(file)
    use_key(file, name)
    typer.echo(f"new master key {name}")
    rewrap()


def _file() -> Path:
    """The file of master keys, made where there is none."""
    settings = Settings()
    if settings.master_keys.get_secret_value():
        raise InputError(
            "the master keys come from the environment: add the word of `veridical keys new` "
            "before the others there and restart every replica, move it behind the others and "
            "restart them again, run `veridical keys rewrap`, then take the old one out",
            "usage.keys",
        )
    settings.keys()
    return settings.master_keys_path
