"""Webhooks: signed as the scheme says, repeated until they arrive, and sent to no neighbour."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.service_house import House, house
from veridical.errors import InputError
from veridical.store.endpoints import set_webhook
from veridical.store.outbox import count_letters
from veridical.transactions import WebhookDispatcher, webhooks
from veridical.transactions.dispatcher import PAUSES_S
from veridical.transactions.webhooks import Poster, check_address, secret_text, sign

SECRET = bytes(range(32))
Sent = list[tuple[str, dict[str, str], bytes]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("service")
    with house(folder / "v.db", folder) as made:
        # Nothing is sent but by the tests' own dispatcher.
        app: Any = made.client.app
        app.state.retention.stop(10)
        yield made


@pytest.fixture
def here(service: House) -> House:
    made = service.of_new_tenant()
    with made.resources.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM outbox")
    return made


def dispatcher(here: House, status: int | Callable[[], int], sent: Sent) -> WebhookDispatcher:
    def send(url: str, headers: dict[str, str], body: bytes) -> int:
        sent.append((url, headers, body))
        return status if isinstance(status, int) else status()

    return WebhookDispatcher(here.resources, send, lambda: 0.0)


def outbox(here: House) -> list[tuple[int, int | None]]:
    with here.resources.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT tries, next_at FROM outbox")
        return [(row[0], row[1]) for row in rows]


def test_a_signature_is_that_of_the_scheme() -> None:
    # The example of the specification's reference implementations.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105
    body = b'{"test": 2432232314}'
    assert (
        sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
    whole = b"msg_1.5." + body
    mac = base64.b64encode(hmac.new(SECRET, whole, hashlib.sha256).digest()).decode()
    assert sign(secret_text(SECRET), "msg_1", 5, body) == f"v1,{mac}"


def test_the_end_of_a_transaction_is_told_without_anything_personal(here: House) -> None:
    secret = set_webhook(
        here.resources.database, here.resources.keys, here.tenant, "https://a.example/h"
    )
    key = here.key()
    made = here.finished(
        key, subject_ref="canary", callback="https://b.example/h?x=1", device_ref="canary"
    )
    sent: Sent = []
    carrier = dispatcher(here, 204, sent)
    while len(sent) < 2 and carrier.deliver_next():
        pass
    assert [url for url, _, _ in sent] == ["https://a.example/h", "https://b.example/h?x=1"]
    for _, headers, body in sent:
        assert headers["webhook-signature"] == sign(
            secret_text(secret), headers["webhook-id"], int(headers["webhook-timestamp"]), body
        )
        told = json.loads(body)
        assert told["type"] == "transaction.completed"
        assert told["data"] == {
            "id": made["id"],
            "kind": "onboarding",
            "state": "completed",
            "outcome": "accept",
            "final_outcome": "accept",
            "sandbox": False,
        }
        assert b"canary" not in body
    assert outbox(here) == [(1, None), (1, None)]
    with here.resources.database.reading() as connection:
        assert count_letters(connection, here.tenant) == (0, 0)  # all of them arrived


def test_what_does_not_arrive_is_sent_again_later_and_at_last_given_up(here: House) -> None:
    set_webhook(here.resources.database, here.resources.keys, here.tenant, "https://a.example/h")
    here.finished(here.key())
    sent: Sent = []
    carrier = dispatcher(here, 500, sent)
    waited = []
    for _ in range(len(PAUSES_S) + 1):
        assert carrier.deliver_next()
        assert not carrier.deliver_next()
        ((_, next_at),) = outbox(here)
        if next_at is not None:
            waited.append(round((next_at - here.clock()) / 1000))
            here.clock.ahead_ms += next_at - here.clock()
    assert waited == list(PAUSES_S)
    assert outbox(here) == [(len(PAUSES_S) + 1, None)]
    assert len({headers["webhook-id"] for _, headers, _ in sent}) == 1
    assert not carrier.deliver_next()


def test_a_host_that_is_down_is_no_error_of_ours(here: House) -> None:
    set_webhook(here.resources.database, here.resources.keys, here.tenant, "https://a.example/h")
    here.finished(here.key())

    def down() -> int:
        raise ConnectionRefusedError

    assert dispatcher(here, down, []).deliver_next()
    assert outbox(here)[0][0] == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://example.org:8443/",
        "https://user:pw@example.org/",
        "https://example.org/#x",
        "ftp://example.org/",
        "https:///x",
        "https://localhost/",
        "https://database/",
        "https://db.internal/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://[bad",
    ],
)
def test_no_address_of_ours_is_called(url: str) -> None:
    with pytest.raises(InputError) as caught:
        check_address(url, frozenset())
    assert caught.value.code == "callback.refused"


def test_a_name_that_leads_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))
            for address in ("93.184.216.34", "10.0.0.7")
        ]

    def connect(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be connected to")

    monkeypatch.setattr(webhooks.socket, "getaddrinfo", resolved)
    monkeypatch.setattr(webhooks.socket, "create_connection", connect)
    with pytest.raises(InputError) as caught:
        Poster()("https://rebound.example/", {}, b"")
    assert caught.value.code == "callback.refused"


def test_a_host_the_operator_names_is_called_and_no_redirect_followed() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    seen = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            seen.append(head)
            connection.sendall(
                b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"
            )

    thread = threading.Thread(target=serve)
    thread.start()
    status = Poster(frozenset({f"127.0.0.1:{port}"}))(
        f"http://127.0.0.1:{port}/hook?a=b", {"webhook-id": "m"}, b"{}"
    )
    thread.join()
    listener.close()
    assert status == 302
    assert seen[0].startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert b"webhook-id: m" in seen[0]
