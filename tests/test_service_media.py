"""Media are looked at when handed in, fetched back by few, and shown as they were judged."""

import json
from typing import Any

import pytest
from httpx2 import Response

from tests.service_house import House, digest_of, medium, picture

UNLIKE = {
    "document_front": (b"hello", "media.not_an_image"),
    "selfie": (b"hello" * 100, "media.not_an_image"),
    "clip": (picture(), "media.not_a_clip"),
}


def code(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("kind", UNLIKE)
def test_what_is_no_medium_of_its_kind_costs_no_attempt(here: House, kind: str) -> None:
    key, (data, refused) = here.key(), UNLIKE[kind]
    made = here.start(key, policy="spoken" if kind == "clip" else "selfie")
    answer = here.put(made, kind, data)
    assert code(answer) == (422, refused)
    assert answer.json()["errors"] == [{"pointer": "", "detail": answer.json()["detail"]}]
    seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert (seen["attempt"], seen["media"]["received"]) == (1, [])
    assert here.put(made, kind, medium(kind)).status_code == 200


def test_a_first_slice_is_looked_at(here: House) -> None:
    made = here.start(here.key(), policy="spoken")
    token = {"Authorization": f"Bearer {made['upload_token']}"}
    path = f"/v1/transactions/{made['id']}"
    here.client.post(f"{path}/challenge", json={"reveal": "stepwise"}, headers=token)
    answer = here.client.put(
        f"{path}/slices/0", content=b"hello", headers={**token, **digest_of(b"hello")}
    )
    assert code(answer) == (422, "media.not_a_clip")


def test_media_are_fetched_back_by_a_scope_of_its_own_and_it_is_recorded(here: House) -> None:
    key, fetcher = here.key(), here.key("media:read", person="Ana Lopez")
    made, data = here.start(key), picture(31) + bytes(1_200_000)  # more than one piece
    here.put(made, "selfie", data)
    path = f"/v1/transactions/{made['id']}/media/selfie"
    answer = here.client.get(path, headers=fetcher)
    assert answer.content == data
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-digest"] == digest_of(data)["Content-Digest"]
    assert answer.headers["cache-control"] == "no-store"
    others = here.key("transactions:read", "transactions:write", "reviews", "admin")
    assert code(here.client.get(path, headers=others)) == (403, "auth.scope")
    token = {"Authorization": f"Bearer {made['upload_token']}"}
    assert code(here.client.get(path, headers=token)) == (403, "auth.scope")
    stranger = here.of_new_tenant().key("media:read")
    assert code(here.client.get(path, headers=stranger)) == (404, "transaction.not_found")
    lines = here.client.get(f"/v1/transactions/{made['id']}/evidence", headers=key).text
    (record,) = [json.loads(line) for line in lines.splitlines()]
    assert (record["event"], record["action"], record["about"], record["operator"]) == (
        "action",
        "media.read",
        "selfie",
        "Ana Lopez",
    )
    here.client.delete(f"/v1/transactions/{made['id']}", headers=key)
    assert code(here.client.get(path, headers=fetcher)) == (410, "transaction.erased")


def test_a_reviewer_is_shown_what_was_judged_and_nothing_is_judged_again(here: House) -> None:
    key = here.key()
    here.rules.score, here.rules.reason = 0.3, "low_score"
    made = here.finished(key, 77)
    assert made["outcome"] == "review"
    judged = list(here.rules.seen)
    path = f"/v1/transactions/{made['id']}/explanation"
    first = here.client.get(path, headers=key)
    assert first.status_code == 200, first.text
    assert first.json()["outcome"] == "review"
    assert here.client.get(path, headers=key).json() == first.json()
    assert here.rules.seen == judged
    with here.resources.database.reading() as connection:
        sealed = connection.exec_driver_sql("SELECT sealed FROM explanations").scalars().all()
    assert all(b"pictures" not in each for each in sealed)
    here.client.delete(f"/v1/transactions/{made['id']}", headers=key)
    with here.resources.database.reading() as connection:
        left = connection.exec_driver_sql(
            'SELECT count(*) FROM explanations WHERE "transaction" = ?', (made["id"],)
        )
        assert left.scalar() == 0


def test_an_explanation_that_was_not_kept_is_made_once(here: House) -> None:
    key = here.key()
    made = here.finished(key, 78)
    assert made["outcome"] == "accept"
    path, judged = f"/v1/transactions/{made['id']}/explanation", len(here.rules.seen)
    shown = [here.client.get(path, headers=key).json() for _ in range(2)]
    assert shown[0] == shown[1]
    again = len(here.rules.seen) - judged
    assert 0 < again <= judged


def test_a_malformed_request_names_every_place_and_its_reason(here: House) -> None:
    key = here.key()
    body: dict[str, Any] = {
        "consent": {"biometrics": "yes"},
        "locale": "xx",
        "metadata": {"Secret Name": "canary-1"},
        "canary_2": 1,
    }
    answer = here.client.post("/v1/transactions", json=body, headers=key)
    told = answer.json()
    assert code(answer) == (422, "request.malformed")
    assert {place["pointer"] for place in told["errors"]} == {
        "/body/consent/biometrics",
        "/body/locale",
        "/body/metadata/(as sent)",
        "/body/(as sent)",
    }
    reasons = {place["pointer"]: place["detail"] for place in told["errors"]}
    assert reasons["/body/locale"] == "Input should be 'en' or 'zh'"
    assert "boolean" in reasons["/body/consent/biometrics"]
    assert not {"canary-1", "canary_2", "Secret Name", "xx"} & set(answer.text.split('"'))
    for path, pointer in (
        ("/v1/transactions?limit=0", "/query/limit"),
        ("/v1/transactions?polcy=selfie", "/query"),
        ("/v1/transactions?cursor=x", "/query/cursor"),
        ("/v1/transactions/t_1", "/path/transaction"),
    ):
        answer = here.client.get(path, headers=key)
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer], path
        assert answer.json()["errors"][0]["detail"]


def test_lists_carry_the_callers_words_and_are_narrowed_by_policy(here: House) -> None:
    key, words = here.key(), {"branch": "7", "order": "A-1"}
    made = here.start(key, metadata=words)
    here.start(key, policy="spoken")
    page = here.client.get("/v1/transactions", params={"policy": "selfie"}, headers=key).json()
    assert [(item["id"], item["metadata"]) for item in page["items"]] == [(made["id"], words)]
    assert (
        here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()["metadata"] == words
    )
    here.rules.score, here.rules.reason = 0.3, "low_score"
    held = here.finished(key, 79, subject_ref="c-9", metadata=words)
    (item,) = here.client.get("/v1/reviews", headers=key).json()["items"]
    assert (item["id"], item["subject_ref"], item["metadata"]) == (held["id"], "c-9", words)
    applicant = here.client.get(
        f"/v1/transactions/{made['id']}",
        headers={"Authorization": f"Bearer {made['upload_token']}"},
    )
    assert "metadata" not in applicant.json()
