"""`veridical rejudge`: what would be said today of those who were accepted then?"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from veridical.analysis.engines import Engines
from veridical.cli.exits import Exit
from veridical.cli.extras import needed
from veridical.errors import InputError
from veridical.verification import Verifier, load_verifier
from veridical.verification.galleries import open_watchlist

with needed("service"):
    from veridical.service.settings import ServiceSettings
    from veridical.transactions import PolicyRepository, TransactionService
    from veridical.transactions.rejudge import Rejudgement

__all__ = ["rejudge"]


def rejudge(
    out: Annotated[
        Path,
        typer.Argument(
            help="File to write, one transaction a line; one that is there is gone on with."
        ),
    ],
    tenant: Annotated[str, typer.Option(help="Whose book.")] = "default",
    models: Annotated[
        bool, typer.Option("--models", help="Judge kept media by today's models as well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Judge what is stored of accepted customers again: lists, expiry, watchlist; never liveness.

    What was not found the last time is recorded and told by webhook; no verdict is changed. For a
    schedule: give each run a file of its own; broken off, run it again with the same file. Exit
    code 1 when something speaks against somebody.
    """
    after, counts = _so_far(out)
    settings = ServiceSettings()
    resources = settings.resources()
    try:
        transactions = TransactionService(
            resources, PolicyRepository(resources, settings.policy), settings.transactions()
        )
        verifier = load_verifier(settings) if models else None
        book = Rejudgement(
            transactions, open_watchlist(settings), _face_model(settings, verifier), verifier
        )
        with out.open("a", encoding="utf-8") as file:
            for found in book.run(tenant, after):
                file.write(json.dumps(found.as_json()) + "\n")
                file.flush()
                os.fsync(file.fileno())
                _count(counts, found.as_json())
    finally:
        resources.database.close()
    summary = {"transactions": counts.pop("", 0), "findings": dict(sorted(counts.items()))}
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        typer.echo(f"{summary['transactions']} transactions judged again")
        for what, number in sorted(counts.items()):
            typer.echo(f"{what}: {number}")
    if counts:
        raise typer.Exit(Exit.NOT_ACCEPTED)


def _so_far(out: Path) -> tuple[str, Counter[str]]:
    """The last transaction a run before this one wrote, and what it counted.

    A line that its end cut off is taken away, and its transaction judged again.

    Raises:
        InputError: `usage.not_a_rejudgement`: the file holds something else.
    """
    after, counts = "", Counter[str]()
    if not out.exists():
        return after, counts
    with out.open("r+b") as file:
        whole = 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                found = json.loads(line)
                after = str(found["transaction"])
                _count(counts, found)
            except (ValueError, LookupError, TypeError) as error:
                raise InputError(
                    f"{out} is none of `veridical rejudge`'s: name another file",
                    "usage.not_a_rejudgement",
                ) from error
            whole += len(line)
        file.truncate(whole)
    return after, counts


def _count(counts: Counter[str], found: dict[str, object]) -> None:
    counts[""] += 1
    findings = found["findings"]
    assert isinstance(findings, list)  # noqa: S101  as it was written
    counts.update(f"{each['check']}:{each['reason']}" for each in findings)


def _face_model(settings: ServiceSettings, verifier: Verifier | None) -> str:
    """Mark of the templates that the watchlist is searched with."""
    if verifier is not None:
        return verifier.face_model
    if not settings.watchlist:
        return ""
    faces = Engines.open(settings).embedder
    return faces.template_model if faces is not None else ""
