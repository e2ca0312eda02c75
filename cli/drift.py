"""`veridical drift`: what later scores and reasons are compared with."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from veridical.cli.exits import Exit
from veridical.service.settings import ServiceSettings
from veridical.transactions.drift import freeze as declare
from veridical.transactions.drift_views import HOUR_MS
from veridical.transactions.resources import now_ms

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Baselines of scores and reasons; see doctor --drift.")


@app.callback()
def drift() -> None:
    """Baselines of scores and reasons; `veridical doctor --drift` compares with them."""


@app.command()
def freeze(
    tenant: Annotated[str, typer.Option(help="Whose verdicts.")] = "default",
    since: Annotated[
        datetime | None, typer.Option(help="First hour, in UTC; by default 28 days before.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="End of the last hour, in UTC; by default now.")
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option(help="Only this check, its scores and reasons; repeatable.")
    ] = None,
) -> None:
    """Declare a period to be as it should: later hours are compared with it.

    Replaces earlier baselines of the same models and ends their alerts. Series with too few
    observations stay as they were; exit code 1 when that is all of them.
    """
    now = now_ms()
    end = _ms(until) if until else now
    start = _ms(since) if since else end - 28 * 24 * HOUR_MS
    database = ServiceSettings().open_database()
    try:
        found = declare(database, tenant, start, end, now, check or ())
    finally:
        database.close()
    typer.echo(f"{tenant}, {found['since']} to {found['until']}")
    for word in ("frozen", "too_few"):
        for one in found[word]:
            what = f"{one['kind']:8}{one['name']:36} n = {one['n']:<8} {one['models']}"
            typer.echo(f"{word.replace('_', ' '):8} {what}".rstrip())
    if not found["frozen"]:
        raise typer.Exit(Exit.NOT_ACCEPTED)


def _ms(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp() * 1000)
