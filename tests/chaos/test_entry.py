"""What a client may make the service do before it is known, and how much it may make it hold."""

import json
import os
import select
import socket
import string
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.patience import PATIENCE_S
from tests.service_house import House, Rules, bearer, picture
from veridical.service.api import limits
from veridical.service.api.auth import DEFAULT_TENANT
from veridical.service.api.limits import ByteBudget
from veridical.service.api.requirements import Kind, Requirements, open_to_all
from veridical.service.app import create_app
from veridical.service.serving import server_of
from veridical.store import Database
from veridical.store.tenants import change_limits
from veridical.transactions import ProblemError

MIB = 2**20
BOUNDARY = "multipart/form-data; boundary=b"


class Counted:
    """A body that is made as it is read: how much of it was asked for?"""

    def __init__(self, piece: bytes, pieces: int) -> None:
        self._piece, self._pieces = piece, pieces
        self.read_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._pieces):
            self.read_bytes += len(self._piece)
            yield self._piece


@contextmanager
def listening(app: FastAPI) -> Iterator[int]:
    """An application on a real port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = server_of(app, "127.0.0.1", port, "error")
    server.config.lifespan = "off"  # the test's own client started it
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(20)


def knock(port: int, head: str, body: bytes = b"") -> bytes:
    """Send a head and a part of its body; what comes before the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def every(here: House) -> Requirements:
    return Requirements(here.client.app, 64 * MIB)  # type: ignore[arg-type]


def concrete(path: str) -> str:
    values = {"transaction": "t_" + "0" * 32, "kind": "selfie", "effect": "deny"}
    for name in ("transaction", "kind", "effect", "gallery", "subject", "policy"):
        path = path.replace("{" + name + "}", values.get(name, "x"))
    return path.replace("deny/selfie", "deny/phone")


def test_no_body_is_read_before_the_key_is_looked_at(here: House) -> None:
    """Claimed and never sent: who is refused by the head is answered without it."""
    with listening(here.client.app) as port:  # type: ignore[arg-type]
        for route in every(here):
            if route.allow is None:
                continue
            for method in route.methods:
                answer = knock(
                    port,
                    f"{method} {concrete(route.path)} HTTP/1.1\nHost: x\nContent-Length: 1000\n"
                    "Content-Type: application/json",
                )
                assert answer.startswith(b"HTTP/1.1 401"), (route.path, answer[:200])


