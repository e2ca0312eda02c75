"""Bounds on what a client may send and how slowly, met before any parser runs."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from veridical.service.api.problems import document

__all__ = ["Application", "BodyLimit", "Message", "Receive", "Scope", "Send"]

PATIENCE_S = 15.0
SLOWEST_BYTES_S = 16 * 1024
"""A body may take this long, and a second more for every so many bytes that have come."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyLimit:
    """Counts the bytes of a request as they arrive and refuses more than a bound with 413.

    The Content-Length header is a client's claim: it can refuse early, never let through.

    Args:
        app: The application behind it.
        max_bytes: Largest body let through.
        larger: Larger bounds, by the end of the path they hold for.
    """

    def __init__(
        self, app: Application, max_bytes: int, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"])
        most = max([self._max_bytes, *(n for end, n in self._larger.items() if path.endswith(end))])
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        if claimed.isdigit() and int(claimed) > most:
            await self._refuse(scope, send, most)
            return
        seen, answered = 0, False

        started, whole = time.monotonic(), False

        async def counted() -> Message:
            nonlocal seen, whole
            if whole:  # from here on it is waited for the client to leave
                return await receive()
            left_s = started + PATIENCE_S + seen / SLOWEST_BYTES_S - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, left_s))
            except TimeoutError:
                raise _TooSlow from None
            seen += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if seen > most:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLarge:
            if not answered:
                await self._refuse(scope, send, most)
        except _TooSlow:
            if not answered:
                await _answer(
                    scope, send, 408, "request.too_slow", "the body came too slowly; send it again"
                )

    async def _refuse(self, scope: Scope, send: Send, most: int) -> None:
        detail = f"a request may hold {most} bytes; send smaller media"
        await _answer(scope, send, 413, "request.too_large", detail)


async def _answer(scope: Scope, send: Send, status: int, code: str, detail: str) -> None:
    request = scope.get("state", {}).get("request_id") or uuid.uuid4().hex
    body = json.dumps(document(status, code, detail, request)).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _TooLarge(BaseException):
    """Raised through the application so that no handler of it can mistake it for its own error."""


class _TooSlow(BaseException):
    """As `_TooLarge`."""
