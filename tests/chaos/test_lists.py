"""A list is asked for less than everything: what it does not understand it says."""

import pytest

from tests.service_house import House, bearer
from veridical.verification import load_policy

WEAK = b'id = "selfie"\nversion = 7\nrequired = ["face.match"]\nattempts = 1\n'


def test_a_list_is_narrowed(here: House) -> None:
    key = here.key()
    anna = here.finished(key, 171, subject_ref="c-1")
    here.rules.score = 0.3
    boris = here.finished(key, 172, subject_ref="c-2")

    def found(**query: str) -> list[str]:
        answer = here.client.get("/v1/transactions", params=query, headers=key)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert found(subject_ref="c-1") == [anna["id"]]
    assert found(outcome="review") == [boris["id"]]
    assert found(state="expired") == found(subject_ref="c-3") == []
    assert found(since=boris["created_at"])[0] == boris["id"]
    assert found(until=anna["created_at"]) == []
    items = here.client.get("/v1/transactions", headers=key).json()["items"]
    assert [item["subject_ref"] for item in items] == ["c-2", "c-1"]
    assert items[0]["policy"]["id"] == "selfie"


@pytest.mark.parametrize("path", ["/v1/transactions", "/v1/reviews"])
def test_unknown_parameters_are_refused(here: House, path: str) -> None:
    answer = here.client.get(path, params={"subject": "c-1"}, headers=here.key())
    assert (answer.status_code, answer.json()["code"]) == (422, "request.malformed")


@pytest.mark.parametrize("count", [20, 22, 500])
def test_no_number_of_parameters_is_an_error_of_the_service(here: House, count: int) -> None:
    """Whoever asks: it is settled before the key is looked at."""
    for headers in ({}, here.key()):
        query = "&".join(f"a{i}=1" for i in range(count))
        answer = here.client.get(f"/v1/transactions?{query}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "request.malformed")
        assert answer.json()["errors"][0]["pointer"] == "/query"


def test_a_medium_is_taken_back_until_it_is_submitted(here: House) -> None:
    made = here.start(here.key())
    here.collect(made, 181)
    token = bearer(made["upload_token"])
    path = f"/v1/transactions/{made['id']}/media/selfie"
    assert here.client.delete(path, headers=token).status_code == 204
    assert here.client.delete(path, headers=token).json()["code"] == "media.not_there"
    assert here.submit(made).json()["code"] == "media.missing"
    here.collect(made, 182)
    assert here.submit(made).status_code == 200
    assert here.client.delete(path, headers=token).status_code == 409


def test_nobody_shadows_a_shipped_policy_unawares(here: House) -> None:
    key = here.key()
    headers = {**key, "Content-Type": "application/toml"}

    def put(query: str, content: bytes = WEAK) -> int:
        answer = here.client.put(f"/v1/policies/selfie{query}", content=content, headers=headers)
        return int(answer.status_code)

    assert put("") == 409
    assert here.start(key)["policy"]["version"] == load_policy("selfie").version
    assert put("?shadow=true") == 201
    assert put("", WEAK.replace(b"7", b"8")) == 201  # a further version of what is its own by now
