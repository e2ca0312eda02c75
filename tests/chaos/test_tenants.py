"""One tenant, or its sandbox, does what it likes: what do the others notice?"""

import ipaddress
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from tests.patience import PATIENCE_S
from tests.service_house import House
from veridical.store.endpoints import set_webhook
from veridical.store.jobs import add_job, claim_job
from veridical.store.outbox import add_letter
from veridical.store.schema import jobs
from veridical.transactions import webhooks
from veridical.transactions.dispatcher import LANES_OF_ONE, PAUSES_S, WebhookDispatcher
from veridical.transactions.webhooks import Poster, check_address, is_public, secret_text, sign

HOOK = "https://bank.example/hook"


# --- sandbox --------------------------------------------------------------------------------------


def test_a_sandbox_key_reaches_nothing_real(here: House) -> None:
    live, sandbox = here.key(), here.key(sandbox=True)
    made = here.finished(live, 151)
    here.rules.score, here.rules.reason = 0.3, "low_score"
    waits = here.finished(live, 152)
    one = f"/v1/transactions/{made['id']}"
    review = {"operator": "intern", "outcome": "accept", "reason": "x"}
    answers = [
        here.client.get(one, headers=sandbox),
        here.client.get(f"{one}/explanation", headers=sandbox),
        here.client.post(f"{one}/cancel", headers=sandbox),
        here.client.delete(one, headers=sandbox),
        here.client.post(f"/v1/transactions/{waits['id']}/review", headers=sandbox, json=review),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    for path in ("/v1/transactions", "/v1/reviews"):
        assert here.client.get(path, headers=sandbox).json()["items"] == []
    assert here.client.get("/v1/evidence/head", headers=sandbox).json()["sequence"] == 0


def test_policies_lists_and_chain_of_the_sandbox_are_its_own(here: House) -> None:
    live, sandbox = here.key(), here.key(sandbox=True)
    weak = b'id = "mine"\nversion = 7\nrequired = ["face.match"]\nattempts = 1\n'
    answer = here.client.put(
        "/v1/policies/mine",
        content=weak,
        headers={**sandbox, "Content-Type": "application/toml"},
    )
    assert answer.status_code == 201, answer.text
    body = {"policy": "mine", "consent": {"biometrics": True}}
    assert here.client.post("/v1/transactions", json=body, headers=live).status_code == 422
    assert here.client.post("/v1/transactions", json=body, headers=sandbox).status_code == 201
    here.finished(sandbox, 153, subject_ref="sandbox:accept")
    assert here.client.get("/v1/evidence/head", headers=sandbox).json()["sequence"] == 1
    assert here.client.get("/v1/evidence/head", headers=live).json()["sequence"] == 0


def test_a_sample_set_runs_again_and_again(here: House) -> None:
    sandbox = here.key(sandbox=True)
    for _ in range(3):
        assert here.finished(sandbox, 154)["outcome"] == "accept"


@pytest.mark.parametrize(
    ("word", "outcome", "cause"),
    [
        ("accept", "accept", None),
        ("reason:not_mated", "reject", "face.match:not_mated"),
        ("reason:no_face", "retry", "no_face"),
    ],
)
def test_scripts_name_their_reason_and_carry_a_document(
    here: House, word: str, outcome: str, cause: str | None
) -> None:
    seen = here.finished(here.key(sandbox=True), 155, subject_ref=f"sandbox:{word}")
    assert seen["outcome"] == outcome
    assert str(seen["verdict"]["first_cause"] or "").endswith(cause or "")
    assert seen["verdict"]["document"]["name"]["value"]


def test_a_sandbox_transaction_may_expire_by_script(here: House) -> None:
    key = here.key(sandbox=True)
    made = here.start(key, subject_ref="sandbox:expire")
    here.clock.ahead_ms = 1_500
    assert here.submit(made).status_code == 410


def test_slow_scripts_take_nobodys_place(here: House) -> None:
    """As many `sandbox:slow` as may wait, while one real applicant is judged."""
    sandbox, live = here.key(sandbox=True), here.key()
    for number in range(16):
        made = here.start(sandbox, subject_ref="sandbox:slow")
        here.collect(made, 156)
        # Each waits for a moment that the clock never comes to: none is over before the test is.
        here.clock.ahead_ms = 1_000_000 - 50_000 * number
        assert here.submit(made, wait_s=0).status_code == 202
        here.clock.ahead_ms = 0
    assert here.finished(live, 157)["outcome"] == "accept"
    # Its own share is used up, and only its own.
    made = here.start(sandbox, subject_ref="sandbox:slow")
    here.collect(made, 158)
    assert here.submit(made, wait_s=0).status_code == 429


# --- judging --------------------------------------------------------------------------------------


def test_who_has_fewest_under_way_comes_next(here: House) -> None:
    database, flood, quiet = here.resources.database, f"{here.tenant}-a", f"{here.tenant}-b"
    far = 9_000_000_000_000  # after whatever else there is
    with database.writing() as connection:
        for number in range(6):
            add_job(connection, flood, f"t_flood-{here.tenant[-12:]}-{number}", far + number)
        for number in range(2):
            add_job(connection, quiet, f"t_quiet-{here.tenant[-12:]}-{number}", far + 100 + number)
    order = []
    for turn in range(60):  # whatever other tests left to be done is done on the way
        with database.writing() as connection:
            job = claim_job(connection, far + 1_000 + turn, 60_000)
        assert job is not None
        order += [job.tenant] if job.tenant in (flood, quiet) else []
        if len(order) == 4:
            break
    with database.writing() as connection:
        connection.execute(delete(jobs).where(jobs.c.tenant.in_([flood, quiet])))
    assert order == [flood, quiet, flood, quiet]


# --- webhooks -------------------------------------------------------------------------------------


def quiet_post(here: House) -> Any:  # noqa: ANN401
    """The service's own lanes must not take what a test wrote."""
    app: Any = here.client.app
    return app.state.retention


@pytest.fixture
def alone(here: House) -> Iterator[House]:
    """The service, with nobody sending but the test."""
    job = quiet_post(here)
    real, job._dispatcher = job._dispatcher, type("Nobody", (), {"deliver_next": lambda _: False})()
    yield here
    job._dispatcher = real


def letters(here: House, tenant: str, count: int, url: str = HOOK) -> None:
    with here.resources.database.writing() as connection:
        for _ in range(count):
            add_letter(connection, tenant, url, "{}", here.resources.clock())


def hooked(here: House) -> House:
    new = here.of_new_tenant()
    set_webhook(new.resources.database, new.resources.keys, new.tenant, HOOK)
    return new


def test_whatever_a_letter_raises_it_was_a_try(alone: House) -> None:
    evil, bank = hooked(alone), hooked(alone)
    letters(alone, evil.tenant, 3, "https://evil.example/")
    letters(alone, bank.tenant, 1)
    arrived = []

    def send(url: str, headers: dict[str, str], body: bytes) -> int:
        del headers, body
        if "evil" in url:
            raise UnicodeError("label too long")
        arrived.append(url)
        return 200

    dispatcher = WebhookDispatcher(alone.resources, send, lambda: 0.0)
    for _ in range(4):
        assert dispatcher.deliver_next()
    assert arrived == [HOOK]
    assert not dispatcher.deliver_next()  # each of them waits for its next try
    tried = [0]
    for pause in PAUSES_S:
        alone.clock.ahead_ms += int(pause * 1000) + 1
        while dispatcher.deliver_next():
            tried[0] += 1
    alone.clock.ahead_ms += 10**9
    assert not dispatcher.deliver_next()  # and is given up
    assert tried == [3 * len(PAUSES_S)]


def test_a_slow_receiver_keeps_only_its_own_waiting(alone: House) -> None:
    evil, bank = hooked(alone), hooked(alone)
    letters(alone, evil.tenant, 6, "https://evil.example/")
    letters(alone, bank.tenant, 1)
    free, inside, arrived = threading.Event(), threading.Semaphore(0), threading.Event()

    def send(url: str, headers: dict[str, str], body: bytes) -> int:
        del headers, body
        if "evil" in url:
            inside.release()
            free.wait(PATIENCE_S)
        else:
            arrived.set()
        return 200

    dispatcher = WebhookDispatcher(alone.resources, send)
    lanes = [threading.Thread(target=dispatcher.deliver_next) for _ in range(4)]
    for lane in lanes:
        lane.start()
    assert arrived.wait(PATIENCE_S)
    for _ in range(LANES_OF_ONE):
        assert inside.acquire(timeout=PATIENCE_S)
    assert not inside.acquire(blocking=False)  # no third lane is lent to it
    free.set()
    for lane in lanes:
        lane.join()


def test_a_receiver_that_drips_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "DEADLINE_S", 0.3)
    server = socket.create_server(("127.0.0.1", 0))
    port, stop = server.getsockname()[1], threading.Event()

    def drip() -> None:
        peer, _ = server.accept()
        with peer:
            try:
                peer.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.02):
                    peer.sendall(b"X: a\r\n")
            except OSError:
                pass

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(OSError):  # noqa: PT011  which one is the platform's to say
        Poster(frozenset({f"127.0.0.1:{port}"}))(f"http://127.0.0.1:{port}/", {}, b"{}")
    stop.set()
    thread.join()
    server.close()


