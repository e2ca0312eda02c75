"""A transaction from its start to its tombstone, and everything that may not be done to it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service_house import House, bearer, digest_of, house, picture
from veridical.verification.evidence import read_public_keys, verify_chain


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path / "v.db", tmp_path) as made:
        yield made


def test_an_applicant_is_accepted_and_sees_no_score(here: House) -> None:
    key = here.key()
    made = here.start(key, subject_ref="c-1")
    assert made["media"]["required"] == ["document_front", "selfie"]
    here.collect(made)
    assert here.put(made, "selfie", picture()).json()["bytes"] == len(picture())
    answer = here.submit(made)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "accept")
    assert "verdict" not in answer.json()
    assert "score" not in answer.text
    seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert seen["verdict"]["checks"][0]["score"] == 1.0
    assert (seen["subject_ref"], seen["final_outcome"]) == ("c-1", "accept")
