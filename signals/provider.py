"""What does a service outside say: a customer's own blacklist, an authority for identities?

A port and one adapter. The address is the operator's, never a client's: no request can make this
server call anybody. It may be private, for such services are neighbours; beyond this machine it
must be https. Redirects are not followed, and neither proxies nor credentials are taken from the
environment.
"""

import contextlib
import http.client
import json
import math
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard
from urllib.parse import urlsplit

from veridical.errors import InputError, VeridicalError
from veridical.heads import BoundedResponse
from veridical.reading import read_json
from veridical.result import EvidenceValue, Measurement
from veridical.signals.breaker import Breaker

__all__ = [
    "ASKED",
    "Answer",
    "HttpProvider",
    "Provider",
    "ProviderCheck",
    "ProviderError",
    "ProviderResponse",
    "Question",
]

ASKED = ("document", "name", "subject", "device", "phone", "network", "country", "region")
"""What a question may hold."""

LONGEST_ANSWER_BYTES = 64 * 1024
MOST_FACTS = 16
_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_OWN_KEYS = frozenset({"provider", "answer", "problem", "source"})


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one applicant.

    Attributes:
        transaction: Its id.
        tenant: Whose transaction.
        values: What is known, by names of `ASKED`. Personal: only what the operator chose to send
            leaves this machine.
    """

    transaction: str
    tenant: str
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """What a service said.

    Attributes:
        score: 0..1; higher speaks for the applicant.
        code: Why, as a short code of the service's own.
        facts: Small numbers and codes for the reviewer and for conditions of a policy.
    """

    score: float
    code: str = ""
    facts: Mapping[str, EvidenceValue] = field(default_factory=dict)


Answer = ProviderResponse
"""Its name until release 0.2."""


class ProviderError(VeridicalError):
    """A service outside did not answer as agreed.

    Args:
        problem: Why, as a code: `timeout`, `unreachable`, `status_500`, `too_large`, `malformed`,
            `breaker_open`.
    """

    default_code = "provider.unavailable"
    http_status = 503

    def __init__(self, problem: str) -> None:
        super().__init__(f"the service outside did not answer as agreed ({problem})")
        self.problem = problem


class Provider(Protocol):
    """A service outside that knows something of an applicant."""

    @property
    def name(self) -> str:
        """What verdicts call it."""
        ...

    def __call__(self, question: Question) -> ProviderResponse:
        """Ask.

        Raises:
            ProviderError: There is no answer.
        """
        ...


class ProviderCheck:
    """Asks one provider about an applicant.

    Args:
        provider: The service.
    """

    name = "signals.provider"

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def __call__(self, question: Question) -> Measurement:
        """Ask.

        Returns:
            `signals.provider`: the service's score, with reason `provider_hit` for what a low one
            means; not assessed with `missing_input` when nothing is known that could be asked, or
            with `provider_unavailable`.
        """
        evidence: dict[str, EvidenceValue] = {"provider": self._provider.name, "source": "provider"}
        if not question.values:
            return Measurement(self.name, None, "missing_input", evidence)
        try:
            answer = self._provider(question)
        except ProviderError as error:
            evidence["problem"] = error.problem
            return Measurement(self.name, None, "provider_unavailable", evidence)
        evidence |= {"answer": answer.code, **answer.facts}
        return Measurement(self.name, answer.score, "provider_hit", evidence)


class HttpProvider:
    """A service that is asked by HTTP, one POST a question.

    The question is JSON `{"transaction", "tenant", ...}` with what `sends` names; the answer a JSON
    object `{"score": 0..1, "code": "...", "facts": {...}}` with status 200. Whatever else comes,
    or comes late, is no answer. Safe in many threads.

    Args:
        url: Where; https, or http on this machine.
        sends: What leaves this machine, of `ASKED`.
        token: Sent as `Authorization: Bearer`; nothing is sent when empty.
        timeout_s: Longest time from the connection to the last byte of the answer.
        breaker: Stops asking a service that does not answer; one of its own when None.
        name: What verdicts call the service.

    Raises:
        InputError: `usage.provider`: the address is none that is called, or `sends` names what
            nobody knows.
    """

    def __init__(
        self,
        url: str,
        sends: tuple[str, ...],
        *,
        token: str = "",
        timeout_s: float = 2.0,
        breaker: Breaker | None = None,
        name: str = "http",
    ) -> None:
        if unknown := sorted(set(sends) - set(ASKED)) or not sends:
            raise InputError(
                f"a provider is sent some of {', '.join(ASKED)}; got {unknown or 'nothing'}",
                "usage.provider",
            )
        self._place = _place(url)
        self._sends = sends
        self._token = token
        self._timeout_s = timeout_s
        self._breaker = breaker or Breaker()
        self.name = name

    def __call__(self, question: Question) -> ProviderResponse:
        """Ask, within the time allowed.

        Raises:
            ProviderError: See the class of the error.
        """
        known = {name: question.values[name] for name in self._sends if name in question.values}
        body = {"transaction": question.transaction, "tenant": question.tenant, **known}
        with self._breaker.guarding(lambda: ProviderError("breaker_open")):
            return _read(self._post(json.dumps(body).encode()))

    def _post(self, body: bytes) -> bytes:
        place = self._place
        connect = http.client.HTTPSConnection if place.encrypted else http.client.HTTPConnection
        connection = connect(place.host, place.port, timeout=self._timeout_s)
        connection.response_class = BoundedResponse
        # The library's own limit holds for each read: a service that sends a byte a second would
        # never meet it. What ends the connection from outside holds for all of them together.
        clock = _Deadline(connection, self._timeout_s)
        try:
            with clock:
                connection.connect()
                clock.watch()
                connection.request("POST", place.path, body, self._headers())
                with contextlib.closing(connection.getresponse()) as answer:
                    if answer.status != http.client.OK:
                        raise ProviderError(f"status_{answer.status}")
                    content = answer.read(LONGEST_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            late = clock.is_over or isinstance(error, TimeoutError)
            raise ProviderError("timeout" if late else "unreachable") from error
        finally:
            connection.close()
        if clock.is_over:  # cut off, so that what was read may be the beginning of an answer only
            raise ProviderError("timeout")
        if len(content) > LONGEST_ANSWER_BYTES:
            raise ProviderError("too_large")
        return content

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "veridical-signals"}
        return headers | ({"Authorization": f"Bearer {self._token}"} if self._token else {})


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int
    path: str
    encrypted: bool


def _place(url: str) -> _Place:
    """Where a URL leads.

    Raises:
        InputError: `usage.provider`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused("it is no URL") from None
    local = host in ("localhost", "127.0.0.1", "::1")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise _refused("it must be https, or http on this machine")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _refused("it must have neither credentials nor a fragment: there is a token for that")
    encrypted = parts.scheme == "https"
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return _Place(host, port or (443 if encrypted else 80), path, encrypted)


