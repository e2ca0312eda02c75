"""Probes on a listener of their own: they answer whatever clients do to the other one."""

import asyncio
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

from fastapi import FastAPI

from veridical.errors import InputError, VeridicalError
from veridical.service.api.operations import readiness

__all__ = ["Probes", "address_of"]

PATIENCE_S = 2.0


class Probes:
    """Answers `/livez` and `/readyz`, one after the other, in a thread of its own.

    Alive is a service whose event loop still turns. The socket is opened before the first client
    comes, and one connection at a time is all it needs of the process's descriptors.

    Args:
        host: Address to listen on.
        port: Port; 0 takes a free one.
        app: The application.
    """

    def __init__(self, host: str, port: int, app: FastAPI) -> None:
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None
        answers: dict[str, Callable[[], dict[str, object]]] = {
            "/livez": self._alive,
            "/readyz": lambda: readiness(app.state.service),
        }

        class Handler(BaseHTTPRequestHandler):
            timeout = PATIENCE_S

            def do_GET(self) -> None:
                status, told = 404, dict[str, object]()
                if (answer := answers.get(self.path)) is not None:
                    try:
                        status, told = 200, answer()
                    except VeridicalError as error:
                        status, told = error.http_status, {"code": error.code}
                    except TimeoutError:
                        status, told = 503, {"code": "service.stalled"}
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Probes come every few seconds: nothing is said of them."""

        self._server = HTTPServer((host, port), Handler)
        self.port = int(self._server.server_address[1])

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to answer for a loop."""
        self._loop = loop
        threading.Thread(target=self._server.serve_forever, name="probes", daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def _alive(self) -> dict[str, object]:
        assert self._loop is not None  # noqa: S101  # for type checkers
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        if not turned.wait(PATIENCE_S):
            raise TimeoutError
        return {"status": "alive"}


def address_of(text: str) -> tuple[str, int]:
    """Host and port of a setting such as `127.0.0.1:9090`.

    Raises:
        InputError: `usage.probes`: it is none.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise InputError("probes are an address and a port: 127.0.0.1:9090", "usage.probes")
    return host.strip("[]"), int(port)
