"""Keys turn over, are the wrong ones, rows are damaged, the disk is full: who notices?"""

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import Run
from tests.patience import PATIENCE_S
from tests.service_house import House, bearer, house
from veridical.errors import StoreError
from veridical.service.settings import ServiceSettings
from veridical.store import Database, MasterKeys
from veridical.store.errors import StoreFullError
from veridical.store.keyfile import KeyFile
from veridical.store.tenants import Tenant, add_tenant, issue_api_key
from veridical.store.transactions import find_transaction
from veridical.transactions import TransactionService
from veridical.transactions.readiness import Readiness

DAY_MS = 86_400_000


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MASTER_KEYS", "MASTER_KEYS_FILE", "DATABASE"):
        monkeypatch.delenv(f"VERIDICAL_{name}", raising=False)
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def retention(here: House) -> Any:  # noqa: ANN401
    app: Any = here.client.app
    return app.state.retention


def damage(here: House, transaction: str, column: str = "sealed_request") -> None:
    with here.resources.database.writing() as connection:
        connection.execute(
            text(f"UPDATE transactions SET {column} = :bytes WHERE id = :id"),  # noqa: S608
            {"bytes": b"damaged", "id": transaction},
        )


# --- keys -----------------------------------------------------------------------------------------


def test_keys_turn_over_under_two_replicas_that_serve(run: Run, data: Path) -> None:
    run("keys", "list")
    path, stop = data / "master.keys", threading.Event()
    first = MasterKeys.from_file(path).current
    answers: list[int] = []
    rounds = threading.Semaphore(0)

    def serve(replica: House, key: dict[str, str]) -> None:
        while not stop.is_set():
            made = replica.client.post(
                "/v1/transactions",
                json={"policy": "selfie", "consent": {"biometrics": True}},
                headers=key,
            )
            answers.append(made.status_code)
            if made.status_code == 201:
                seen = replica.client.get(f"/v1/transactions/{made.json()['id']}", headers=key)
                answers.append(seen.status_code)
            rounds.release()

    url = data / "veridical.db"
    with (
        house(url, data, keys=KeyFile(path)) as one,
        house(url, data, keys=KeyFile(path)) as other,
    ):
        key = one.key()
        old = one.start(key)
        threads = [threading.Thread(target=serve, args=(each, key)) for each in (one, other)]
        for thread in threads:
            thread.start()
        try:
            for step in (("rotate",), ("rewrap",), ("retire", first)):
                for _ in range(4):
                    assert rounds.acquire(timeout=PATIENCE_S)
                assert run("keys", *step)[0] == 0
            for _ in range(4):
                assert rounds.acquire(timeout=PATIENCE_S)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert set(answers) == {201, 200}
        assert other.client.get(f"/v1/transactions/{old['id']}", headers=key).status_code == 200
        assert first not in MasterKeys.from_file(path).names


def test_a_key_is_added_used_and_retired_in_steps(run: Run, data: Path) -> None:
    run("keys", "list")
    path = data / "master.keys"
    first = MasterKeys.from_file(path).current
    seen = KeyFile(path)  # of a replica that started before
    new = run("keys", "add")[1].strip()
    assert (seen.current, len(seen.key(new))) == (first, 32)
    assert run("keys", "retire", first)[0] != 0  # the current one
    assert run("keys", "use", new)[0] == 0
    assert seen.current == new
    assert run("keys", "rewrap")[0] == run("keys", "retire", first)[0] == 0
    with pytest.raises(StoreError) as caught:
        seen.key("nobody")
    assert caught.value.code == "store.key_unknown"
    assert path.stat().st_mode & 0o077 == 0


def test_a_key_that_still_opens_something_is_not_retired(run: Run, data: Path) -> None:
    run("keys", "list")
    path = data / "master.keys"
    first = MasterKeys.from_file(path).current
    with house(data / "veridical.db", data, keys=KeyFile(path)) as one:
        one.start(one.key())
        new = run("keys", "add")[1].strip()
        run("keys", "use", new)
        code, _, errors = run("keys", "retire", first)
        assert (code != 0, "rewrap" in errors) == (True, True)
        assert first in MasterKeys.from_file(path).names


def test_a_new_key_is_printed_for_a_store_of_secrets(run: Run, data: Path) -> None:
    word = run("keys", "new")[1].strip()
    assert len(MasterKeys.from_text(word).names) == 1
    assert not (data / "master.keys").exists()


