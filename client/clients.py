"""Two clients over one core: `Client` blocks, `AsyncClient` is awaited.

Every operation is written once, as a flow (`calls`). `Operation` hands it to whichever client it is
asked of, with the types that fit: `client.get(id)` is a `Transaction`,
`await async_client.get(id)` is one too.
"""

import asyncio
import functools
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

import httpx2

from veridical.client import administration, calls, checks, stores
from veridical.client.asking import Page
from veridical.client.content import Content
from veridical.client.errors import ConnectionFailed
from veridical.client.flow import RESTED, Driver, Flow, Pause, Request, Response, Session
from veridical.release import __version__

__all__ = ["AsyncClient", "Client", "Operation"]

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_S, READ_S = 5.0, 30.0
PATIENT = Session()
"""Four further attempts, pauses of up to 20 s."""


class Operation(Generic[P, T]):
    """One operation of the API, as a method of both clients.

    Args:
        flow: What it does, without input and output.
    """

    def __init__(self, flow: Callable[Concatenate[Session, P], Flow[T]]) -> None:
        self._flow = flow
        functools.update_wrapper(self, flow)  # type: ignore[arg-type]  # for `help()`

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, client: "AsyncClient", owner: type
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(
        self, client: "Client | AsyncClient | None", owner: type
    ) -> "Self | Callable[P, object]":
        if client is None:
            return self
        served = client

        def call(*args: P.args, **kwargs: P.kwargs) -> object:
            return served.run(self._flow(served.session, *args, **kwargs))

        return functools.update_wrapper(call, self._flow)


