"""`veridical lists`: numbers, phones and devices that are allowed or denied."""

import csv
import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Literal

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from veridical.cli.console import open_console
from veridical.cli.exits import Exit
from veridical.errors import InputError
from veridical.signals.keys import keyed
from veridical.signals.ledger import Ledger
from veridical.signals.listing import (
    Imported,
    checked_kind,
    checked_label,
    import_values,
)
from veridical.store import Database
from veridical.store.lists import add_entries, find_entries, list_sizes, remove_entries
from veridical.store.vault import Vault
from veridical.verification import Settings

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Numbers, phones and devices that are allowed or denied; kept as keyed hashes only.",
)

Effect = Literal["allow", "deny"]
EffectOption = Annotated[Effect, typer.Option(help="What the list does.")]
Kind = Annotated[
    str,
    typer.Option(
        help="What the values are: document, subject, device, phone, network, address or geo."
    ),
]
Tenant = Annotated[str, typer.Option(help="Whose list.")]
Values = Annotated[
    list[str], typer.Argument(help="The values; `-` reads one a line, where no history keeps them.")
]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="One value a line, or a CSV file with --column.")],
    kind: Kind,
    effect: EffectOption = "deny",
    label: Annotated[str, typer.Option(help="Which list or case they came from.")] = "",
    column: Annotated[str, typer.Option(help="Column of a CSV file with a header.")] = "",
    tenant: Tenant = "default",
) -> None:
    """Put the values of a file on a list; of any length. Broken off, run it again."""
    if not file.is_file():
        raise InputError(f"no file {file}", "usage.no_file")
    stands = Imported()
    shown = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with (
        _opened(tenant) as (database, vault),
        file.open("rb") as raw,
        io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as lines,
        Progress(*shown, console=open_console(stderr=True)) as bar,
    ):
        task = bar.add_task(f"{effect} {kind}", total=file.stat().st_size)
        now = time.time_ns() // 1_000_000
        values = _column(lines, column) if column else (line.rstrip("\r\n") for line in lines)
        imported = import_values(database, vault, effect, kind, values, label=label, now=now)
        for stands in imported:
            bar.update(task, completed=raw.tell(), description=f"{stands.read} kept")
    typer.echo(
        f"{stands.read} values, {stands.added} new on the {effect} list of {kind}, "
        f"{stands.refused} refused"
    )
    if stands.refused:
        told = ", ".join(map(str, stands.refused_lines))
        typer.echo(f"no {kind} in line {told}{' ...' if stands.refused > 10 else ''}", err=True)


@app.command()
def add(
    values: Values,
    kind: Kind,
    effect: EffectOption = "deny",
    label: Annotated[str, typer.Option(help="Which list or case they came from.")] = "",
    tenant: Tenant = "default",
) -> None:
    """Put some values on a list."""
    checked_kind(kind)
    checked_label(label)
    with _opened(tenant) as (database, vault):
        keys = _keys(vault, kind, values)
        with database.writing() as connection:
            now = time.time_ns() // 1_000_000
            added = add_entries(connection, tenant, effect, kind, keys, label, now)
    typer.echo(f"{added} new on the {effect} list of {kind}")


@app.command()
def remove(
    values: Values, kind: Kind, effect: EffectOption = "deny", tenant: Tenant = "default"
) -> None:
    """Take some values off a list; exit code 1 when none was on it."""
    checked_kind(kind)
    with _opened(tenant) as (database, vault):
        keys = _keys(vault, kind, values)
        with database.writing() as connection:
            gone = remove_entries(connection, tenant, effect, keys)
    typer.echo(f"{gone} removed from the {effect} list of {kind}")
    if not gone:
        raise typer.Exit(Exit.NOT_ACCEPTED)


@app.command()
def find(values: Values, kind: Kind, tenant: Tenant = "default") -> None:
    """Say on which lists some values are; exit code 1 when on none."""
    checked_kind(kind)
    with _opened(tenant) as (database, vault):
        keys = _keys(vault, kind, values)
        with database.reading() as connection:
            entries = find_entries(connection, tenant, keys)
    for entry in sorted(entries, key=lambda entry: keys.index(entry.key)):
        day = datetime.fromtimestamp(entry.added_at / 1000, UTC).date()
        number = keys.index(entry.key) + 1
        typer.echo(
            f"value {number}: {entry.effect} {entry.kind} since {day} {entry.label}".rstrip()
        )
    if not entries:
        typer.echo("on no list")
        raise typer.Exit(Exit.NOT_ACCEPTED)


@app.command()
def stats(
    tenant: Tenant = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Count what the lists hold."""
    with _opened(tenant) as (database, _), database.reading() as connection:
        sizes = list_sizes(connection, tenant)
    if as_json:
        typer.echo(json.dumps([asdict(size) for size in sizes], indent=2))
        return
    for size in sizes:
        typer.echo(f"{size.effect:5}  {size.kind:8}  {size.entries:>9}  {size.label}".rstrip())
    if not sizes:
        typer.echo("no lists")


@contextmanager
def _opened(tenant: str) -> "Iterator[tuple[Database, Vault]]":
    """The database, and what makes the keyed hashes of a tenant."""
    settings = Settings()
    database = settings.open_database()
    try:
        yield database, Ledger(database, settings.keys()).vault(tenant)
    finally:
        database.close()


def _keys(vault: "Vault", kind: str, values: list[str]) -> list[bytes]:

    if values == ["-"]:
        values = [line.rstrip("\r\n") for line in sys.stdin]
    return [keyed(vault, kind, value) for value in values]


def _column(lines: IO[str], name: str) -> Iterator[str]:
    """The values of one column of a CSV file."""
    rows = csv.DictReader(lines)
    if name not in (rows.fieldnames or ()):
        raise InputError(
            f"no column {name!r}; there are {', '.join(rows.fieldnames or ())}", "usage.column"
        )
    for row in rows:
        yield row[name] or ""
