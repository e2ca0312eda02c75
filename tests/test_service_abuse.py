"""Clients that mean harm, and machines that fail: nothing breaks, and nothing promised is lost."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from tests.patience import PATIENCE_S
from tests.service_house import House, bearer, house, picture
from tests.service_kills import Promised, Servers, check_promises, prepare
from tests.service_mutants import mutant, seeds
from veridical.service import serving
from veridical.service.api import limits
from veridical.service.serving import server_of
from veridical.store.chain import chain_lines
from veridical.transactions import TransactionSettings
from veridical.verification.evidence import verify_chain

KILLS = 4
MUTANTS = 40


def test_nothing_acknowledged_is_lost_to_a_kill(tmp_path: Path) -> None:
    prepare(tmp_path)
    promised, chance, begun = Promised(), random.Random(7), 0
    with Servers(tmp_path) as servers:
        for _ in range(KILLS):
            begun += servers.kill_one(chance, promised, begun)
        records = check_promises(tmp_path, servers, promised)
    assert records >= len(promised.submitted) > 0


def test_mutated_uploads_are_refused_without_an_error_of_ours(here: House, tmp_path: Path) -> None:
    key, chance, whole = here.key(), np.random.default_rng(3), seeds(tmp_path)
    codes = set()
    for number in range(MUTANTS):
        kind, data = mutant(whole, chance)
        field = {"clip": "clip", "sound": "voice", "picture": "selfie"}[kind]
        answer = here.client.post("/v1/verify", files={field: data}, headers=key)
        assert answer.status_code in (200, 422), (number, kind, answer.text)
        codes.add(answer.status_code)
    assert codes == {200, 422}


def test_a_full_disk_is_told_and_forgotten_when_there_is_room(here: House) -> None:
    key = here.key()
    made = here.start(key)
    here.put(made, "document_front", picture(200))
    engine = here.resources.database._engine  # as a disk would: below every door
    room = {"pages": 0}

    @event.listens_for(engine, "checkout")
    def bound(connection: object, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {room['pages'] or 10**9}")  # type: ignore[attr-defined]

    with here.resources.database.reading() as connection:
        room["pages"] = connection.exec_driver_sql("PRAGMA page_count").scalar() or 1
    try:
        full = here.put(made, "selfie", picture(201) + bytes(3_000_000))
        assert (full.status_code, full.json()["code"]) == (507, "store.full")
        assert full.headers["retry-after"]
        assert here.client.get(f"/v1/transactions/{made['id']}", headers=key).status_code == 200
    finally:
        room["pages"] = 0
    assert here.put(made, "selfie", picture(201)).status_code == 200
    assert here.submit(made).json()["outcome"] == "accept"
    event.remove(engine, "checkout", bound)


@contextmanager
def listening(here: House) -> Iterator[int]:
    """The service of a test on a real port."""
    app = here.client.app
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = server_of(app, "127.0.0.1", port, "error")  # type: ignore[arg-type]
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


def ended(connection: socket.socket) -> bytes:
    """What comes before the other side closes."""
    answer = b""
    connection.settimeout(30)
    while piece := connection.recv(4096):
        answer += piece
    return answer


def test_clients_that_never_finish_are_sent_away(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEAD_S", 0.5)
    monkeypatch.setattr(limits, "PATIENCE_S", 0.5)
    token = here.start(here.key())["upload_token"]
    begun = b"POST /v1/guidance/face HTTP/1.1\r\nHost: x\r\n"
    body = begun + f"Authorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n12".encode()
    with listening(here) as port, ExitStack() as open_:
        slow = [
            open_.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(20)
        ]
        for connection in slow[:10]:
            connection.sendall(begun)
        for connection in slow[10:]:
            connection.sendall(body)
        honest = open_.enter_context(socket.create_connection(("127.0.0.1", port)))
        honest.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 200 OK" in ended(honest)
        assert [ended(connection) for connection in slow[:10]] == [b""] * 10
        for connection in slow[10:]:
            answer = ended(connection)
            assert b" 408 " in answer
            assert b"request.too_slow" in answer
        # A second head that trickles, on a connection that was good once.
        twice = open_.enter_context(socket.create_connection(("127.0.0.1", port)))
        twice.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /li")
        assert ended(twice).count(b" 200 OK") == 1


def test_more_than_can_wait_are_told_to_come_back(tmp_path: Path) -> None:
    go = threading.Event()
    with house(
        tmp_path / "v.db", tmp_path, TransactionSettings(most_waiting=2), capacity=1
    ) as made:

        def block() -> None:
            go.wait(PATIENCE_S)

        made.rules.hook = block
        key, answers = made.key(), []
        begun = [made.start(key) for _ in range(4)]
        for grey, each in enumerate(begun):
            made.collect(each, grey)
            answers.append(made.submit(each, wait_s=0))
        assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
        assert answers[-1].json()["code"] == "service.at_capacity"
        assert answers[-1].headers["retry-after"]
        go.set()
        made.rules.hook = lambda: None
        seen: dict[str, object] = {}
        for each in begun[:2]:
            seen = made.ended(each, key)
            assert seen["outcome"] == "accept"
        assert made.submit(begun[2]).status_code == 200


def test_replicas_share_the_work_and_one_chain(database_url: str, tmp_path: Path) -> None:
    with ExitStack() as open_:
        replicas = [open_.enter_context(house(database_url, tmp_path)) for _ in range(2)]
        key, count = replicas[0].key(), 12
        begun = [replicas[i % 2].start(key) for i in range(count)]
        for i, each in enumerate(begun):
            replicas[i % 2].collect(each, i)
        answers = []

        def submit(i: int) -> None:
            answers.append(replicas[(i + 1) % 2].submit(begun[i], wait_s=60).json()["outcome"])

        threads = [threading.Thread(target=submit, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == ["accept"] * count
        judged = [set(replica.rules.seen) for replica in replicas]
        assert not judged[0] & judged[1]
        assert judged[0] | judged[1] == {each["id"] for each in begun}
        resources = replicas[0].resources
        with resources.database.reading() as connection:
            lines = [line.encode() for line in chain_lines(connection, "default", 0, 1_000)]
        keys = {resources.signing.key_id: resources.signing.private.public_key()}
        chain = verify_chain(lines, keys)
        assert (chain.records, chain.problem) == (count, "")


def test_a_judge_that_dies_is_replaced_and_at_last_a_person_asked(here: House) -> None:
    """A job whose lease is over is taken up again; one that kills its judges goes to review."""
    key = here.key()
    deaths = {"left": 2}

    def die() -> None:
        if deaths["left"]:
            deaths["left"] -= 1
            raise SystemError

    here.rules.hook = die
    made = here.start(key)
    here.collect(made)
    answer = here.submit(made, wait_s=60)
    assert answer.json()["outcome"] == "accept"
    deaths["left"] = 1_000
    made = here.start(key)
    here.collect(made, 2)
    answer = here.submit(made, wait_s=60)
    assert (answer.json()["state"], answer.json()["outcome"]) == ("completed", "review")
    seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert seen["problem"]["code"] == "service.not_judged"


def test_a_client_that_leaves_half_way_leaves_nothing(here: House) -> None:
    made = here.start(here.key())
    head = (
        f"PUT /v1/transactions/{made['id']}/media/selfie HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {made['upload_token']}\r\nContent-Length: 3000000\r\n"
        f"Content-Digest: sha-256=:{'A' * 43}=:\r\n\r\n"
    )
    left = -1
    with listening(here) as port:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head.encode() + bytes(2_000_000))
        for _ in range(30_000):
            with here.resources.database.reading() as reading:
                left = reading.exec_driver_sql(
                    'SELECT count(*) FROM media_parts WHERE "transaction" = ?', (made["id"],)
                ).scalar()
            if not left:
                break
            time.sleep(0.01)
    assert left == 0
    answer = here.client.get(f"/v1/transactions/{made['id']}", headers=bearer(made["upload_token"]))
    assert answer.json()["media"]["received"] == []
