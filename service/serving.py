"""How is the service run? Its application from the settings, and the server around it."""

import asyncio
import ipaddress
import math
import resource
import socket
from collections.abc import Sequence
from typing import Any

import cv2
import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.consent_recording import load_recording_verifier
from veridical.errors import InputError
from veridical.models.quota import cpu_quota
from veridical.service.app import create_app
from veridical.service.probes import Probes, address_of
from veridical.service.settings import ServiceSettings, words
from veridical.signals.ledger import Ledger
from veridical.store.tenants import any_api_key
from veridical.transactions.recordings import LazyJudge
from veridical.transactions.rules import stored_policies
from veridical.verification import load_policy, load_verifier
from veridical.verification.needs import Needs

__all__ = ["PatientProtocol", "app_of", "is_loopback", "server_of"]

HEAD_S = 10.0
"""Longest time from a connection, or from a further request's first byte, to a whole head."""
MOST_HEAD_BYTES = 64 * 1024
MOST_CONNECTIONS = 1_000
SPARE_DESCRIPTORS = 128
"""For databases, models, decoders and probes: clients get none of them."""
MOST_PIECES, LEAST_PIECE_BYTES = 500, 256
"""A body comes in so many pieces, and in more only where they are of this size: each costs the loop
some 40 us, and one read of a socket holds 40,000 chunks of a byte."""
LINGER_S, LINGER_BYTES = 10.0, 128 * 2**20
"""For so long, and so much, a client that was refused may go on sending before it is cut off."""
DRAIN_S = 30
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def app_of(
    settings: ServiceSettings, host: str, *, dev: bool = False, hosts: Sequence[str] = ()
) -> FastAPI:
    """The application of an installation.

    Args:
        settings: The installation.
        host: Address it will listen on.
        dev: Let everybody in without a key; on loopback only, and called by its names only: a
            page from elsewhere whose name leads here gets nothing.
        hosts: Names by which it may be called, beside those of the settings.

    Raises:
        InputError: `usage.open_server`: nobody could come in, or everybody could from elsewhere.
        StoreError: The database cannot be used.
        NotFitError: A policy in force, which is the settings' own and those that tenants stored,
            requires a check that lacks its model or operating point.
        ModelError: A profile is unknown, or an engine not installed.
    """
    if dev and not is_loopback(host):
        raise InputError(
            f"--dev lets everybody in without a key: not on {host}, only on 127.0.0.1",
            "usage.open_server",
        )
    # One transaction runs on one core; left alone, OpenCV starts a thread for each of the host.
    cv2.setNumThreads(1)
    resources = settings.resources()
    if not dev and settings.api_key is None and not any_api_key(resources.database):
        raise InputError(
            "refusing to serve without a key: make one with `veridical tenants add` and "
            "`veridical tenants issue`, set VERIDICAL_API_KEY, or try it out on this machine with "
            "`veridical serve --dev`",
            "usage.open_server",
        )
    engines = Engines.open(settings)  # one, shared by all who ask for a network
    ledger = Ledger(resources.database, resources.keys)
    memory = settings.memory(resources.database)
    stored = stored_policies(resources)
    if engines.missing:
        # What is known to be lacking is said before anybody is let in, not by the probe.
        needs = Needs(engines, points_of(engines), allow_missing=settings.allow_missing)
        needs.require(load_policy(settings.policy), *stored)
    return create_app(
        lambda: load_verifier(
            settings, ledger=ledger, memory=memory, engines=engines, policies=stored
        ),
        api_key=settings.api_key,
        proxy_secret=settings.proxy_secret,
        evidence=settings.evidence(),
        max_body_bytes=settings.max_body_bytes,
        held_body_bytes=settings.held_body_bytes,
        capacity=settings.capacity or math.ceil(cpu_quota()),
        resources=resources,
        transactions=settings.transactions(),
        policy=settings.policy,
        open_to_everyone=dev,
        capture_origins=words(settings.capture_origins),
        hosts=[*words(settings.hosts.lower()), *hosts] or (LOOPBACK if dev else ()),
        snapshots=settings.data_dir / "galleries",
        models=engines.store,
        qa_dir=settings.qa_dir,
        public_url=settings.public_url,
        recordings=LazyJudge(lambda: load_recording_verifier(settings, engines=engines)),
    )


