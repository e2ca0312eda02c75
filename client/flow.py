"""How is a request carried through failures? Written once, without input or output.

A `Flow` is a generator that asks for what it cannot do itself: it yields a `Request` and is sent
its `Response`, or yields a `Pause` and is resumed later. `Client` and `AsyncClient` differ only in
how they serve those two wishes.
"""

import json
import random
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from veridical.client.content import Content
from veridical.client.errors import ConnectionFailed, error_of

__all__ = ["RESTED", "Driver", "Flow", "Pause", "Request", "Response", "Session", "exchange"]

T = TypeVar("T")

RETRIED = frozenset({429, 502, 503, 504})
"""Answers that say: not now. No other answer is asked for again."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request of HTTP.

    Attributes:
        method: GET, POST, PUT or DELETE.
        path: Below the service's address, with its query.
        headers: Beside those of the connection.
        content: What is sent; None sends no body.
        patience_s: How much longer than usual the answer may take.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Content | None = None
    patience_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of HTTP.

    Attributes:
        status: From 100.
        headers: With names in small letters.
        body: As it came.
        address: Of the service, without path or query: for errors.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    address: str = ""

    def json(self) -> Any:  # noqa: ANN401
        """The body as plain values.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Pause:
    """A request to wait."""

    seconds: float


RESTED = Response(0, {}, b"")
"""What a flow is sent when its pause is over."""

Flow = Generator[Request | Pause, Response, T]


@dataclass(frozen=True, slots=True)
class Session:
    """What every flow of one client shares.

    Attributes:
        retries: Further attempts after the first.
        longest_pause_s: A Retry-After above this is not waited for: the error says it instead.
        chance: Uniform in 0..1; spreads the attempts of many clients.
        new_key: Makes idempotency keys.
    """

    retries: int = 4
    longest_pause_s: float = LONGEST_PAUSE_S
    chance: Callable[[], float] = random.random
    new_key: Callable[[], str] = lambda: str(uuid.uuid4())


class Driver(Generic[T]):
    """A flow on its way: what it wishes next, and at its end the result.

    Attributes:
        request: What is to be served now; None at the end.
    """

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self._result: list[T] = []
        self.request: Request | Pause | None = None
        self._advance(lambda: next(flow))

    def resume(self, served: Response | ConnectionFailed) -> None:
        """Go on with what became of the request."""
        if isinstance(served, Response):
            self._advance(lambda: self._flow.send(served))
        else:
            self._advance(lambda: self._flow.throw(served))

    @property
    def result(self) -> T:
        """What the flow came to; there is one once no request is left."""
        return self._result[0]

    def _advance(self, step: Callable[[], Request | Pause]) -> None:
        try:
            self.request = step()
        except StopIteration as end:
            self.request = None
            self._result.append(end.value)


def exchange(session: Session, request: Request) -> Flow[Response]:
    """Send a request until it is answered, refused, or has failed too often.

    Only idempotent requests come here: GET, PUT, DELETE, and POST with its Idempotency-Key.

    Raises:
        ApiError: The service refused it; see `error_of`.
        ConnectionFailed: It could not be reached.
    """
    for attempt in range(session.retries + 1):
        last = attempt == session.retries
        try:
            answer = yield request
        except ConnectionFailed as broken:
            if last:
                broken.attempts = attempt + 1
                raise
            yield Pause(_backoff_s(session, attempt))
            continue
        if answer.status < 400:
            return answer
        error = error_of(answer.status, answer.headers, answer.body, answer.address)
        error.attempts = attempt + 1
        wanted_s = error.retry_after_s
        impatient = wanted_s is not None and wanted_s > session.longest_pause_s
        if answer.status not in RETRIED or last or impatient:
            raise error
        yield Pause(_backoff_s(session, attempt) + (wanted_s or 0.0))
    raise AssertionError("unreachable: the last attempt returns or raises")


def _backoff_s(session: Session, attempt: int) -> float:
    """Full jitter: anywhere up to twice as long each time."""
    return session.chance() * float(min(session.longest_pause_s, FIRST_PAUSE_S * 2**attempt))