def test_strangers_are_not_looked_up(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would stand before those with keys: two threads look keys up."""
    app: Any = here.client.app
    looked: list[str] = []
    real = app.state.service.access.principal

    def principal(credential: str) -> Any:  # noqa: ANN401
        looked.append(credential)
        return real(credential)

    monkeypatch.setattr(app.state.service.access, "principal", principal)
    assert here.client.get("/v1/transactions").json()["code"] == "auth.required"
    assert looked == []
    assert here.client.get("/v1/transactions", headers=here.key()).status_code == 200
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (BOUNDARY + "; charset=punycode", b'--b\r\nContent-Disposition: form-data; name="digits"'
         b"\r\n\r\n-" + b"a" * 100_000 + b"\r\n--b--\r\n"),
        (BOUNDARY, b"--b\r\nX-H: " + b"a" * 30 * MIB),
        ("application/json", b'{"checks":[' + b"{}," * 10 * MIB + b"{}]}"),
        ("application/json", b"[" * 30 * MIB),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 5 * MIB)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/verify", "/v1/transactions"])
def test_a_stranger_costs_next_to_nothing(
    here: House, content_type: str, body: bytes, path: str
) -> None:
    began = time.process_time()
    answer = here.client.post(path, content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 401
    # The client of the test is in the same process: its share is the larger one.
    assert time.process_time() - began < 2


def test_twenty_strangers_who_hold_their_last_byte_hold_nothing(here: House) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="selfie"; filename="a"\r\n\r\n'
    before = set(os.listdir(tempfile.gettempdir()))
    with listening(here.client.app) as port, ExitStack() as open_:  # type: ignore[arg-type]
        head = (
            "POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n"
            f"Content-Type: {BOUNDARY}\r\n\r\n"
        )
        for _ in range(20):
            connection = open_.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(head.encode() + part + bytes(200_000))
            connection.settimeout(20)
            assert connection.recv(100).startswith(b"HTTP/1.1 401")
    assert not {name for name in os.listdir(tempfile.gettempdir()) if name not in before} - {
        name for name in os.listdir(tempfile.gettempdir()) if name.startswith(("pytest", "ruff"))
    }


def test_a_large_part_is_never_written_to_a_disk_in_plain(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rolled(*_: object) -> None:
        raise AssertionError("a part of a form was written to a file")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", rolled)
    files = {"selfie": picture() + bytes(5 * MIB), "document_front": picture() + bytes(3 * MIB)}
    answer = here.client.post("/v1/verify", files=files, headers=here.key("verify"))
    assert answer.status_code == 200, answer.text


def test_every_route_says_whom_it_lets_in_and_how_much_it_takes(here: House) -> None:
    routes = list(every(here))
    assert len(routes) > 40
    for route in routes:
        largest = (
            route.bound.most_bytes
            if isinstance(route.bound.most_bytes, int)
            else max(route.bound.most_bytes.values())
        )
        most = {Kind.NONE: 1024, Kind.JSON: 8 * MIB, Kind.TEXT: 128 * 1024, Kind.FORM: 64 * MIB}
        assert largest <= most.get(route.kind, 5_000 * MIB), route.path


def test_a_route_that_says_nothing_keeps_the_service_from_starting() -> None:
    app = create_app(Rules().build())

    @app.get("/v1/forgotten")
    def forgotten() -> None: ...

    with pytest.raises(RuntimeError, match="/v1/forgotten"), TestClient(app):
        pass
    app = create_app(Rules().build())

    @app.post("/v1/endless", openapi_extra={"requestBody": {}})
    @open_to_all
    def endless() -> None: ...

    with pytest.raises(RuntimeError, match="/v1/endless"), TestClient(app):
        pass


def test_bodies_are_bounded_by_their_route(here: House) -> None:
    key = here.key()
    for route in every(here):
        for method in route.methods:
            path = concrete(route.path)
            most = route.bound.of({"kind": "selfie"})
            body = Counted(bytes(64 * 1024), most // 65536 + 3)
            kind = BOUNDARY if route.kind is Kind.FORM else "application/octet-stream"
            if most > 30 * MIB or route.kind is Kind.NONE:
                continue
            told = here.client.request(
                method, path, content=b"1", headers={**key, "Content-Length": str(most + 1)}
            )
            assert told.status_code == 413, path
            headers = {**key, "Content-Type": kind}
            if route.kind in (Kind.JSON, Kind.TEXT):
                counted = here.client.request(method, path, content=iter(body), headers=headers)
                assert counted.status_code == 413, (path, counted.text)


def test_forms_are_utf8_and_of_few_small_parts(here: House) -> None:
    key = here.key("verify")

    def code(content: bytes, kind: str = BOUNDARY) -> tuple[int, str]:
        answer = here.client.post(
            "/v1/verify", content=content, headers={**key, "Content-Type": kind}
        )
        return answer.status_code, answer.json()["code"]

    field = b'--b\r\nContent-Disposition: form-data; name="x%d"\r\n\r\n1\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="x%d"; filename="f"\r\n\r\n1\r\n'
    end = b"--b--\r\n"
    for charset in ("punycode", "utf-16", "idna", "utf-7", "rot13"):
        assert code(field % 1 + end, f"{BOUNDARY}; charset={charset}")[0] == 415
        assert code(field % 1 + end, f'{BOUNDARY}; CharSet="{charset}"')[0] == 415
    assert code(b"", "multipart/form-data")[0] == 415
    assert code(b"", "multipart/form-data; boundary=" + "b" * 71)[0] == 415
    assert code(b"", "text/xml")[0] == 415
    many = b"".join(field % i for i in range(17)) + end
    assert code(many)[0] == 400
    assert code(b"".join(file % i for i in range(9)) + end)[0] == 400
    assert code(b"--b\r\n" + b"X-H: " + b"a" * 10_000 + b"\r\n\r\n\r\n" + end)[0] == 400
    assert code(b"--b\r\n" + b"X-H: a\r\n" * 100 + b"\r\n\r\n" + end)[0] == 400
    long = field.replace(b"1\r\n", b"1" * 200_000 + b"\r\n") % 1 + end
    assert code(long)[0] == 400
    urlencoded = "application/x-www-form-urlencoded"
    assert code(b"digits=" + b"1" * 100_000, urlencoded)[0] == 413


def test_a_tenant_fills_no_more_than_its_share(here: House) -> None:
    budget = ByteBudget(10, 6)
    budget.take("a", 6)
    with pytest.raises(ProblemError) as caught:
        budget.take("a", 1)
    assert (caught.value.http_status, caught.value.code) == (429, "tenant.bytes")
    budget.take("b", 4)
    with pytest.raises(ProblemError) as caught:
        budget.take("c", 1)
    assert (caught.value.http_status, caught.value.code) == (503, "service.bytes")
    assert caught.value.retry_after_s
    budget.give_back("a", 6)
    budget.take("c", 6)
    assert budget.held_bytes == 10


def test_what_is_held_is_counted_and_given_back(here: House) -> None:
    app = create_app(Rules().build(), max_body_bytes=40_000, held_body_bytes=100_000)
    with TestClient(app) as client, listening(app) as port, ExitStack() as open_:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.01)
        head = (
            "POST /v1/faces/quality HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n"
            f"Content-Type: {BOUNDARY}\r\n\r\n"
        )
        held = socket.create_connection(("127.0.0.1", port))
        held.sendall(head.encode() + b"--b")
        answer: Any = None
        for _ in range(1_000):
            answer = client.post("/v1/faces/quality", files={"image": bytes(25_000)})
            if answer.status_code == 429:
                break
            if select.select([held], [], [], 0)[0]:  # it came while the other was under way
                held.close()
                held = socket.create_connection(("127.0.0.1", port))
                held.sendall(head.encode() + b"--b")
        open_.enter_context(held)
        assert answer.json()["code"] == "tenant.bytes"
        assert answer.headers["retry-after"]
        held.close()
        for _ in range(1_000):
            answer = client.post("/v1/faces/quality", files={"image": bytes(25_000)})
            if answer.status_code != 429:
                break
            time.sleep(0.01)
        assert answer.json()["code"] == "media.not_an_image"


def test_a_client_that_stops_is_not_waited_for_however_much_it_sent(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PATIENCE_S", 0.5)
    key = here.key("verify")["Authorization"]
    with listening(here.client.app) as port:  # type: ignore[arg-type]
        began = time.monotonic()
        answer = knock(
            port,
            "POST /v1/verify HTTP/1.1\nHost: x\nContent-Length: 20000001\n"
            f"Authorization: {key}\nContent-Type: {BOUNDARY}",
            b'--b\r\nContent-Disposition: form-data; name="x"; filename="f"\r\n\r\n'
            + bytes(19_000_000),
        )
    # Of 19 MB at the slowest rate it would have been twenty minutes.
    assert time.monotonic() - began < 60
    assert b"request.too_slow" in answer


def test_invented_methods_and_addresses_make_no_new_figures(here: House) -> None:
    with listening(here.client.app) as port:  # type: ignore[arg-type]
        before = len(figures(here))
        for number in range(60):
            answer = knock(
                port, f"M{number}{'y' * 40} /x{number} HTTP/1.1\nHost: x\nConnection: close"
            )
            assert answer.startswith(b"HTTP/1.1 404")
            knock(port, f"M{number} /livez HTTP/1.1\nHost: x\nConnection: close")
    text = figures(here)
    assert 'method="other"' in text
    assert "yyyy" not in text
    assert len(text) - before < 10_000


def figures(here: House) -> str:
    """As the operator sees them."""
    tenant, here.tenant = here.tenant, DEFAULT_TENANT
    text = here.client.get("/metrics", headers=here.key("metrics:read")).text
    here.tenant = tenant
    return text


def test_a_tenant_sees_its_own_figures_alone(here: House) -> None:
    other = here.of_new_tenant()
    other.finished(other.key())
    mine = here.client.get("/metrics", headers=here.key("metrics:read")).text
    assert "veridical_verdicts_total{" not in mine
    theirs = other.client.get("/metrics", headers=other.key("metrics:read")).text
    assert 'veridical_verdicts_total{outcome="accept",policy="selfie"} 1.0' in theirs


def test_policies_of_a_tenant_make_no_new_figures(here: House) -> None:
    text = 'id = "{}"\nversion = 1\nrequired = ["face.match"]\n'
    key = here.key()
    for number in range(3):
        content = text.format(f"invented-{number}")
        answer = here.client.put(
            f"/v1/policies/invented-{number}",
            content=content,
            headers={**key, "Content-Type": "application/toml"},
        )
        assert answer.status_code == 201, answer.text
        here.finished(key, number + 1, policy=f"invented-{number}")
    assert "invented" not in figures(here)


def test_clients_are_told_what_is_left_of_their_rate(here: House) -> None:
    change_limits(here.resources.database, here.tenant, 60, 64)
    key = here.key("catalogue:read")
    answers = [here.client.get("/v1/policies", headers=key) for _ in range(12)]
    assert {a.headers["ratelimit-policy"] for a in answers} == {'"requests";q=10;w=10'}
    left = [int(a.headers["ratelimit"].split("r=")[1].split(";")[0]) for a in answers]
    assert (left[0], left[-1]) == (9, 0)
    assert answers[-1].status_code == 429
    assert "ratelimit" not in here.client.get("/livez").headers


def test_only_known_names_and_pages_reach_a_service_without_keys(tmp_path: Path) -> None:
    app = create_app(
        Rules().build(),
        hosts=("localhost", "127.0.0.1"),
        capture_origins=("https://kyc.example",),
    )
    with TestClient(app, base_url="http://localhost:8080") as client:
        for host in ("evil.example", "localhost.evil.example", "127.0.0.2", "", "[::1]"):
            answer = client.get("/livez", headers={"Host": host})
            assert (answer.status_code, answer.json()["code"]) == (421, "request.host"), host
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1:8080"):
            assert client.get("/livez", headers={"Host": host}).status_code == 200
        for origin in ("https://evil.example", "null", "http://localhost:8081"):
            answer = client.post("/v1/verify", files={"selfie": b"x"}, headers={"Origin": origin})
            assert (answer.status_code, answer.json()["code"]) == (403, "request.origin"), origin
        for origin in ("http://localhost:8080", "https://kyc.example"):
            answer = client.post("/v1/verify", files={"selfie": b"x"}, headers={"Origin": origin})
            assert answer.json()["code"] != "request.origin"


def test_unknown_parameters_of_an_address_are_refused_and_not_quoted(here: House) -> None:
    key = here.key()
    answer = here.client.get("/v1/transactions?staet=created&zhangwei=1", headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.malformed")
    assert "zhangwei" not in answer.text
    assert "this address knows cursor, limit, " in answer.json()["detail"]
    assert here.client.get("/v1/transactions?cursor=%00", headers=key).status_code == 422
    assert here.client.get("/v1/policies/a%00b", headers=key).status_code in (404, 422)
    assert here.client.get("/v1/transactions?" + "a" * 5_000, headers=key).status_code == 414


HOSTILE = [
    "[" * 5_000,
    '{"a":' * 5_000,
    '{"consent":{"biometrics":true},"facts":{"a":' + "9" * 4_000 + "}}",
    '{"consent":{"biometrics":true},"facts":{"a":1e999}}',
    '{"consent":{"biometrics":true,"biometrics":false}}',
    '{"consent":{"biometrics":true,"text_version":"\\u0000"}}',
    '{"consent":{"biometrics":true,"text_version":"\\ud800"}}',
    '{"consent":{"biometrics":true},"kind":"recording","script_text":"a' + ".a" * 9_000 + '=1"}',
    '{"consent":{"biometrics":true},"kind":"recording","script_text":"a=' + "[" * 9_000 + '"}',
    '{"consent":{"biometrics":true},"kind":"recording","script_text":"version=' + "9" * 50 + '"}',
    '{"verdicts":[{"format":1}],"version":99999999999999999999999}',
    '{"verdicts":[{"format":1,"checks":[[[[]]]]}]}',
    '{"values":["\\u0000"],"label":"\\u202e"}',
    '{"operator":"a","outcome":"accept","reason":"\\u0000"}',
    '{"segments":[{"id":"a","start_s":1e308,"end_s":-0.0}]}',
    '"text"', "null", "NaN", "-1e-999", "", "\ufeff{}", "{'a': 1}", "[1,]",
    "a" + ".a" * 9_000 + "=1",
    "a=" + "{a=" * 9_000,
    "id='x'\nversion=99999999999999999999999\nrequired=['face.match']",
    "id='x'\nversion=1\nattempts=99999999999\nrequired=['face.match']",
]  # fmt: skip
VALUES = [
    "9999999999999999999.x", "9" * 40, "-1", "1e400", "NaN", "%00", "%ff", "%ed%a0%80", "\u202e",
    "x" * 3_000, "9223372036854775808.t_0", "000000000000001.x", "a.b", "..%2f",
]  # fmt: skip


def held(answer: Response) -> bool:
    """Whether the service was not brought down: this one has no model of faces."""
    return answer.status_code < 500 or answer.json()["code"] == "model.missing"


def test_whatever_is_sent_where_nothing_breaks(here: House) -> None:
    """Every route, with hostile bodies, parameters and addresses: no error of ours."""
    change_limits(here.resources.database, here.tenant, 10_000_000, 64)
    key = here.key()
    made = here.start(key)
    for route in every(here):
        for method in route.methods:
            path = concrete(route.path).replace("t_" + "0" * 32, made["id"])
            kinds = {
                Kind.JSON: ["application/json"],
                Kind.TEXT: ["application/json", "application/toml"],
                Kind.FORM: [BOUNDARY],
            }
            for kind in kinds.get(route.kind, []):
                for content in HOSTILE:
                    answer = here.client.request(
                        method,
                        path,
                        content=content.encode(),
                        headers={**key, "Content-Type": kind},
                    )
                    told = (method, path, kind, content[:60], answer.text[:200])
                    assert held(answer), told
            for name in route.queries:
                for value in VALUES:
                    answer = here.client.request(method, f"{path}?{name}={value}", headers=key)
                    assert held(answer), (method, path, name, value, answer.text)
    for route in every(here):
        for place in string.Formatter().parse(route.path):
            for value in VALUES:
                path = route.path.replace("{" + str(place[1]) + "}", value.replace("..%2f", "z"))
                for method in route.methods:
                    answer = here.client.request(method, concrete(path), headers=key)
                    assert held(answer), (method, path, answer.text)


def test_consent_is_given_in_so_many_words(here: House) -> None:
    key = here.key()
    for said in ("yes", "true", 1, 1.0, "on", None, [True]):
        for consent in ({"biometrics": said}, {"biometrics": True, "enrol": said}):
            answer = here.client.post("/v1/transactions", json={"consent": consent}, headers=key)
            assert answer.status_code == 422, said


def test_nobody_else_reads_the_database(tmp_path: Path) -> None:
    database = Database(tmp_path / "v.db")
    database.upgrade()
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    database.close()


CANARY = "zhangwei13800138000"


def test_no_detail_quotes_what_was_sent(here: House) -> None:
    key = here.key()
    made = here.start(key)
    told = {"operator": CANARY, "outcome": CANARY, "reason": CANARY, CANARY: CANARY}
    bodies: list[object] = [
        {CANARY: 1},
        [CANARY],
        CANARY,
        {"consent": {"biometrics": CANARY, CANARY: 1}, "policy": CANARY, "locale": CANARY},
        {"consent": {"biometrics": True}, "policy": CANARY},
        {"consent": {"biometrics": True}, "checks": [CANARY]},
        {"consent": {"biometrics": True}, "facts": {CANARY: 1}},
        {"consent": {"biometrics": True}, "facts": {CANARY + ".": 1}},
        {"consent": {"biometrics": True}, "facts": {CANARY: CANARY}},
        {"consent": {"biometrics": True}, "callback": f"http://{CANARY}.example/"},
        {"consent": {"biometrics": True}, "callback": f"https://user:{CANARY}@[::1/"},
        {"consent": {"biometrics": True}, "signals": {"phone": CANARY, "country": CANARY}},
        {"consent": {"biometrics": True}, "signals": {"network": CANARY, "region": CANARY}},
        {"consent": {"biometrics": True}, "kind": "recording", "script": CANARY},
        {"consent": {"biometrics": True}, "kind": "recording", "script_text": f"{CANARY} = 1"},
        {"consent": {"biometrics": True}, "kind": "recording", "script_text": f"id='{CANARY}'"},
        {"capture": {CANARY: CANARY}},
        {"capture": {"phone": CANARY}, "nonce": CANARY},
        {"media_sha256": {CANARY: CANARY}},
        {"segments": [{"id": CANARY, CANARY: 1}]},
        {"verdicts": [{"format": 1, CANARY: CANARY}]},
        {"values": [CANARY] * 2, "label": CANARY + "\u0001"},
        told,
    ]
    quoted: list[object] = []
    texts = [json.dumps(body).encode() for body in bodies]
    for route in every(here):
        if route.kind is not Kind.JSON:
            continue
        path = concrete(route.path).replace("t_" + "0" * 32, made["id"])
        for method in route.methods:
            for content in texts:
                headers = {**key, "Content-Type": "application/json"}
                answer = here.client.request(method, path, content=content, headers=headers)
                if answer.status_code >= 400 and CANARY in answer.text:
                    quoted.append((path, content, answer.text))
    assert not quoted
    for value in (CANARY, f"t_{CANARY}"):
        for path in ("/v1/transactions/{}", "/v1/policies/{}", "/v1/lists/{}/{}", "/{}"):
            for method in ("GET", "POST", "PUT", "DELETE"):
                answer = here.client.request(method, path.replace("{}", value), headers=key)
                if answer.status_code >= 400:
                    assert CANARY not in answer.text, (path, answer.text)
    assert here.client.get("/v1/transactions", headers=bearer(CANARY)).status_code == 401
