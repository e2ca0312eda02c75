"""`veridical tenants`: who may use the service, and with which keys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from veridical.errors import InputError
from veridical.media import read_image
from veridical.service.api.auth import ROLES, scopes_of
from veridical.service.settings import ServiceSettings
from veridical.store import Database
from veridical.store.endpoints import endpoints_of, set_webhook
from veridical.store.tenants import (
    Look,
    Tenant,
    add_tenant,
    api_keys_of,
    change_limits,
    issue_api_key,
    list_tenants,
    revoke_api_key,
    set_look,
)
from veridical.transactions.resources import iso, now_ms
from veridical.transactions.webhooks import check_address, secret_text
from veridical.verification.pictures import to_png

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Tenants of the service, their keys and webhooks.")

LOGO_PX = 320
"""Longest side of a logo."""

Name = Annotated[str, typer.Argument(help="Name of the tenant.")]
Rate = Annotated[int, typer.Option(min=1, help="Most requests a minute, at each replica.")]
AtOnce = Annotated[int, typer.Option(min=1, help="Most requests at once, at each replica.")]


@app.command()
def add(name: Name, requests_per_minute: Rate = 6_000, concurrent: AtOnce = 64) -> None:
    """Add a tenant."""
    with _database() as (database, _):
        add_tenant(database, Tenant(name, requests_per_minute, concurrent))
    typer.echo(f"added {name}; give it a key with `veridical tenants issue {name}`")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Name the tenants with their limits."""
    with _database() as (database, _):
        found = list_tenants(database)
        with database.reading() as connection:
            urls = {
                tenant.name: [each.url for each in endpoints_of(connection, tenant.name)]
                for tenant in found
            }
    if as_json:
        rows = [
            {
                "name": tenant.name,
                "requests_per_minute": tenant.requests_per_minute,
                "concurrent": tenant.concurrent,
                "webhook_urls": urls[tenant.name],
            }
            for tenant in found
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    for tenant in found:
        typer.echo(
            f"{tenant.name}  {tenant.requests_per_minute} a minute, {tenant.concurrent} at once"
            f"  {' '.join(urls[tenant.name])}".rstrip()
        )


@app.command()
def limit(name: Name, requests_per_minute: Rate = 6_000, concurrent: AtOnce = 64) -> None:
    """Set what a tenant may ask of each replica."""
    with _database() as (database, _):
        change_limits(database, name, requests_per_minute, concurrent)


@app.command()
def issue(
    name: Name,
    role: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(ROLES)}; repeatable."),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="A single scope such as analysis; repeatable.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Days until the key expires.")] = 365,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="A key of the tenant's sandbox, for tests.")
    ] = False,
    person: Annotated[
        str, typer.Option(help="Who alone will use it: signed with every review.")
    ] = "",
) -> None:
    """Make a key and print it, once: only a hash of it is kept."""
    chosen = scopes_of(role or (), scope or ())
    expires_at = now_ms() + int(timedelta(days=days).total_seconds() * 1000)
    with _database() as (database, _):
        _, text = issue_api_key(
            database, name, chosen, label, expires_at, sandbox=sandbox, person=person
        )
    typer.echo(text)


@app.command()
def keys(name: Name) -> None:
    """Name a tenant's keys, oldest first, without their secrets."""
    with _database() as (database, _):
        for key in api_keys_of(database, name):
            state = "revoked" if key.revoked_at else f"until {iso(key.expires_at) or 'revoked'}"
            kind = ("  sandbox" if key.sandbox else "") + (f"  {key.person}" if key.person else "")
            typer.echo(f"{key.prefix}  {state}{kind}  {' '.join(sorted(key.scopes))}  {key.label}")


@app.command()
def revoke(prefix: Annotated[str, typer.Argument(help="Prefix of the key.")]) -> None:
    """Revoke a key at once."""
    with _database() as (database, _):
        if not revoke_api_key(database, prefix.removeprefix("vk_")[:12]):
            raise InputError("no key of that prefix, or it is revoked already", "usage.key")
    typer.echo("revoked")


@app.command()
def webhook(name: Name, url: Annotated[str, typer.Argument(help="Where to.")]) -> None:
    """Send a tenant's events to one URL alone, and print the new secret they are signed with."""
    with _database() as (database, settings):
        check_address(url, settings.transactions().allowed_callbacks)
        secret = set_webhook(database, settings.keys(), name, url)
        typer.echo(secret_text(secret))


@app.command()
def brand(
    name: Name,
    display_name: Annotated[
        str, typer.Option("--name", help="Who asks for the verification, for people.")
    ] = "",
    accent: Annotated[str, typer.Option(help="Colour of buttons, such as #1f4fd8.")] = "",
    logo: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PNG, JPEG or WebP.")
    ] = None,
    return_url: Annotated[
        list[str] | None,
        typer.Option(
            help="Where applicants may be sent in the end; with a slash at the end, all below it. "
            "Repeatable."
        ),
    ] = None,
) -> None:
    """Say how the page for a tenant's applicants looks, and where it may lead to.

    What is left out is the page's own again.
    """
    # Decoded and drawn anew: a picture of ours is served, never a file of somebody's.
    picture = to_png(read_image(logo), LOGO_PX) if logo is not None else b""
    look = Look(display_name, accent.lower(), picture, tuple(return_url or ()))
    with _database() as (database, _):
        set_look(database, name, look)


@contextmanager
def _database() -> "Iterator[tuple[Database, ServiceSettings]]":

    settings = ServiceSettings()
    database = settings.open_database()
    try:
        yield database, settings
    finally:
        database.close()