def server_of(
    app: FastAPI,
    host: str,
    port: int,
    log_level: str,
    certificate: str | None = None,
    key: str | None = None,
    probes: str = "",
) -> uvicorn.Server:
    """The server around an application.

    Args:
        app: The application.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        log_level: Least severe message.
        certificate: PEM file for TLS.
        key: PEM file of its key.
        probes: Address and port of a listener for probes alone; none when empty.

    Raises:
        InputError: `usage.probes`: it is no address and port.
    """
    return ProbedServer(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=PatientProtocol,
            log_level=log_level,
            log_config=None,  # as `service.logs` says
            access_log=False,
            server_header=False,
            limit_concurrency=None,  # see `PatientProtocol`: a request that waits is too late
            timeout_keep_alive=5,
            timeout_graceful_shutdown=DRAIN_S,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        ),
        Probes(*address_of(probes), app) if probes else None,
    )


class ProbedServer(uvicorn.Server):
    """A server with a listener for probes beside it.

    Args:
        config: Of the server.
        probes: Its listener; None for none.
    """

    def __init__(self, config: uvicorn.Config, probes: Probes | None) -> None:
        super().__init__(config)
        self._probes = probes

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        if self._probes is not None:
            self._probes.start(asyncio.get_running_loop())
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is under way; probes answer until then."""
        await super().shutdown(sockets)
        if self._probes is not None:
            self._probes.stop()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def most_connections() -> int:
    """Connections at once: what the process may open, but for what it needs itself."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(MOST_CONNECTIONS, soft - SPARE_DESCRIPTORS))


class PieceCountingConnection(h11.Connection):
    """HTTP/1.1 as read from one client, whose bodies do not come in crumbs."""

    _pieces = _piece_bytes = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next thing that came whole.

        Raises:
            RemoteProtocolError: It is no HTTP, or a body comes in very many pieces.
        """
        event = super().next_event()
        match event:
            case h11.Request():
                self._pieces = self._piece_bytes = 0
            case h11.Data():
                self._pieces += 1
                self._piece_bytes += len(event.data)
                if self._pieces > MOST_PIECES + self._piece_bytes // LEAST_PIECE_BYTES:
                    raise h11.RemoteProtocolError("a body in crumbs")
        return event


class LastingTransport:
    """A connection that is closed when its client has sent what it was sending.

    A client that is refused while it sends would else be reset, and never read why.

    Args:
        transport: The connection.
        protocol: Serves it.
    """

    def __init__(self, transport: Any, protocol: "PatientProtocol") -> None:  # noqa: ANN401
        self._transport = transport
        self._protocol = protocol

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """All else is the connection's."""
        return getattr(self._transport, name)

    def close(self) -> None:
        """End it, once nothing more is on its way or patience ends."""
        if self._protocol.lingers():
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()


class PatientProtocol(H11Protocol):
    """HTTP whose patience ends: a head that does not come whole in time closes its connection.

    Where there are as many connections as the process can hold, the one that has sent no head for
    the longest time makes room; where all have, the new one is closed.
    """

    _timer: asyncio.TimerHandle | None = None
    _passed: int | None = None
    """Bytes let pass since the answer; None while they are read."""

    @property
    def waits_until(self) -> float:
        """When its patience ends, on the loop's clock; infinite while a request is answered."""
        return math.inf if self._timer is None else self._timer.when()

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401
        """A client connected: its head is waited for."""
        super().connection_made(LastingTransport(transport, self))  # type: ignore[arg-type]
        self.conn = PieceCountingConnection(h11.SERVER, MOST_HEAD_BYTES)
        if len(self.connections) > most_connections():
            waiting = [each for each in self.connections if isinstance(each, PatientProtocol)]
            oldest = min(waiting, key=lambda each: each.waits_until, default=self)
            if oldest.waits_until == math.inf:
                oldest = self
            oldest.transport.abort()
        if not transport.is_closing():
            self._await_head()

    def data_received(self, data: bytes) -> None:
        """Something came: when it ended a head, nothing is waited for any more."""
        if self._passed is not None:
            self._passed += len(data)
            if self._passed > LINGER_BYTES:
                self._too_late()
            return
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()
        elif (self.cycle is None or self.cycle.response_complete) and self._timer is None:
            self._await_head()

    def lingers(self) -> bool:
        """Whether the client is still sending what was answered already: it is let pass unread."""
        if self._passed is not None or self.conn.their_state is not h11.SEND_BODY:
            return False
        self._passed = 0
        self._stop_waiting()
        self._timer = self.loop.call_later(LINGER_S, self._too_late)
        return True

    def send_400_response(self, msg: str) -> None:
        """Say that it was no HTTP; where an answer has begun, another one cannot be told."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self._too_late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()
