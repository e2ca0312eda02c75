"""Who and what is let in? Settled by the head of a request, before any of its body is read."""

import functools
import json
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.message import Message as Headers
from urllib.parse import parse_qsl

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import FastAPI

from veridical.errors import VeridicalError
from veridical.reading import TextLimits, read_json
from veridical.service.api.auth import Access, Standing
from veridical.service.api.limits import (
    Application,
    Body,
    BodyEnded,
    ByteBudget,
    Message,
    Receive,
    Scope,
    Send,
    too_large,
)
from veridical.service.api.problems import document, headers_of, places_of
from veridical.service.api.requirements import (
    JSON_BYTES,
    NO_BODY_BYTES,
    Kind,
    Requirement,
    Requirements,
)
from veridical.transactions import ProblemError

__all__ = ["METHODS", "Doors", "Entry"]

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
"""Whatever else a client calls a method is none."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_TARGET = 4_096
"""Characters of a path with its query."""
LONGEST_BOUNDARY = 70
MOST_DEPTH = 32
MOST_QUERIES = 20
STREAM_BYTES = 2 * 2**20
"""All that is held at a time of a body that is passed on as it comes."""
_INLINE_BYTES = 32 * 1024
"""A text of this size is read between two others without anybody waiting."""
_THREADS = 2
"""Keys are looked up beside the threads that verify: nobody waits behind those to be refused."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Who may knock.

    Attributes:
        hosts: Names by which the service may be called, in lower case, without ports; all when
            there is none.
        origins: Origins of other pages that may send requests.
    """

    hosts: Collection[str] = ()
    origins: Collection[str] = ()


class Entry:
    """Stands before an application: what it lets through has a route, a key, room and time.

    Args:
        app: What it stands before.
        application: Has the routes.
        access: Tells callers.
        budget: Bytes of all bodies under way.
        doors: Who may knock.
        form_bytes: Largest form.
    """

    def __init__(
        self,
        app: Application,
        application: FastAPI,
        access: Access,
        budget: ByteBudget,
        doors: Doors,
        form_bytes: int,
    ) -> None:
        self._app = app
        self._access = access
        self._budget = budget
        self._doors = doors
        self._requirements = Requirements(application, form_bytes)
        self._threads = CapacityLimiter(_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, receive, send)
        try:
            requirement, parameters = self._route(scope)
            visit.state["route"] = requirement.path
            self._check_knock(scope, visit.headers)
            _check_query(scope, requirement)
            if requirement.allow is not None:
                await self._let_in(visit, requirement, parameters)
            visit.body = self._body(visit, requirement, parameters)
            received = await _checked(visit, requirement)
            await self._app(scope, received, visit.send)
        except BodyEnded as ended:
            await visit.refuse(ended.problem)
        except VeridicalError as error:
            await visit.refuse(error)
        finally:
            visit.end()

    def _route(self, scope: Scope) -> tuple[Requirement, Mapping[str, str]]:
        path, query = str(scope["path"]), scope.get("query_string", b"")
        if len(path) + len(query) > LONGEST_TARGET:
            raise ProblemError(
                414, "request.too_long", f"an address has at most {LONGEST_TARGET} characters"
            )
        found = self._requirements.at(path)
        if not found:
            raise ProblemError(404, "request.not_found", "there is nothing at this address")
        for requirement, parameters in found:
            if scope["method"] in requirement.methods:
                return requirement, parameters
        allowed = sorted({method for one, _ in found for method in one.methods})
        raise ProblemError(405, "request.method", f"this address answers {', '.join(allowed)}")

    def _check_knock(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """Hold a browser to its page: a name that leads here is not a right to be here."""
        host = headers.get("host", "").lower()
        if self._doors.hosts and _name_of(host) not in self._doors.hosts:
            raise ProblemError(
                421, "request.host", "the service is not called by this name; see VERIDICAL_HOSTS"
            )
        origin = headers.get("origin", "").lower()
        if not self._access.everyone or scope["method"] in _SAFE or not origin:
            return  # who must show a key is not impersonated by a page that has none
        if origin not in self._doors.origins and origin.partition("://")[2] != host:
            raise ProblemError(
                403, "request.origin", "this page may send nothing; see VERIDICAL_CAPTURE_ORIGINS"
            )

    async def _let_in(
        self, visit: "_Visit", requirement: Requirement, parameters: Mapping[str, str]
    ) -> None:
        """Tell a caller by what it bears, and count it in."""
        assert requirement.allow is not None  # noqa: S101  # for type checkers
        scheme, _, credential = visit.headers.get("authorization", "").partition(" ")
        shown = credential.strip() if scheme.lower() == "bearer" else ""
        principal = self._access.nobody(shown)
        if principal is None:
            principal = await run_sync(self._access.principal, shown, limiter=self._threads)
        visit.state |= {"tenant": principal.tenant, "key": principal.name}
        principal = self._access.named(principal, visit.headers)
        requirement.allow.check(principal)
        named = parameters.get("transaction")
        if principal.transaction and named not in (None, principal.transaction):
            raise ProblemError(404, "transaction.not_found", "no such transaction")
        book = await run_sync(self._access.book, principal.tenant, limiter=self._threads)
        visit.standing = book.standing
        visit.leave = book.enter()
        visit.state["principal"] = principal

    def _body(
        self, visit: "_Visit", requirement: Requirement, parameters: Mapping[str, str]
    ) -> Body:
        """Make room for a body of which nothing was read yet."""
        claimed = visit.headers.get("content-length", "0")
        most, streamed = requirement.bound.of(parameters), requirement.kind is Kind.STREAM
        if requirement.kind is Kind.FORM:
            most = min(most, _form_bytes(visit.headers.get("content-type", ""), most))
        # The header is a client's claim: it can refuse early, never let through.
        count = int(claimed) if claimed.isdecimal() and len(claimed) < 20 else 0
        if count > most:
            raise too_large(most)
        held = min(most, STREAM_BYTES) if streamed else count
        tenant = str(visit.state.get("tenant", ""))
        return Body(visit.receive, most, self._budget, tenant, held, streamed=streamed)


class _Visit:
    """One request on its way through, and what is owed when it ends."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1")
                        for name, value in scope["headers"]}  # fmt: skip
        self.state: dict[str, object] = scope.setdefault("state", {})
        self.receive = receive
        self._send = send
        self._answered = False
        self.body: Body | None = None
        self.leave: Callable[[], None] | None = None
        self.standing: Callable[[], Standing] | None = None

    async def send(self, message: Message) -> None:
        """Pass an answer on, with what is left of the tenant's rate."""
        if message["type"] == "http.response.start":
            self._answered = True
            if self.standing is not None:
                told = self.standing().headers
                message = {**message, "headers": [*message.get("headers", ()), *told]}
        await self._send(message)

    async def refuse(self, error: VeridicalError) -> None:
        """Answer with a problem document, and read no more."""
        if self._answered:
            return
        request = str(self.state.get("request_id") or uuid.uuid4().hex)
        errors = places_of(error, str(error))
        told = document(error.http_status, error.code, str(error), request, errors)
        content = json.dumps(told).encode()
        headers = {
            **headers_of(error),
            "content-type": "application/problem+json",
            "content-length": str(len(content)),
            "connection": "close",
        }
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        start = {"type": "http.response.start", "status": error.http_status, "headers": pairs}
        await self.send(start)
        body = {"type": "http.response.body", "body": content}
        await self.send(body)

    def end(self) -> None:
        """Give back room and place."""
        if self.body is not None:
            self.body.close()
        if self.leave is not None:
            self.leave()


