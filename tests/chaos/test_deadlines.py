"""Judges that hang: a person takes over, and the applicant's attempt is not spent."""

import threading
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.service_house import house
from veridical.errors import DecoderError
from veridical.transactions import worker


def test_a_judge_that_hangs_leaves_the_transaction_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RENEW_S", 0.05)
    monkeypatch.setattr(worker, "JUDGING_S", 0.2)
    go = threading.Event()

    def hang() -> None:
        go.wait(PATIENCE_S)

    with house(tmp_path / "v.db", tmp_path) as here:
        here.rules.hook = hang
        key = here.key()
        made = here.start(key)
        here.collect(made)
        answer = here.submit(made, wait_s=60)
        assert (answer.json()["state"], answer.json()["outcome"]) == ("completed", "review")
        seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
        assert seen["problem"]["code"] == "service.not_judged"
        assert seen["attempt"] == 1
        go.set()  # what it finds now is not kept
        monkeypatch.setattr(worker, "JUDGING_S", 600.0)
        again = here.finished(key, 2)
        assert again["outcome"] == "accept"
        seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
        assert seen["outcome"] == "review"


def test_a_lost_decoder_spends_no_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [2]
    genuine = worker.read_image

    def read(data: bytes) -> object:
        if lost[0]:
            lost[0] -= 1
            raise DecoderError("two decoders were killed")
        return genuine(data)

    monkeypatch.setattr(worker, "read_image", read)
    with house(tmp_path / "v.db", tmp_path) as here:
        seen = here.finished(here.key())
        assert (seen["outcome"], seen["attempt"], lost) == ("accept", 1, [0])
