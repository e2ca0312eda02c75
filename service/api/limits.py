"""How much may a client send, how slowly, and how much is held at once?"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from veridical.transactions import ProblemError

__all__ = ["Application", "Body", "BodyEnded", "ByteBudget", "Message", "Receive", "Scope", "Send"]

PATIENCE_S = 15.0
"""For so long a client may keep the service waiting."""
SLOWEST_BYTES_S = 16 * 1024
"""So many bytes make up for a second of waiting."""
_RETRY_S = 2

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ByteBudget:
    """Bytes of bodies that are held at this moment: of the process, and of each tenant.

    Args:
        total_bytes: Of all tenants.
        tenant_bytes: Of one.
    """

    def __init__(self, total_bytes: int, tenant_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._tenant_bytes = tenant_bytes
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Of all tenants."""
        with self._lock:
            return sum(self._held.values())

    def take(self, tenant: str, count: int) -> None:
        """Count bytes in.

        Raises:
            ProblemError: `tenant.bytes` (429), `service.bytes` (503): there is no room for them.
        """
        with self._lock:
            own = self._held.get(tenant, 0) + count
            if own > self._tenant_bytes:
                raise ProblemError(
                    429,
                    "tenant.bytes",
                    f"the requests of this tenant under way may hold {self._tenant_bytes} bytes; "
                    "send fewer at a time",
                    _RETRY_S,
                )
            if sum(self._held.values()) + count > self._total_bytes:
                raise ProblemError(
                    503, "service.bytes", "too much is being received; try again", _RETRY_S
                )
            self._held[tenant] = own

    def give_back(self, tenant: str, count: int) -> None:
        """Count bytes out."""
        with self._lock:
            left = self._held.pop(tenant, 0) - count
            if left > 0:
                self._held[tenant] = left


class BodyEnded(BaseException):
    """A body that is not read on; passes through the application, which cannot mistake it.

    Args:
        problem: Why.
    """

    def __init__(self, problem: ProblemError) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Body:
    """The body of one request as it arrives: counted, timed, and held within a budget.

    Args:
        receive: Gives its next piece.
        most_bytes: Largest body let through, whatever the client claims.
        budget: Where its bytes are counted.
        tenant: For whom.
        held_bytes: Counted from the beginning: all that is claimed, or all that is ever held of
            a body that is passed on as it comes.
        streamed: Whether it is: nothing more is counted then.
    """

    def __init__(
        self,
        receive: Receive,
        most_bytes: int,
        budget: ByteBudget,
        tenant: str,
        held_bytes: int,
        *,
        streamed: bool = False,
    ) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._budget = budget
        self._tenant = tenant
        self._streamed = streamed
        self._seen = 0
        self._patience_s = PATIENCE_S
        budget.take(tenant, held_bytes)
        self._held = held_bytes
        self.is_whole = False

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            BodyEnded: `request.too_large`, `request.too_slow`, `tenant.bytes`, `service.bytes`.
        """
        if self.is_whole:  # from here on it is waited for the client to leave
            return await self._receive()
        began = time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), self._patience_s)
        except TimeoutError:
            raise BodyEnded(
                ProblemError(408, "request.too_slow", "the body came too slowly; send it again")
            ) from None
        came = len(message.get("body", b""))
        # Speed is not saved up: who sent much and then stops is not waited for any longer.
        waited_s = time.monotonic() - began
        self._patience_s = min(PATIENCE_S, self._patience_s - waited_s + came / SLOWEST_BYTES_S)
        self._seen += came
        self.is_whole = not message.get("more_body", False)
        if self._seen > self._most_bytes:
            raise BodyEnded(too_large(self._most_bytes))
        if not self._streamed and self._seen > self._held:
            try:
                self._budget.take(self._tenant, self._seen - self._held)
            except ProblemError as problem:
                raise BodyEnded(problem) from None
            self._held = self._seen
        return message

    async def whole(self) -> bytes:
        """All of it.

        Raises:
            BodyEnded: As `receive`; `request.broken_off`: the client left.
        """
        data = bytearray()
        while not self.is_whole:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise BodyEnded(ProblemError(400, "request.broken_off", "the client left"))
            data += message.get("body", b"")
        return bytes(data)

    def close(self) -> None:
        """Count it out."""
        self._budget.give_back(self._tenant, self._held)
        self._held = 0


def too_large(most_bytes: int) -> ProblemError:
    """That a body is larger than its route takes."""
    return ProblemError(
        413, "request.too_large", f"this request may hold {most_bytes} bytes; send less"
    )
