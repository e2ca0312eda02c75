"""`veridical serve`: the HTTP service."""

from typing import Annotated

import typer

import veridical
from veridical.cli.missing import AllowMissing
from veridical.service.logs import log_to
from veridical.service.serving import app_of, server_of
from veridical.service.settings import ServiceSettings
from veridical.tracing import exporting

__all__ = ["serve"]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
    dev: Annotated[
        bool, typer.Option("--dev", help="Let everybody on this machine in without a key.")
    ] = False,
    allow_missing: AllowMissing = False,
) -> None:
    """Serve the API and its pages. It wants a key: see `veridical tenants`."""
    settings = ServiceSettings()
    settings.allow_missing |= allow_missing
    log_to(level=settings.log_level)
    with exporting(veridical.__version__):
        app = app_of(settings, host, dev=dev)
        server_of(app, host, port, settings.log_level, probes=settings.probes).run()
