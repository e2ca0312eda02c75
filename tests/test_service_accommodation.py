"""Somebody who cannot read digits aloud is neither accepted nor sent back: a person decides."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service_house import House, bearer, house, picture

Case = tuple[House, dict[str, object], dict[str, str]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("accommodation")
    with house(Path(folder) / "test.db", folder) as made:
        yield made


@pytest.fixture
def silent(here: House) -> Case:
    """A spoken transaction with a selfie in place of its clip."""
    tenant = here.of_new_tenant()
    key = tenant.key()
    made = tenant.start(key, policy="spoken")
    for kind in ("document_front", "selfie"):
        assert tenant.put(made, kind, picture()).status_code == 200
    return tenant, made, key


def ended(case: Case, **more: object) -> dict[str, object]:
    tenant, made, key = case
    answer = tenant.client.post(
        f"/v1/transactions/{made['id']}/submit",
        params={"wait_s": 20},
        json={"accommodation": "cannot_speak", **more},
        headers=bearer(str(made["upload_token"])),
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = tenant.client.get(
        f"/v1/transactions/{made['id']}", headers=key
    ).json()
    return found


def test_what_would_be_accepted_is_left_to_a_person(silent: Case) -> None:
    found = ended(silent)
    assert (found["state"], found["outcome"]) == ("completed", "review")
    verdict = found["verdict"]
    assert isinstance(verdict, dict)
    assert verdict["first_cause"] == "accommodation:cannot_speak"
    tenant, made, key = silent
    queue = tenant.client.get("/v1/reviews", headers=key).json()["items"]
    assert [item["id"] for item in queue] == [made["id"]]


def test_what_would_be_tried_again_is_too(silent: Case) -> None:
    rules = silent[0].rules
    rules.score, rules.reason = None, "no_face"
    assert ended(silent)["outcome"] == "review"


def test_a_rejection_stays_one(silent: Case) -> None:
    silent[0].rules.score = 0.0
    assert ended(silent)["outcome"] == "reject"


def test_without_saying_so_the_clip_is_missed(silent: Case) -> None:
    tenant, made, _ = silent
    answer = tenant.submit(made)
    assert (answer.status_code, answer.json()["code"]) == (422, "media.missing")