class Listing(Generic[P, T]):
    """Every item of a list, page by page, as a method of both clients.

    Args:
        flow: Asks for one page; it takes a `cursor`.
    """

    def __init__(self, flow: Callable[Concatenate[Session, P], Flow[Page[T]]]) -> None:
        self._flow = flow
        functools.update_wrapper(self, flow)  # type: ignore[arg-type]  # for `help()`

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: type) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(
        self, client: "Client | AsyncClient | None", owner: type
    ) -> "Self | Callable[P, object]":
        if client is None:
            return self
        each = self._each if isinstance(client, Client) else self._each_async

        def call(*args: P.args, **kwargs: P.kwargs) -> object:
            return each(client, args, kwargs)  # type: ignore[arg-type]  # as `each` was chosen

        return functools.update_wrapper(call, self._flow)

    def _page(
        self,
        client: "Client | AsyncClient",
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        cursor: str,
    ) -> Flow[Page[T]]:
        more = {**kwargs, "cursor": cursor} if cursor else kwargs
        return self._flow(client.session, *args, **more)

    def _each(
        self, client: "Client", args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Iterator[T]:
        cursor, last = "", False
        while not last:
            page = client.run(self._page(client, args, kwargs, cursor))
            yield from page.items
            cursor, last = page.cursor, not page.cursor

    async def _each_async(
        self, client: "AsyncClient", args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> AsyncIterator[T]:
        cursor, last = "", False
        while not last:
            page = await client.run(self._page(client, args, kwargs, cursor))
            for item in page.items:
                yield item
            cursor, last = page.cursor, not page.cursor


class _Operations:
    """The operations of the API, for both clients."""

    each_message = Listing(administration.webhook_messages)
    each_record = Listing(stores.evidence_chain)
    each_review = Listing(calls.reviews)
    each_transaction = Listing(calls.list_transactions)

    add_tenant = Operation(administration.add_tenant)
    add_to_list = Operation(stores.add_to_list)
    agree = Operation(calls.agree)
    add_webhook = Operation(administration.add_webhook)
    cancel = Operation(calls.cancel)
    claim = Operation(calls.claim)
    compare_faces = Operation(checks.compare_faces)
    compare_voices = Operation(checks.compare_voices)
    create = Operation(calls.create)
    draw_challenge = Operation(calls.draw_challenge)
    drift = Operation(stores.drift)
    enrol = Operation(stores.enrol)
    erase = Operation(calls.erase)
    erase_subject = Operation(stores.erase_subject)
    evaluate_policy = Operation(stores.evaluate_policy)
    evidence = Operation(calls.evidence)
    evidence_chain = Operation(stores.evidence_chain)
    evidence_head = Operation(stores.evidence_head)
    evidence_keys = Operation(stores.evidence_keys)
    explain = Operation(calls.explain)
    fetch_medium = Operation(calls.fetch_medium)
    face_quality = Operation(checks.face_quality)
    galleries_of = Operation(stores.galleries_of)
    gallery = Operation(stores.gallery)
    get = Operation(calls.get)
    guide_document = Operation(checks.guide_document)
    guide_face = Operation(checks.guide_face)
    link = Operation(calls.link)
    issue_key = Operation(administration.issue_key)
    keys = Operation(administration.keys)
    lip_liveness = Operation(checks.lip_liveness)
    list_sizes = Operation(stores.list_sizes)
    list_transactions = Operation(calls.list_transactions)
    models = Operation(stores.models)
    new_webhook_secret = Operation(administration.new_webhook_secret)
    policies = Operation(stores.policies)
    policy = Operation(stores.policy)
    read_document = Operation(checks.read_document)
    ready = Operation(stores.ready)
    recording_page = Operation(calls.recording_page)
    redeliver = Operation(administration.redeliver)
    remove = Operation(stores.remove)
    remove_from_list = Operation(stores.remove_from_list)
    remove_webhook = Operation(administration.remove_webhook)
    review = Operation(calls.review)
    reviews = Operation(calls.reviews)
    revoke_key = Operation(administration.revoke_key)
    search = Operation(stores.search)
    set_limits = Operation(administration.set_limits)
    silent_liveness = Operation(checks.silent_liveness)
    spoken_digits = Operation(checks.spoken_digits)
    store_policy = Operation(stores.store_policy)
    submit = Operation(calls.submit)
    take_back = Operation(calls.take_back)
    take_over = Operation(calls.take_over)
    tenants = Operation(administration.tenants)
    upload = Operation(calls.upload)
    upload_slice = Operation(calls.upload_slice)
    verify = Operation(calls.verify)
    verify_once = Operation(checks.verify_once)
    wait = Operation(calls.wait)
    webhook_messages = Operation(administration.webhook_messages)
    webhooks = Operation(administration.webhooks)


class Client(_Operations):
    """Talks to a service of veridical, and waits for each answer. Safe in many threads.

    Failures that may pass (429, 502 to 504, broken connections) are tried again with growing
    pauses, under the same idempotency key.

    Args:
        url: Address of the service, such as `https://verify.bank.example`.
        key: API key; empty for a service in development mode on this machine.
        session: How patient the client is.
        read_s: Longest wait for an answer, beside the time that an operation asks for.
        tls: Which certificates are believed; the system's when None.
        transport: Takes the place of the network in tests.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        session: Session = PATIENT,
        read_s: float = READ_S,
        tls: ssl.SSLContext | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.session = session
        self.address = _address(url)
        self._read_s = read_s
        self._http = httpx2.Client(
            base_url=url, headers=_headers(key), verify=tls or True, transport=transport
        )

    def run(self, flow: Flow[T]) -> T:
        """Carry a flow to its end."""
        driver = Driver(flow)
        while driver.request is not None:
            driver.resume(self._serve(driver.request))
        return driver.result

    def _serve(self, request: Request | Pause) -> Response | ConnectionFailed:
        if isinstance(request, Pause):
            time.sleep(request.seconds)
            return RESTED
        try:
            return _answer(
                self._http.request(
                    request.method,
                    request.path,
                    headers=_sized(request),
                    content=request.content.chunks() if request.content else None,
                    timeout=_timeout(self._read_s, request),
                ),
                self.address,
            )
        except httpx2.TransportError as error:
            return _failed(error, self.address)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use the client as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()


class AsyncClient(_Operations):
    """Talks to a service of veridical without blocking its event loop.

    The same operations as `Client`, each to be awaited.

    Args:
        url: As for `Client`, like the arguments that follow.
        key: API key.
        session: How patient the client is.
        read_s: Longest wait for an answer.
        tls: Which certificates are believed; the system's when None.
        transport: Takes the place of the network in tests.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        session: Session = PATIENT,
        read_s: float = READ_S,
        tls: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.session = session
        self.address = _address(url)
        self._read_s = read_s
        self._http = httpx2.AsyncClient(
            base_url=url, headers=_headers(key), verify=tls or True, transport=transport
        )

    async def run(self, flow: Flow[T]) -> T:
        """Carry a flow to its end."""
        driver = Driver(flow)
        while driver.request is not None:
            driver.resume(await self._serve(driver.request))
        return driver.result

    async def _serve(self, request: Request | Pause) -> Response | ConnectionFailed:
        if isinstance(request, Pause):
            await asyncio.sleep(request.seconds)
            return RESTED
        try:
            return _answer(
                await self._http.request(
                    request.method,
                    request.path,
                    headers=_sized(request),
                    content=_read_aside(request.content) if request.content else None,
                    timeout=_timeout(self._read_s, request),
                ),
                self.address,
            )
        except httpx2.TransportError as error:
            return _failed(error, self.address)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Use the client as a context."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()


def _headers(key: str) -> dict[str, str]:
    headers = {"User-Agent": f"veridical/{__version__}", "Accept": "application/json"}
    return {**headers, "Authorization": f"Bearer {key}"} if key else headers


def _sized(request: Request) -> dict[str, str]:
    """Headers with the body's length: sent in chunks, a body would have none."""
    size = {"Content-Length": str(request.content.size)} if request.content else {}
    return {**request.headers, **size}


def _timeout(read_s: float, request: Request) -> httpx2.Timeout:
    return httpx2.Timeout(read_s + request.patience_s, connect=CONNECT_S)


def _answer(response: httpx2.Response, address: str) -> Response:
    # httpx2 gives header names in small letters.
    return Response(response.status_code, dict(response.headers), response.content, address)


def _failed(error: httpx2.TransportError, address: str) -> ConnectionFailed:
    failed = ConnectionFailed(f"{address} could not be reached: {type(error).__name__}")
    failed.address = address
    return failed


def _address(url: str) -> str:
    """An address as errors may name it: without credentials, query and fragment."""
    found = httpx2.URL(url)
    return str(found.copy_with(username=None, password=None, query=None, fragment=None))


async def _read_aside(content: Content) -> AsyncIterator[bytes]:
    """Pieces of a body, read in a thread: a slow disk must not hold the event loop."""
    pieces = content.chunks()
    while chunk := await asyncio.to_thread(next, pieces, b""):
        yield chunk
