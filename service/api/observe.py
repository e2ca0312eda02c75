"""Every request gets an id, an access line without anything personal, and is counted."""

import logging
import time
import uuid

from veridical.service.api.entry import METHODS
from veridical.service.api.limits import Application, Message, Receive, Scope, Send
from veridical.service.api.metrics import Metrics

__all__ = ["Observed"]

log = logging.getLogger("veridical.service.access")

_SECURE = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)


class Observed:
    """Stands around the whole application.

    Args:
        app: The application behind it.
        metrics: Counts.
    """

    def __init__(self, app: Application, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = uuid.uuid4().hex
        started, status, sent = time.perf_counter(), 500, 0

        async def noted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                headers += [pair for pair in _SECURE if pair[0] not in there]
                headers.append((b"x-request-id", request_id.encode()))
                message = {**message, "headers": headers}
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            elapsed_s = time.perf_counter() - started
            # The template, not the path: paths hold references.
            route = str(state.get("route", "none"))
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.answered(str(state.get("tenant", "")), method, route, status, elapsed_s)
            log.info(
                "answered",
                extra={
                    "request": request_id,
                    "method": method,
                    "route": route,
                    "status": status,
                    "ms": round(elapsed_s * 1000, 1),
                    "bytes": sent,
                    "tenant": state.get("tenant", ""),
                    "key": state.get("key", ""),
                },
            )