async def _checked(visit: _Visit, requirement: Requirement) -> Receive:
    """What the application receives: the body, where it is a text measured before anyone reads it.

    Raises:
        BodyEnded: As `Body.receive`.
        InputError: `request.malformed`: it is no text that can be read.
    """
    body = visit.body
    assert body is not None  # noqa: S101  # for type checkers
    if requirement.kind not in (Kind.JSON, Kind.TEXT):
        return body.receive
    data = await body.whole()
    if requirement.kind is Kind.JSON:  # what an author writes is quoted to the author
        visit.state["sent"] = data
    if data and _is_json(visit.headers.get("content-type", "")):
        values = requirement.bound.most_values
        limits = TextLimits(len(data), MOST_DEPTH, values=values)
        read = functools.partial(
            read_json, data, limits, where="the body", code="request.malformed"
        )
        if len(data) > _INLINE_BYTES:
            await run_sync(read)
        else:
            read()
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await body.receive()
        told = True
        return {"type": "http.request", "body": data, "more_body": False}

    return again


def _check_query(scope: Scope, requirement: Requirement) -> None:
    """Refuse what no route asks for: a filter that is misspelt is not a filter that matches all.

    Raises:
        ProblemError: `request.malformed`.
    """
    query = scope.get("query_string", b"").decode("latin-1")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_QUERIES)
    except ValueError:
        raise ProblemError(
            422,
            "request.malformed",
            f"an address asks for {MOST_QUERIES} things at most",
            pointer="/query",
        ) from None
    unknown = sum(name not in requirement.queries for name, _ in pairs)
    if unknown:
        known = ", ".join(sorted(requirement.queries)) or "none"
        raise ProblemError(
            422,
            "request.malformed",
            f"{unknown} of the query's parameters are unknown; this address knows {known}",
            pointer="/query",
        )
    if "\0" in str(scope["path"]) or any("\0" in value for _, value in pairs):
        raise ProblemError(422, "request.malformed", "an address holds the character U+0000")


def _form_bytes(content_type: str, most: int) -> int:
    """Largest form of a content type.

    Raises:
        ProblemError: `request.media_type`: it is none that is read here.

    Source: RFC 7578, section 4.6 for the charset; RFC 2046, section 5.1.1 for the boundary.
    """
    if not content_type:
        return NO_BODY_BYTES
    told = Headers()
    told["content-type"] = content_type
    charset = str(told.get_param("charset", "utf-8")).lower()
    boundary = str(told.get_param("boundary", ""))
    if charset not in ("utf-8", "utf8"):
        raise ProblemError(415, "request.media_type", "a form is written in UTF-8")
    match told.get_content_type():
        case "multipart/form-data" if 0 < len(boundary) <= LONGEST_BOUNDARY:
            return most
        case "application/x-www-form-urlencoded":
            return JSON_BYTES  # it holds no media
        case _:
            raise ProblemError(415, "request.media_type", "send a form: multipart/form-data")


def _is_json(content_type: str) -> bool:
    told = Headers()
    told["content-type"] = content_type
    subtype = told.get_content_subtype()
    return told.get_content_maintype() == "application" and (
        subtype == "json" or subtype.endswith("+json")
    )


def _name_of(host: str) -> str:
    """A Host header without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
