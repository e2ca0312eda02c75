"""`veridical worker`: rows from a queue, until it is told to stop."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from veridical.batch.queue import DirectoryQueue, work
from veridical.batch.rows import RowVerifier
from veridical.cli.missing import AllowMissing
from veridical.verification import Settings

__all__ = ["worker"]


def worker(
    folder: Annotated[
        Path,
        typer.Option("--from", help="Folder with `inbox`, `taken` and `done`; made if need be."),
    ],
    media: Annotated[
        str,
        typer.Option(help="Folder or URL that media are named relative to; --from if not given."),
    ] = "",
    policy: Annotated[
        str, typer.Option(help="Policy for rows that name none: a name, or a file.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="End when the inbox is empty.")] = False,
    allow_missing: AllowMissing = False,
) -> None:
    """Verify each row that is put into a folder, and put its result beside it.

    A row is a file `inbox/NAME.json` with one JSON object on one line, as in a manifest; its result
    is `done/NAME.json`. Start as many workers as there are cores, on any machine with that folder.
    On SIGTERM a worker ends what it is at.
    """
    settings = Settings()
    if policy:
        settings.policy = policy
    settings.allow_missing |= allow_missing
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    queue = DirectoryQueue(folder)
    verify = RowVerifier(settings, media or str(folder))
    count = work(queue, verify, stop.is_set, wait=not once)
    typer.echo(f"{count} rows")
