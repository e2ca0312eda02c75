"""A service outside that answers is heard; one that does not keeps nobody waiting for long."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veridical import InputError
from veridical.signals.breaker import Breaker
from veridical.signals.provider import (
    HttpProvider,
    ProviderCheck,
    ProviderError,
    Question,
    _read,
)

QUESTION = Question("t1", "bank", {"document": "E12345678", "phone": "+8613800138000", "name": "X"})
TOKEN = "secret"  # noqa: S105
GOOD = json.dumps({"score": 0.25, "code": "seen_before", "facts": {"cases": 3}}).encode()

Talk = Callable[[socket.socket], None]


def ok(body: bytes, status: str = "200 OK", head: bytes = b"") -> Talk:
    def talk(peer: socket.socket) -> None:
        length = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode()
        peer.sendall(length + head + b"\r\n" + body)

    return talk


def raw(*pieces: bytes, pause_s: float = 0.0) -> Talk:
    """Say something, piece by piece, for as long as anybody listens."""

    def talk(peer: socket.socket) -> None:
        for piece in pieces:
            peer.sendall(piece)
            if pause_s:
                threading.Event().wait(pause_s)

    return talk


class Server:
    """Answers each connection by the next talk, the last of them for ever."""

    def __init__(self, *talks: Talk) -> None:
        self._talks = list(talks)
        self.heard: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/ask?v=1"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @contextmanager
    def running(self) -> Iterator["Server"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                talk = self._talks.pop(0) if len(self._talks) > 1 else self._talks[0]
                with closing(peer), suppress(OSError):
                    self.heard.append(self._read(peer))
                    talk(peer)

    @staticmethod
    def _read(peer: socket.socket) -> bytes:
        said = b""
        while b"\r\n\r\n" not in said:
            said += peer.recv(65_536)
        head, _, body = said.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += peer.recv(65_536)
        return head + b"\r\n\r\n" + body


def asked(url: str, timeout_s: float = 5.0, breaker: Breaker | None = None) -> HttpProvider:
    return HttpProvider(
        url, ("document", "phone"), token=TOKEN, timeout_s=timeout_s, breaker=breaker
    )


def test_an_answer_becomes_a_measurement() -> None:
    with Server(ok(GOOD)).running() as server:
        found = ProviderCheck(asked(server.url))(QUESTION)
    assert (found.check, found.score, found.reason) == ("signals.provider", 0.25, "provider_hit")
    assert found.evidence == {
        "provider": "http", "source": "provider", "answer": "seen_before", "cases": 3
    }  # fmt: skip


def test_only_what_the_operator_chose_is_sent() -> None:
    with Server(ok(GOOD)).running() as server:
        asked(server.url)(QUESTION)
    head, _, body = server.heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /ask?v=1 HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret" in head
    assert json.loads(body) == {
        "transaction": "t1", "tenant": "bank", "document": "E12345678", "phone": "+8613800138000"
    }  # fmt: skip


def test_nothing_known_is_not_asked() -> None:
    with Server(ok(GOOD)).running() as server:
        found = ProviderCheck(asked(server.url))(Question("t1", "bank", {}))
    assert (found.score, found.reason, server.heard) == (None, "missing_input", [])


NOT_AGREED = {
    "status_500": ok(GOOD, "500 Internal Server Error"),
    "status_302": ok(b"", "302 Found", b"Location: http://127.0.0.1:1/\r\n"),
    "status_204": ok(b"", "204 No Content"),
    "malformed": ok(b"<html>hello</html>"),
    "too_large": ok(b'{"score": 1, "code": "' + b"x" * 100_000 + b'"}'),
    "unreachable": raw(b"nonsense\r\n\r\n"),
}


@pytest.mark.parametrize("problem", NOT_AGREED)
def test_what_is_no_answer_is_not_assessed(problem: str) -> None:
    with Server(NOT_AGREED[problem]).running() as server:
        found = ProviderCheck(asked(server.url))(QUESTION)
    assert (found.score, found.reason) == (None, "provider_unavailable")
    assert found.evidence == {"provider": "http", "source": "provider", "problem": problem}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b'{"score": "1"}', b'{"score": NaN}', b'{"score": 1.01}',
        b'{"score": -0.1}', b'{"score": true}', b'{"code": "ok"}', b'{"score": 1, "code": "<b>"}',
        b'{"score": 1, "code": null}', b'{"score": 1, "facts": []}',
        b'{"score": 1, "facts": {"name": "Erika Mustermann"}}',
        b'{"score": 1, "facts": {"provider": 1}}', b'{"score": 1, "facts": {"a": {"b": 1}}}',
        b'{"score": 1, "facts": {"a": Infinity}}', b'{"score": 1' + b"0" * 400 + b"}",
        b"[" * 60_000, b"\xff\xfe", json.dumps(
            {"score": 1, "facts": {f"f{i}": i for i in range(17)}}).encode(),
    ],
)  # fmt: skip
def test_an_answer_of_another_form_is_malformed(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        _read(body)
    assert caught.value.problem == "malformed"


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with suppress(ProviderError):
        assert 0 <= _read(body).score <= 1


SLOW = {
    "silent": raw(b"", pause_s=1.0),
    "head": raw(*[b"H"] * 60, pause_s=0.1),
    "body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n", *[b" "] * 60, pause_s=0.1),
    "until_closed": raw(b"HTTP/1.0 200 OK\r\n\r\n", GOOD, *[b" "] * 60, pause_s=0.1),
}


@pytest.mark.parametrize("manner", SLOW)
def test_a_slow_answer_is_cut_off_as_a_whole(manner: str) -> None:
    with Server(SLOW[manner]).running() as server, pytest.raises(ProviderError) as caught:
        asked(server.url, timeout_s=0.4)(QUESTION)
    assert caught.value.problem == "timeout"


def test_a_service_that_is_not_there_is_unreachable() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ProviderError) as caught:
        asked(f"http://127.0.0.1:{port}/")(QUESTION)
    assert caught.value.problem == "unreachable"


def test_the_breaker_opens_tries_once_and_closes() -> None:
    now = [0.0]
    breaker = Breaker(failures=2, pause_s=30.0, clock=lambda: now[0])
    bad, good = ok(b"", "503 Service Unavailable"), ok(GOOD)
    with Server(bad, bad, bad, good).running() as server:
        provider = asked(server.url, breaker=breaker)

        def problem() -> str:
            try:
                provider(QUESTION)
            except ProviderError as error:
                return error.problem
            return ""

        assert [problem() for _ in range(4)] == ["status_503", "status_503", *["breaker_open"] * 2]
        assert (breaker.state, len(server.heard)) == ("open", 2)
        now[0] = 30.0
        assert breaker.state == "half_open"
        assert [problem(), problem()] == ["status_503", "breaker_open"]  # one trial, and open again
        now[0] = 60.0
        assert [problem(), problem()] == ["", ""]
        assert (breaker.state, len(server.heard)) == ("closed", 5)


def test_half_open_lets_one_question_through_at_a_time() -> None:
    now = [0.0]
    breaker = Breaker(failures=1, pause_s=1.0, clock=lambda: now[0])
    with pytest.raises(ZeroDivisionError), breaker.guarding(RuntimeError):
        raise ZeroDivisionError
    now[0] = 1.0
    with (
        breaker.guarding(RuntimeError),
        pytest.raises(RuntimeError),
        breaker.guarding(RuntimeError),
    ):
        pass
    assert breaker.state == "closed"


def test_a_success_in_between_forgives_earlier_failures() -> None:
    breaker = Breaker(failures=2)
    for fails in (True, False, True):
        with suppress(ZeroDivisionError), breaker.guarding(RuntimeError):
            assert not fails or 1 / 0
    assert breaker.state == "closed"


@pytest.mark.parametrize(
    "url",
    [
        "http://blacklist.example/", "ftp://127.0.0.1/", "https://", "blacklist.example",
        "https://user:word@blacklist.example/", "https://blacklist.example/#a", "http://[::1",
        "http://127.0.0.1.example/", "http://10.0.0.7/",
    ],
)  # fmt: skip
def test_an_address_that_would_leak_is_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        HttpProvider(url, ("document",))
    assert caught.value.code == "usage.provider"


@pytest.mark.parametrize("sends", [(), ("document", "face")])
def test_what_is_sent_must_be_known(sends: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="a provider is sent some of"):
        HttpProvider("https://blacklist.example/", sends)


def test_a_neighbour_by_https_is_the_operator_s_to_name() -> None:
    assert HttpProvider("https://10.0.0.7:8443/ask", ("document",)).name == "http"


def test_a_server_that_never_comes_to_its_answer_costs_no_core() -> None:
    """`100 Continue` without end: each head is short, and all are read."""
    server, sent = socket.create_server(("127.0.0.1", 0)), []

    def serve() -> None:
        peer, _ = server.accept()
        heads = b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000
        with peer, suppress(OSError):
            while len(sent) < 4_000:
                peer.sendall(heads)
                sent.append(len(heads))

    thread = threading.Thread(target=serve)
    thread.start()
    provider = HttpProvider(
        f"http://127.0.0.1:{server.getsockname()[1]}/", ("phone",), timeout_s=60
    )
    with pytest.raises(ProviderError) as caught:
        provider(Question("t", "bank", {"phone": "1"}))
    assert caught.value.problem == "unreachable"
    thread.join()
    server.close()
    assert len(sent) < 4_000  # it was cut off, long before its time