def test_a_new_secret_overlaps_the_old_one(alone: House) -> None:
    bank = alone.of_new_tenant()
    resources = bank.resources
    mine = f"{HOOK}/{bank.tenant}"
    old, new = (set_webhook(resources.database, resources.keys, bank.tenant, mine) for _ in "12")
    seen: list[tuple[dict[str, str], bytes]] = []

    def send(url: str, headers: dict[str, str], body: bytes) -> int:
        if url == mine:
            seen.append((headers, body))
        return 200

    def signed(secret: bytes, headers: dict[str, str], body: bytes) -> bool:
        timestamp = int(headers["webhook-timestamp"])
        expected = sign(secret_text(secret), headers["webhook-id"], timestamp, body)
        return expected in headers["webhook-signature"].split(" ")

    for ahead_ms, overlaps in ((0, True), (90_000_000, False)):
        alone.clock.ahead_ms = ahead_ms
        letters(alone, bank.tenant, 1, mine)
        while WebhookDispatcher(resources, send).deliver_next():
            pass
        headers, body = seen.pop()
        assert (signed(new, headers, body), signed(old, headers, body)) == (True, overlaps)


@pytest.mark.parametrize(
    "address",
    [
        "::127.0.0.1",
        "::10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2600::5efe:10.0.0.1",
        "fe80::1",
        "::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_addresses_within_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(Exception, match="not called"):
        check_address(f"https://[{address}]/", frozenset())


@pytest.mark.parametrize("address", ["2606:4700::6810:84e5", "64:ff9b::808:808", "8.8.8.8"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_an_allowed_host_is_allowed_on_its_ports() -> None:
    for url, hosts in (
        ("http://hooks.internal/x", {"hooks.internal"}),
        ("http://hooks.internal:8080/x", {"hooks.internal:8080"}),
    ):
        assert check_address(url, frozenset(hosts)).hostname == "hooks.internal"
    for url in ("http://hooks.internal:22/", "http://hooks.internal:8080/"):
        with pytest.raises(Exception, match="not called"):
            check_address(url, frozenset({"hooks.internal"}))


# --- who decided ----------------------------------------------------------------------------------


def waiting(here: House, key: dict[str, str], grey: int) -> str:
    here.rules.score, here.rules.reason = 0.3, "low_score"
    found = here.finished(key, grey)
    assert found["outcome"] == "review"
    return str(found["id"])


def reviewed(here: House, key: dict[str, str], transaction: str, operator: str = "") -> Any:  # noqa: ANN401
    body = {"operator": operator, "outcome": "accept", "reason": "same person"}
    return here.client.post(f"/v1/transactions/{transaction}/review", json=body, headers=key)


def test_the_chain_names_who_the_key_is_bound_to(here: House) -> None:
    key, ana, machine = here.key(), here.key(person="Ana Lopez"), here.key()
    first, second = waiting(here, key, 161), waiting(here, key, 162)
    assert reviewed(here, ana, first, "Someone Else").json()["code"] == "review.other_person"
    assert reviewed(here, ana, first).json()["review"]["operator"] == "Ana Lopez"
    view = reviewed(here, machine, second, "Someone Else").json()
    assert view["review"]["operator"] == "Someone Else"  # as typed, and never signed as who it was
    assert view["review"]["decided_by"].startswith("key ")
    lines = here.client.get("/v1/evidence", headers=key).text.splitlines()
    last = [record for record in map(json.loads, lines) if record.get("event") == "review"]
    assert [record["operator"] for record in last] == ["Ana Lopez", view["review"]["decided_by"]]
    assert last[1]["operator_said"] == "Someone Else"
    assert {record["environment"] for record in last} == {"live"}
    assert all(record["api_key"] for record in last)