# --- readiness ------------------------------------------------------------------------------------


def readiness(here: House, **other: Any) -> Readiness:  # noqa: ANN401
    from dataclasses import replace

    return Readiness(replace(here.resources, **other), list)


def test_wrong_keys_are_not_ready(here: House, data: Path) -> None:
    here.start(here.key())
    readiness(here).require()
    for wrong in ("a:" + "B" * 43 + "=", "b:" + "A" * 43 + "="):
        with pytest.raises(StoreError) as caught:
            readiness(here, keys=MasterKeys.from_text(wrong)).require()
        assert caught.value.code in ("store.tampered", "store.key_unknown")


def test_another_signing_key_is_not_ready(here: House, tmp_path: Path) -> None:
    from veridical.verification.evidence import SigningKey

    here.finished(here.key(), 211)
    other = SigningKey.from_file(tmp_path / "other.pem")
    with pytest.raises(StoreError) as caught:
        readiness(here, signing=other).require()
    assert caught.value.code == "evidence.key"


def test_what_runs_by_itself_is_part_of_being_ready(here: House) -> None:
    assert retention(here).faults() == []
    with pytest.raises(StoreError) as caught:
        Readiness(here.resources, lambda: ["webhooks-0"]).require()
    assert caught.value.code == "service.housekeeping"


def test_a_full_disk_is_not_ready(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "free_bytes", property(lambda _: 1_000))
    with pytest.raises(StoreFullError):
        readiness(here).require()


def test_a_service_never_starts_with_keys_that_open_nothing(
    run: Run, data: Path, tmp_path: Path
) -> None:
    settings = ServiceSettings()
    with house(data / "veridical.db", data, keys=settings.keys()) as one:
        one.finished(one.key(), 212)
    settings.resources().database.close()
    kept = (data / "master.keys").read_bytes()
    (data / "master.keys").unlink()
    with pytest.raises(StoreError) as caught:
        ServiceSettings().resources()
    assert caught.value.code == "store.keys"
    assert not (data / "master.keys").exists()  # none was made in its place
    assert "sealed with master keys" in run("doctor", "--json")[1]

    copy = tmp_path / "copy.db"
    (data / "master.keys").write_bytes(kept)
    (data / "master.keys").chmod(0o600)
    assert run("db", "backup", copy)[0] == 0
    signing = (data / "signing.pem").read_bytes()
    for file in data.iterdir():
        if file.is_file():
            file.unlink()
    other = run("keys", "new")[1]
    for keys, pem, good in (
        (other, signing, False),
        (kept.decode(), None, False),
        (kept.decode(), signing, True),
    ):
        (data / "master.keys").write_text(keys)
        (data / "master.keys").chmod(0o600)
        (data / "signing.pem").unlink(missing_ok=True)
        if pem is not None:
            (data / "signing.pem").write_bytes(pem)
        assert (run("db", "restore", copy)[0] == 0) is good
        assert (data / "veridical.db").exists() is good
    assert not list(data.glob("*restoring*"))


# --- damaged rows ---------------------------------------------------------------------------------


def test_a_damaged_row_stops_nobody_and_is_erased_itself(here: House) -> None:
    key = here.key()
    made = [here.start(key) for _ in range(3)]
    damage(here, made[0]["id"])
    here.clock.ahead_ms = 1_201_000
    retention(here).tidy()

    def states() -> list[str]:
        with here.resources.database.reading() as connection:
            found = [find_transaction(connection, one["id"]) for one in made]
        return [row.state for row in found if row is not None]

    assert states() == ["expired"] * 3
    answer = here.client.delete(f"/v1/transactions/{made[0]['id']}", headers=key)
    assert (answer.status_code, answer.json()["state"]) == (200, "erased")
    here.clock.ahead_ms += 31 * DAY_MS
    retention(here).tidy()
    assert states() == ["erased"] * 3


