"""A server whose descriptors and log clients try to spend."""

import asyncio
import json
import logging
import socket
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack
from io import StringIO

import h11
import pytest

from tests.chaos.test_entry import knock, listening
from tests.patience import PATIENCE_S
from tests.service_house import House
from veridical.errors import InputError
from veridical.service import serving
from veridical.service.logs import JsonFormatter, Once
from veridical.service.probes import Probes, address_of


def test_silent_connections_make_room_for_those_that_speak(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 8)
    with listening(here.client.app) as port, ExitStack() as open_:  # type: ignore[arg-type]
        silent = [
            open_.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(30)
        ]
        answer = knock(port, "GET /livez HTTP/1.1\nHost: x\nConnection: close")
        assert b" 200 OK" in answer
        for connection in silent[:20]:
            connection.settimeout(20)
            try:
                assert connection.recv(1) == b""
            except ConnectionResetError:
                continue


CHUNKED = b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_body_in_crumbs_is_not_read_to_its_end(here: House) -> None:
    with (
        listening(here.client.app) as port,  # type: ignore[arg-type]
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.settimeout(20)
        connection.sendall(CHUNKED + b"1\r\n \r\n" * 5_000)
        assert connection.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 401")


@pytest.mark.parametrize(("size", "count"), [(1, 400), (300, 2_000), (65_536, 40)])
def test_a_body_in_pieces_is_read(size: int, count: int) -> None:
    reads = serving.PieceCountingConnection(h11.SERVER)
    reads.receive_data(CHUNKED)
    assert isinstance(reads.next_event(), h11.Request)
    seen = 0
    for _ in range(count):
        reads.receive_data(b"%x\r\n%b\r\n" % (size, b" " * size))
        event = reads.next_event()
        assert isinstance(event, h11.Data)
        seen += len(event.data)
    assert seen == size * count


def test_crumbs_are_refused_where_they_are_read() -> None:
    reads = serving.PieceCountingConnection(h11.SERVER)
    reads.receive_data(CHUNKED + b"1\r\n \r\n" * 600)
    with pytest.raises(h11.RemoteProtocolError, match="crumbs"):
        _ = [reads.next_event() for _ in range(600)]


def get(port: int, path: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_probes_have_a_listener_of_their_own(here: House) -> None:
    probes = Probes("127.0.0.1", 0, here.client.app)  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()
    turning = threading.Thread(target=loop.run_forever, daemon=True)
    turning.start()
    probes.start(loop)
    try:
        assert get(probes.port, "/livez") == (200, {"status": "alive"})
        assert get(probes.port, "/readyz")[1]["status"] == "ready"
        assert get(probes.port, "/v1/transactions")[0] == 404
        loop.call_soon_threadsafe(loop.stop)  # a loop that turns no more is not alive
        turning.join(10)
        assert get(probes.port, "/livez") == (503, {"code": "service.stalled"})
    finally:
        probes.stop()
        loop.close()


def test_the_address_of_probes_is_checked() -> None:
    assert address_of("127.0.0.1:9090") == ("127.0.0.1", 9090)
    assert address_of("[::1]:9090") == ("::1", 9090)
    for text in ("9090", "localhost", "localhost:http", "localhost:99999"):
        with pytest.raises(InputError):
            address_of(text)


def test_a_trouble_that_repeats_is_counted_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Once())
    log = logging.Logger("trouble")
    log.addHandler(handler)
    for number in range(10_000):
        log.error("socket.accept() out of system resource %s", number)
        log.info("answered")
    lines = stream.getvalue().splitlines()
    assert sum("accept" in line for line in lines) == Once.FEW
    assert sum("answered" in line for line in lines) == 10_000
    monkeypatch.setattr(Once, "WHILE_S", 0.0)
    log.error("socket.accept() out of system resource %s", "again")
    assert json.loads(stream.getvalue().splitlines()[-1])["repeated"] == 10_000 - Once.FEW


def test_who_is_refused_while_it_sends_reads_why(here: House) -> None:
    """A client that sends all before it reads, as most do, with a key that is none."""
    size = 24 * 2**20
    head = f"PUT /v1/transactions/t_{'0' * 32}/media/clip HTTP/1.1\r\nHost: x\r\n"
    with (
        listening(here.client.app) as port,  # type: ignore[arg-type]
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.settimeout(30)
        connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        connection.sendall(bytes(size))
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "auth.required"


def test_nobody_lingers_for_ever(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LINGER_S", 0.3)
    with (
        listening(here.client.app) as port,  # type: ignore[arg-type]
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.settimeout(20)
        connection.sendall(b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n1")
        while connection.recv(65_536):
            pass
        cut_off = False
        while not cut_off:
            try:
                connection.sendall(bytes(1_000))
            except OSError:
                cut_off = True
            threading.Event().wait(0.02)
