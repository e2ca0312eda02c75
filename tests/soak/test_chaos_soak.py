"""The long form of `tests/chaos`: strangers, texts, receivers and clocks, by the thousand.

`VERIDICAL_SOAK_ROUNDS` bounds them; every round follows from its number.
"""

import os
import random
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.test_entry import knock, listening
from tests.service_house import House, house, medium
from veridical.errors import InputError
from veridical.reading import read_json, read_toml
from veridical.store.endpoints import set_webhook
from veridical.store.outbox import add_letter
from veridical.transactions import WebhookDispatcher

ROUNDS = int(os.environ.get("VERIDICAL_SOAK_ROUNDS", "20000"))
MOST_GROWTH_MIB = 64
PARTS = ("[", "]", "{", "}", '"', "'''", "=", ".", ",", "\n", "a", "1e9", "-", "#", "true", "é")
CODES = {"challenge.expired", "transaction.expired", "transaction.state", "media.missing"}


@pytest.fixture
def here(tmp_path: Path) -> Any:  # noqa: ANN401
    with house(tmp_path / "v.db", tmp_path) as found:
        yield found


def resident_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line) / 1024


def test_strangers_leave_nothing_behind(here: House) -> None:
    """Methods, paths, types and lengths that nobody has; the service answers all the while."""
    paths = ["/v1/verify", "/v1/transactions", "/v1/keys", "/livez", "/x", "/v1/lists/deny/phone"]
    types = ["application/json", "multipart/form-data; boundary=b; charset=punycode", "a/b", ""]
    with listening(here.client.app) as port:  # type: ignore[arg-type]
        before, answers = 0.0, Counter[bytes]()
        for number in range(ROUNDS):
            chance = random.Random(number)
            method = chance.choice(["POST", "PUT", "GET", f"M{number}"])
            size = chance.choice([0, 1, 300, 70_000, 10**9])
            head = (
                f"{method} {chance.choice(paths)}?{'a=1&' * chance.choice([0, 0, 30])} HTTP/1.1\n"
                f"Host: x\nContent-Length: {size}\nContent-Type: {chance.choice(types)}\n"
                "Connection: close"
            )
            answers[knock(port, head, bytes(min(size, 70_000)))[9:12]] += 1
            if number == min(500, ROUNDS // 2):
                before = resident_mib()
        assert not {status for status in answers if status.startswith(b"5")}, answers
        assert resident_mib() - before < MOST_GROWTH_MIB
    figures = here.client.get("/metrics", headers=here.key()).text
    assert "M17" not in figures
    assert len(figures) < 200_000


def test_no_text_raises_anything_else() -> None:
    for number in range(ROUNDS):
        chance = random.Random(number)
        text = "".join(chance.choices(PARTS, k=chance.choice([5, 60, 4_000])))
        text = text.replace("a", chance.choice(["a", "a.", "[[a]]\n", "a." * 50]))
        for read in (read_toml, read_json):
            try:
                read(text)
            except InputError:
                continue


def test_every_letter_of_the_quiet_arrives(here: House) -> None:
    """Whatever the receivers of others raise, and however many letters they have."""
    app: Any = here.client.app
    app.state.retention.stop(10)
    loud = [here.of_new_tenant().tenant for _ in range(4)]
    quiet = here.of_new_tenant().tenant
    database, arrived, chance = here.resources.database, 0, random.Random(1)
    for tenant in (*loud, quiet):
        set_webhook(database, here.resources.keys, tenant, f"https://{tenant}.example/")

    def send(url: str, headers: dict[str, str], body: bytes) -> int:
        nonlocal arrived
        del headers, body
        if quiet not in url:
            raise chance.choice([UnicodeError, OSError, ValueError, KeyError, RecursionError])("x")
        arrived += 1
        return 200

    letters = max(20, ROUNDS // 20)
    with database.writing() as connection:
        for number in range(letters):
            tenant = quiet if number % 10 == 0 else loud[number % 4]
            url = f"https://{tenant}.example/"
            add_letter(connection, tenant, url, "{}", here.resources.clock())
    dispatcher = WebhookDispatcher(here.resources, send, lambda: 0.0)
    for _ in range(letters):
        dispatcher.deliver_next()
    assert arrived == -(-letters // 10)


def test_transactions_end_whatever_the_clock_does(here: House) -> None:
    """Jumps of minutes to months, either way, between any two steps."""
    key, ends = here.key(), Counter[str]()
    for number in range(max(20, ROUNDS // 100)):
        chance = random.Random(number)

        def jump(chance: random.Random = chance) -> None:
            if chance.random() < 0.4:
                here.clock.ahead_ms = chance.choice([-1, 1]) * int(10 ** chance.uniform(3, 10))

        here.clock.ahead_ms = 0
        made = here.start(key, policy=chance.choice(["selfie", "spoken"]))
        for kind in made["media"]["required"]:
            jump()
            here.put(made, kind, medium_of(kind, number))
        jump()
        answer = here.submit(made, wait_s=60).json()
        ends[answer.get("code") or answer["state"]] += 1
    assert set(ends) <= {"completed", "collecting", *CODES}, ends
    assert ends["completed"] + ends["collecting"]


def medium_of(kind: str, number: int) -> bytes:
    return medium(kind, number % 250) + number.to_bytes(4, "big")


def test_held_connections_keep_nobody_out(here: House) -> None:
    """Bodies that never come: the probe answers, and all of it is given back."""
    count = min(400, max(20, ROUNDS // 50))
    with listening(here.client.app) as port:  # type: ignore[arg-type]
        held = []
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=30)
            connection.sendall(
                b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n1"
            )
            held.append(connection)
        assert b" 200 OK" in knock(port, "GET /livez HTTP/1.1\nHost: x\nConnection: close")
        for connection in held:
            connection.close()
    app: Any = here.client.app
    budget = next(m.kwargs["budget"] for m in app.user_middleware if "budget" in m.kwargs)
    assert budget.held_bytes == 0
