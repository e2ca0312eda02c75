"""What runs by itself: expiry, retention, keys turned over, logs and figures, a quiet end."""

import asyncio
import contextlib
import gc
import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import veridical
from tests.patience import PATIENCE_S
from tests.service_house import House, bearer, house, picture
from veridical.errors import StoreError
from veridical.service.app import run_in
from veridical.service.logs import JsonFormatter
from veridical.store import Database, rewrap
from veridical.store.jobs import add_job, age_of_queue
from veridical.store.keys import MasterKeys, new_key
from veridical.store.schema import jobs
from veridical.store.transactions import find_transaction
from veridical.store.vault import opened_vault
from veridical.transactions import ProblemError, Worker
from veridical.verification import Verifier
from veridical.verification.evidence import (
    SigningKey,
    public_keys,
    read_public_keys,
    rotate_signing_key,
    verify_chain,
)
from veridical.verification.signers import register_signer

CANARY = "canary-4711"
DAY_MS = 86_400_000


def retention(here: House) -> Any:  # noqa: ANN401
    app: Any = here.client.app
    return app.state.retention


def view(here: House, key: dict[str, str], made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    return found


def test_a_transaction_expires_with_what_was_handed_in(here: House) -> None:
    key = here.key()
    made = here.start(key)
    here.collect(made)
    here.clock.ahead_ms = 1_201_000
    retention(here).tidy()
    seen = view(here, key, made)
    assert (seen["state"], seen["received"]) == ("expired", [])
    assert here.submit(made).status_code == 410
    assert here.put(made, "selfie", picture()).status_code == 410


def test_data_are_kept_for_as_long_as_was_said_and_no_longer(here: House) -> None:
    key = here.key()
    made = here.finished(key, subject_ref=CANARY)
    here.clock.ahead_ms = 29 * DAY_MS
    retention(here).tidy()
    assert view(here, key, made)["state"] == "completed"
    here.clock.ahead_ms = 31 * DAY_MS
    retention(here).tidy()
    assert view(here, key, made)["state"] == "erased"
    with here.resources.database.reading() as connection:
        assert opened_vault(connection, here.resources.keys, here.tenant, made["id"]) is None
        row = find_transaction(connection, made["id"])
    assert row is not None
    assert row.sealed_verdict is None


def test_pieces_that_nobody_names_are_swept(here: House) -> None:
    made = here.start(here.key())
    with here.resources.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO media_parts VALUES ('lost', 0, ?, ?, x'00')",
            (made["id"], here.clock() - 2 * 3_600_000),
        )
    here.collect(made)
    retention(here).tidy()
    with here.resources.database.reading() as connection:
        left = connection.exec_driver_sql("SELECT upload FROM media_parts").scalars().all()
    assert "lost" not in left
    assert left


def test_master_keys_are_turned_over_under_what_is_kept(here: House) -> None:
    key = here.key()
    made = here.finished(key, subject_ref="s")
    old = here.resources.keys.key("a")
    both = MasterKeys({"a": old, "b": new_key()})
    assert rewrap(here.resources.database, both) > 0
    with here.resources.database.reading() as connection:
        row = find_transaction(connection, made["id"])
        only_new = MasterKeys({"b": both.key("b")})
        vault = opened_vault(connection, only_new, here.tenant, made["id"])
    assert row is not None
    assert vault is not None
    assert row.sealed_request is not None
    assert vault.unseal_json(row.sealed_request, "request")["subject_ref"] == "s"
    back = MasterKeys({"b": both.key("b"), "a": old})
    rewrap(here.resources.database, back)