def _refused(why: str) -> InputError:
    return InputError(f"this provider's address is not called: {why}", "usage.provider")


class _Deadline:
    """Ends a connection that takes too long as a whole."""

    def __init__(self, connection: http.client.HTTPConnection, patience_s: float) -> None:
        self._connection = connection
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(patience_s, self._end)
        self._timer.daemon = True
        self.is_over = False

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self) -> None:
        """Hold on to the socket: a connection lets go of it before the answer is read."""
        self._socket = self._connection.sock

    def _end(self) -> None:
        self.is_over = True
        found = self._socket or self._connection.sock
        if found is not None:
            with contextlib.suppress(OSError):  # it ended by itself
                found.shutdown(socket.SHUT_RDWR)


def _read(content: bytes) -> ProviderResponse:
    """An answer, as far as it is one.

    Raises:
        ProviderError: `malformed`.
    """
    try:
        said = read_json(content)
    except InputError:
        raise ProviderError("malformed") from None
    if not isinstance(said, dict):
        raise ProviderError("malformed")
    score, code, facts = said.get("score"), said.get("code", ""), said.get("facts", {})
    if not _is_number(score) or not 0 <= score <= 1 or not isinstance(facts, dict):
        raise ProviderError("malformed")
    if not (code == "" or _is_code(code)) or len(facts) > MOST_FACTS:
        raise ProviderError("malformed")
    if not all(_is_code(name) and name not in _OWN_KEYS for name in facts):
        raise ProviderError("malformed")
    if not all(isinstance(v, bool) or _is_number(v) or _is_code(v) for v in facts.values()):
        raise ProviderError("malformed")
    return ProviderResponse(float(score), code, facts)


def _is_number(value: object) -> TypeGuard[float]:
    """A finite number; what JSON calls NaN and Infinity is none, and a truth value neither."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON has whole numbers that no float holds
        return False


def _is_code(value: object) -> TypeGuard[str]:
    """Short and of few characters: nobody's name, and nothing that a page would run."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None