def test_rows_that_fail_are_counted_and_the_others_go_on(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = here.key()
    made = [here.start(key) for _ in range(2)]
    real = TransactionService.tell

    def tell(self: TransactionService, connection: Any, row: Any, *more: Any) -> None:  # noqa: ANN401
        if row.id == made[0]["id"]:
            raise RuntimeError("this row and no other")
        real(self, connection, row, *more)

    monkeypatch.setattr(TransactionService, "tell", tell)
    here.clock.ahead_ms = 1_201_000
    retention(here).tidy()
    with here.resources.database.reading() as connection:
        found = [find_transaction(connection, one["id"]) for one in made]
    assert [row.state for row in found if row is not None] == ["created", "expired"]
    assert retention(here).failing == 1
    _, operator = issue_api_key(here.resources.database, "default", ["metrics:read"])
    figures = here.client.get("/metrics", headers=bearer(operator)).text
    assert "veridical_failing_rows 1.0" in figures


@pytest.mark.parametrize("column", ["sealed_request", "sealed_capture"])
def test_what_cannot_be_read_is_left_to_a_person(here: House, column: str) -> None:
    key, began, damaged = here.key(), threading.Event(), threading.Event()

    def hook() -> None:
        began.set()
        damaged.wait(PATIENCE_S)

    here.rules.hook = hook
    holding = [here.start(key) for _ in range(2)]  # every judging place is taken
    for number, one in enumerate(holding):
        here.collect(one, 220 + number)
        here.submit(one, wait_s=0)
    assert began.wait(PATIENCE_S)
    made = here.start(key)
    here.collect(made, 222)
    here.submit(made, wait_s=0)
    damage(here, made["id"], column)
    here.rules.hook = lambda: None
    damaged.set()
    row = None
    for _ in range(30_000):
        with here.resources.database.reading() as connection:
            row = find_transaction(connection, made["id"])
        if row is not None and row.state == "completed":
            break
        threading.Event().wait(0.01)
    assert row is not None
    assert (row.state, row.outcome, row.first_cause) == (
        "completed",
        "review",
        "service.not_judged",
    )
    queue = here.client.get("/v1/reviews", headers=key)
    assert (queue.status_code, queue.json()["items"][-1]["id"]) == (200, made["id"])


def test_a_full_disk_lets_erase(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from veridical.transactions import service

    key = here.key()
    made = here.finished(key, 230)
    here.resources.database.keep_reserve()
    reserve = here.resources.database._reserve
    assert reserve.stat().st_size == 8 * 2**20
    monkeypatch.setattr(Database, "keep_reserve", lambda _: None)  # of the service that runs
    real = service.erase_transaction

    def erase(*words: Any, pieces: bool) -> None:  # noqa: ANN401
        if pieces:
            raise StoreFullError("the disk of the database is full; make room")
        real(*words, pieces=pieces)

    monkeypatch.setattr(service, "erase_transaction", erase)
    answer = here.client.delete(f"/v1/transactions/{made['id']}", headers=key)
    assert (answer.status_code, reserve.exists()) == (200, False)
    assert (
        here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()["state"] == "erased"
    )


def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    loose = tmp_path / "old.db"
    loose.touch(mode=0o644)
    for path in (tmp_path / "new.db", loose):
        database = Database(path)
        database.upgrade()
        add_tenant(database, Tenant("t", 1, 1))
        assert {file.stat().st_mode & 0o077 for file in tmp_path.glob(f"{path.name}*")} == {0}
        database.close()


# --- idempotency ----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["expired", "cancelled", "completed", "erased"])
def test_an_idempotency_key_starts_anew_once_its_transaction_is_over(here: House, end: str) -> None:
    key = here.key()
    headers = {**key, "Idempotency-Key": "order-77"}
    first = here.start(headers)
    assert here.start(headers)["id"] == first["id"]
    if end == "expired":
        here.clock.ahead_ms = 1_201_000
    elif end == "cancelled":
        here.client.post(f"/v1/transactions/{first['id']}/cancel", headers=key)
    elif end == "erased":
        here.client.delete(f"/v1/transactions/{first['id']}", headers=key)
    else:
        here.collect(first, 240)
        here.submit(first)
    second = here.start(headers)
    assert second["id"] != first["id"]
    assert second["replaces"] == (None if end == "erased" else first["id"])
    assert here.put(second, "selfie", b"\xff\xd8\xff" + bytes(100)).status_code in (200, 415, 422)
    assert here.start(headers)["id"] == second["id"]


def test_bearers(here: House) -> None:
    _, text_ = issue_api_key(here.resources.database, here.tenant, ["reviews"], person="Ana")
    assert here.client.get("/v1/reviews", headers=bearer(text_)).status_code == 200
