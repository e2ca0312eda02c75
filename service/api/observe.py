"""Every request gets an id, an access line without anything personal, and is counted."""

import logging
import re
import time
import uuid

from veridical.service.api.entry import METHODS
from veridical.service.api.limits import Application, Message, Receive, Scope, Send
from veridical.service.api.metrics import Metrics
from veridical.tracing import span, trace_id

__all__ = ["Observed"]

log = logging.getLogger("veridical.service.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRANSACTION = re.compile(r"t_[0-9a-f]{32}")
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
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        given = headers.get("x-request-id", "")
        # Taken over, where it is harmless wherever it is written: in logs, errors and evidence.
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        state["request_id"] = request_id
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

        method = scope["method"] if scope["method"] in METHODS else "other"
        with span(method, {"http.request.method": method}, headers) as tell:
            trace = trace_id()
            try:
                await self._app(scope, receive, noted)
            finally:
                elapsed_s = time.perf_counter() - started
                # The template, not the path: paths hold references.
                route = str(state.get("route", "none"))
                about = str(scope.get("path_params", {}).get("transaction", ""))
                about = about if _TRANSACTION.fullmatch(about) else ""
                tell(
                    f"{method} {route}",
                    {
                        "http.route": route,
                        "http.response.status_code": status,
                        "veridical.request": request_id,
                        "veridical.transaction": about,
                    },
                )
                self._metrics.answered(
                    str(state.get("tenant", "")), method, route, status, elapsed_s
                )
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
                        **({"transaction": about} if about else {}),
                        **({"trace": trace} if trace else {}),
                    },
                )
