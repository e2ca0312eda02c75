"""`veridical serve`: the HTTP service."""

from typing import Annotated

import typer

from veridical.service.cli.main import app

__all__ = ["serve"]


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
) -> None:
    """Serve the API. Beyond loopback it wants VERIDICAL_API_KEY."""
    import ipaddress
    import logging
    import math

    import uvicorn

    from veridical.errors import InputError
    from veridical.service.api import create_app
    from veridical.service.quota import cpu_quota
    from veridical.service.settings import ServiceSettings
    from veridical.verification import load_verifier

    settings = ServiceSettings()
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if settings.api_key is None and not loopback:
        raise InputError(
            f"refusing to serve on {host} without a key: set VERIDICAL_API_KEY, or listen on "
            "127.0.0.1",
            "usage.open_server",
        )
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    application = create_app(
        lambda: load_verifier(settings),
        api_key=settings.api_key,
        evidence=settings.evidence(),
        max_body_bytes=settings.max_body_bytes,
        capacity=settings.capacity or math.ceil(cpu_quota()),
    )
    uvicorn.run(application, host=host, port=port, log_level=settings.log_level, access_log=False)