def test_the_signing_key_is_turned_over_and_the_chain_still_holds(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    first = SigningKey.from_file(path).key_id
    database = tmp_path / "v.db"
    with house(database, tmp_path) as made:
        made.finished(made.key(), 1)
    new = rotate_signing_key(path)
    assert new.key_id != first
    with pytest.raises(StoreError, match="not registered"), house(database, tmp_path):
        pass
    store = Database(database)
    register_signer(store, new)
    store.close()
    assert path.stat().st_mode & 0o077 == 0
    with house(database, tmp_path) as made:
        key = made.key()
        made.finished(key, 2)
        chain = made.client.get("/v1/evidence", headers=key).content
    pem = tmp_path / "all.pem"
    pem.write_bytes(public_keys(path))
    lines = chain.splitlines(keepends=True)
    assert len({json.loads(line)["key"] for line in lines}) == 2
    assert verify_chain(lines, read_public_keys([pem])).problem == ""
    pem.write_bytes(SigningKey.from_file(path).public_pem)
    assert "was not given" in verify_chain(lines, read_public_keys([pem])).problem


def test_any_flipped_byte_of_the_chain_is_found(here: House, tmp_path: Path) -> None:
    key = here.key()
    for grey in range(3):
        here.finished(key, grey)
    pem = tmp_path / "all.pem"
    pem.write_bytes(here.client.get("/v1/evidence/keys", headers=key).content)
    keys = read_public_keys([pem])
    chain = here.client.get("/v1/evidence", headers=key).content
    assert verify_chain(chain.splitlines(keepends=True), keys).records == 3
    for place in range(0, len(chain), 37):
        altered = bytearray(chain)
        altered[place] ^= 1
        assert verify_chain(bytes(altered).splitlines(keepends=True), keys).problem, place


def test_nothing_personal_gets_into_the_logs(here: House) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(lambda record: not record.name.startswith("httpx"))  # the test's own client
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    try:
        key = here.key()
        made = here.start(key, subject_ref=CANARY, device_ref=CANARY)
        here.collect(made)
        here.submit(made, capture={"camera_label": CANARY})

        def fail() -> None:
            raise RuntimeError(CANARY)

        here.rules.hook = fail
        broken = here.start(key, subject_ref=CANARY)
        here.collect(broken, 2)
        here.submit(broken, wait_s=0.5)
        here.client.get(f"/v1/transactions/{CANARY}", headers=key)
        here.client.get("/v1/transactions", params={"cursor": CANARY}, headers=key)
        here.client.post("/v1/transactions", json={"consent": CANARY}, headers=key)
        here.client.put(f"/v1/policies/{CANARY}", content=CANARY, headers=key)
        here.client.delete(f"/v1/subjects/{CANARY}", headers=key)
        here.client.post("/v1/faces/quality", files={"image": CANARY.encode()}, headers=key)
    finally:
        here.rules.hook = lambda: None
        root.removeHandler(handler)
        root.setLevel(level)
    text = stream.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert any(line["message"] == "answered" for line in lines)
    assert any(line.get("error") == "RuntimeError" for line in lines)
    for secret in (CANARY, made["upload_token"], key["Authorization"][7:]):
        assert secret not in text
        assert secret[-20:] not in text


def test_the_figures_count_verdicts_checks_and_the_queue(here: House) -> None:
    key = here.key()
    here.finished(key)
    text = here.client.get("/metrics", headers=key).text
    assert 'veridical_verdicts_total{outcome="accept",policy="selfie"}' in text
    assert 'veridical_check_seconds_count{check="face.match"}' in text
    assert "veridical_queue_transactions " in text
    assert here.tenant not in text
    assert 'route="/v1/transactions/{transaction}/submit"' in text


def test_the_description_of_the_api_is_of_version_3_1_and_has_examples(here: House) -> None:
    described = here.client.get("/openapi.json", headers=here.key("metrics:read")).json()
    assert described["openapi"].startswith("3.1")
    start = described["paths"]["/v1/transactions"]["post"]
    told = start["responses"]["201"]["content"]["application/json"]["schema"]
    examples = described["components"]["schemas"][told["$ref"].rpartition("/")[2]]["examples"]
    assert [example["kind"] for example in examples] == ["onboarding", "recording"]
    assert all(example["upload_token"] for example in examples)
    assert start["security"]
    problem = start["responses"]["4XX"]["content"]["application/problem+json"]["schema"]
    assert described["components"]["schemas"][problem["$ref"].rpartition("/")[2]]["examples"]


def test_work_for_a_loop_that_ended_is_refused_and_leaves_nothing_behind() -> None:
    """What was left behind failed whichever test ran when it was collected."""
    loop = asyncio.new_event_loop()
    loop.close()
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match="closed"):
            run_in(loop, lambda: None)
        gc.collect()
    assert not left


def test_a_worker_that_ends_waits_for_the_job_it_is_taking(tmp_path: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def slow() -> Verifier:
        entered.set()
        go.wait(PATIENCE_S)
        raise ProblemError(503, "service.not_ready", "it ends")

    with house(tmp_path / "v.db", tmp_path) as made:
        app: Any = made.client.app
        worker = Worker(app.state.service.transactions, slow, contextlib.nullcontext)
        worker.start(lambda work: Future())
        assert entered.wait(PATIENCE_S)
        threading.Timer(0.3, go.set).start()
        worker.stop(PATIENCE_S)
        assert worker._taker not in threading.enumerate()


def test_a_service_that_ends_finishes_what_it_judges(tmp_path: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        go.wait(PATIENCE_S)

    with house(tmp_path / "v.db", tmp_path) as made:
        made.rules.hook = block
        begun = made.start(made.key())
        made.collect(begun)
        assert made.submit(begun, wait_s=0).status_code == 202
        assert entered.wait(PATIENCE_S)
        threading.Timer(0.3, go.set).start()
        identity = begun["id"]
    # Ending waited: the verdict is there, and no job is left.
    again = Database(tmp_path / "v.db")
    with again.reading() as connection:
        row = find_transaction(connection, identity)
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar() == 0
    assert row is not None
    assert row.state == "completed"


def test_each_answer_bears_its_request_id(here: House) -> None:
    answer = here.client.get("/v1/transactions/nonsense", headers=bearer("x"))
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_job_is_claimed_by_who_has_a_place_for_it(here: House) -> None:
    app: Any = here.client.app
    worker, leased = app.state.service.worker, []
    place = worker._place

    @contextmanager
    def noting() -> Iterator[None]:
        with place():
            with here.resources.database.reading() as connection:
                leased.append(connection.scalar(select(func.count(jobs.c.lease))))
            yield

    worker._place = noting
    try:
        here.finished(here.key(), 91)
    finally:
        worker._place = place
    assert leased
    assert set(leased) == {0}


def test_figures_tell_what_to_scale_by_and_what_runs(here: House) -> None:
    key = replace(here, tenant="default").key("metrics:read")
    text = here.client.get("/metrics", headers=key).text
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(told["veridical_retention_lag_seconds"]) >= 0
    assert float(told['veridical_database_seconds_count{kind="writing"}']) > 0
    assert "process_resident_memory_bytes" in told
    assert f'veridical_build_info{{version="{veridical.__version__}"}}' in told


def test_the_age_of_the_queue_is_that_of_what_waits_longest(database: Database) -> None:
    with database.writing() as connection:
        assert age_of_queue(connection, 5_000) == 0
        for tenant, ready_at in (("a", 1_000), ("b", 2_000), ("b", 9_000)):
            add_job(connection, tenant, f"{tenant}{ready_at}", ready_at)
        assert age_of_queue(connection, 5_000) == 4_000
        assert age_of_queue(connection, 5_000, "b") == 3_000
