"""A clock that is set back or forth while a service runs: nothing waits, and nothing lives on."""

from typing import Any

import pytest

from tests.service_house import House, bearer, digest_of
from veridical.store.jobs import FARTHEST_MS, add_job, claim_job, drop_job
from veridical.store.outbox import add_letter, claim_letter

HOUR_MS = 3_600_000


def test_a_job_does_not_wait_for_a_time_that_comes_again(here: House) -> None:
    now, database = here.resources.clock() + 50 * HOUR_MS, here.resources.database
    with database.writing() as connection:
        add_job(connection, here.tenant, "t_back", now + FARTHEST_MS // 2)
        assert claim_job(connection, now, 1) is None  # it is to wait a while
        job = claim_job(connection, now - HOUR_MS, 30_000)
        assert job is not None
        assert claim_job(connection, now - HOUR_MS, 30_000) is None  # it is held
        drop_job(connection, "t_back")


def test_a_webhook_does_not_wait_either_and_is_sent_once(here: House) -> None:
    now, database = here.resources.clock() + 50 * HOUR_MS, here.resources.database
    with database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM outbox")
        add_letter(connection, here.tenant, "https://bank.example/h", "{}", now)
        assert claim_letter(connection, now - HOUR_MS, 60_000) is not None
        assert claim_letter(connection, now - HOUR_MS, 60_000) is None
        connection.exec_driver_sql("DELETE FROM outbox")


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, 400 * 24 * HOUR_MS])
def test_a_transaction_is_judged_whatever_the_clock_does_meanwhile(
    here: House, ahead_ms: int
) -> None:
    key = here.key()
    made = here.start(key)
    here.collect(made, 41)
    here.clock.ahead_ms = ahead_ms
    assert here.submit(made).status_code == 410  # its time is over by every clock
    made = here.start(key)
    here.collect(made, 42)
    here.clock.ahead_ms = 0
    assert here.submit(made).json()["outcome"] == "accept"


def test_a_challenge_of_the_future_is_not_answered(here: House) -> None:
    """Set back by an hour, the clock would give it an hour more."""
    key = here.key()
    here.clock.ahead_ms = HOUR_MS
    made = here.start(key, policy="spoken")
    here.collect(made, 43)
    here.clock.ahead_ms = 0
    assert here.submit(made).json()["code"] == "challenge.expired"


def test_a_recording_is_not_taken_across_a_jump(here: House) -> None:
    made = here.start(here.key(), policy="spoken")
    path, token = f"/v1/transactions/{made['id']}", bearer(made["upload_token"])
    here.client.post(f"{path}/challenge", json={"reveal": "stepwise"}, headers=token)

    def send(number: int) -> Any:  # noqa: ANN401
        data = b"\x1aE\xdf\xa3" + bytes([number])
        headers = {**token, **digest_of(data)}
        return here.client.put(f"{path}/slices/{number}", content=data, headers=headers)

    here.clock.ahead_ms = 600
    assert send(0).status_code == 200
    here.clock.ahead_ms = -5_000
    assert send(1).json()["code"] == "challenge.expired"


def test_nobody_waits_for_hours_because_a_failure_lies_in_the_future(here: House) -> None:
    key = here.key()
    here.rules.score = 0.0
    here.clock.ahead_ms = HOUR_MS
    for grey in range(5):
        here.finished(key, 50 + grey, subject_ref="c-1")
    here.clock.ahead_ms = 0
    body = {"policy": "selfie", "consent": {"biometrics": True}, "subject_ref": "c-1"}
    answer = here.client.post("/v1/transactions", json=body, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (429, "challenge.back_off")
    assert int(answer.headers["retry-after"]) <= 900
