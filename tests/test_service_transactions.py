"""A transaction from its start to its tombstone, and everything that may not be done to it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.service_house import House, bearer, digest_of, medium, picture
from veridical.verification.evidence import read_public_keys, verify_chain


def pieces_of(here: House, transaction: str) -> list[bytes]:
    with here.resources.database.reading() as connection:
        rows = connection.exec_driver_sql(
            'SELECT sealed FROM media_parts WHERE "transaction" = ?', (transaction,)
        )
        return [row[0] for row in rows]


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


def test_what_is_wanted_follows_from_the_policy(here: House) -> None:
    spoken = here.start(here.key(), policy="spoken")
    assert spoken["media"] == {
        "required": ["document_front", "clip"],
        "optional": ["document_back", "selfie"],
        "prompts": ["colours", "digits"],
    }
    assert len(spoken["challenge"]["digits"]) == len(spoken["challenge"]["schedule_ms"]) == 6
    assert here.start(here.key())["challenge"] is None


def test_a_check_can_be_added_and_shows_in_the_hash(here: House) -> None:
    plain = here.start(here.key())
    stricter = here.start(here.key(), checks=["liveness.injection", "face.same_person"])
    assert stricter["media"]["required"] == ["document_front", "clip"]
    assert plain["policy"]["sha256"] != stricter["policy"]["sha256"]
    answer = here.client.post(
        "/v1/transactions",
        json={"consent": {"biometrics": True}, "checks": ["face.colour"]},
        headers=here.key(),
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "policy.unknown_check")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"consent": {"biometrics": False}}, 422, "consent.missing"),
        ({"consent": {}}, 422, "request.malformed"),
        ({"consent": {"biometrics": True}, "extra": 1}, 422, "request.malformed"),
        ({"consent": {"biometrics": True}, "policy": "demo"}, 422, "policy.unknown"),
        ({"consent": {"biometrics": True}, "policy": "/etc/passwd"}, 422, "policy.unknown"),
        ({"consent": {"biometrics": True}, "kind": "reverify"}, 422, "request.malformed"),
        (
            {"consent": {"biometrics": True}, "kind": "reverify", "subject_ref": "nobody"},
            404,
            "gallery.unknown_subject",
        ),
        (
            {"consent": {"biometrics": True}, "callback": "http://example.org/h"},
            422,
            "callback.refused",
        ),
        (
            {"consent": {"biometrics": True}, "callback": "https://169.254.169.254/"},
            422,
            "callback.refused",
        ),
    ],
)
def test_what_cannot_be_started(here: House, body: dict[str, Any], status: int, code: str) -> None:
    answer = here.client.post("/v1/transactions", json=body, headers=here.key())
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_same_idempotency_key_gives_the_same_answer(here: House) -> None:
    headers = {**here.key(), "Idempotency-Key": "k-1"}
    body = {"policy": "spoken", "consent": {"biometrics": True}}
    first = here.client.post("/v1/transactions", json=body, headers=headers)
    again = here.client.post("/v1/transactions", json=body, headers=headers)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = here.client.post("/v1/transactions", json={**body, "locale": "zh"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.mismatch")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "media.digest_missing"),
        ({"Content-Digest": "md5=:AAAA:"}, "media.digest_missing"),
        ({"Content-Digest": "sha-256=:AAAA:"}, "media.digest_missing"),
        (digest_of(b"others"), "media.digest_mismatch"),
    ],
)
def test_bytes_must_be_those_that_were_announced(
    here: House, header: dict[str, str], code: str
) -> None:
    made = here.start(here.key())
    path = f"/v1/transactions/{made['id']}/media/selfie"
    answer = here.client.put(
        path, content=picture(), headers={**bearer(made["upload_token"]), **header}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert pieces_of(here, made["id"]) == []


def test_a_kind_that_is_not_asked_for_is_refused(here: House) -> None:
    made = here.start(here.key())
    answer = here.put(made, "voice", b"sound")
    assert (answer.status_code, answer.json()["code"]) == (422, "media.not_wanted")
    assert here.put(made, "selfie", b"").json()["code"] == "media.empty"


def test_a_large_medium_is_kept_in_sealed_pieces(here: House) -> None:
    made = here.start(here.key())
    data = picture() + os.urandom(2_500_000)
    assert here.put(made, "selfie", data).status_code == 200
    assert here.put(made, "selfie", data).status_code == 200  # the same again takes its place
    pieces = pieces_of(here, made["id"])
    assert len(pieces) == 3
    assert all(data[:1000] not in piece for piece in pieces)


def test_nothing_is_judged_before_all_is_there(here: House) -> None:
    made = here.start(here.key())
    here.put(made, "selfie", picture())
    answer = here.submit(made)
    assert (answer.status_code, answer.json()["code"]) == (422, "media.missing")
    assert "document_front" in answer.json()["detail"]


def test_media_that_were_swapped_are_noticed(here: House) -> None:
    made = here.start(here.key())
    here.collect(made)
    answer = here.submit(made, media_sha256={"selfie": "0" * 64})
    assert (answer.status_code, answer.json()["code"]) == (409, "media.changed")


def test_a_second_submit_is_refused_and_judges_nothing(here: House) -> None:
    made = here.start(here.key())
    here.collect(made)
    assert here.submit(made).status_code == 200
    judged = len(here.rules.seen)
    answer = here.submit(made)
    assert (answer.status_code, answer.json()["code"]) == (409, "transaction.state")
    assert here.put(made, "selfie", picture(9)).json()["code"] == "transaction.state"
    assert len(here.rules.seen) == judged


def test_a_recording_serves_one_transaction(here: House) -> None:
    key = here.key()
    here.finished(key, grey=7)
    made = here.start(key)
    here.collect(made, grey=7)
    answer = here.submit(made)
    assert (answer.status_code, answer.json()["code"]) == (409, "media.replayed")
    here.collect(made, grey=8)
    assert here.submit(made).status_code == 200


def spoken(here: House, key: dict[str, str], **more: object) -> dict[str, Any]:
    made = here.start(key, policy="spoken", **more)
    here.collect(made, grey=len(here.rules.seen) % 250)
    return made


def test_a_nonce_answers_once_and_in_time(here: House) -> None:
    key = here.key()
    made = spoken(here, key)
    old = made["challenge"]["nonce"]
    drawn = here.client.post(
        f"/v1/transactions/{made['id']}/challenge", headers=bearer(made["upload_token"])
    ).json()["challenge"]
    assert drawn["nonce"] != old
    # The recording answered the old one: it is gone with it.
    assert here.submit(made, nonce=drawn["nonce"]).json()["code"] == "media.missing"
    here.collect(made, grey=99)
    replayed = here.submit(made, nonce=old)
    assert (replayed.status_code, replayed.json()["code"]) == (409, "challenge.unknown")
    assert here.submit(made, nonce=None).json()["code"] == "challenge.unknown"
    here.clock.ahead_ms = 100_000
    late = here.submit(made, nonce=drawn["nonce"])
    assert (late.status_code, late.json()["code"]) == (409, "challenge.expired")
    here.clock.ahead_ms = 1_201_000
    assert here.submit(made, nonce=drawn["nonce"]).status_code == 410


def test_media_that_cannot_be_decoded_bring_the_applicant_back(here: House) -> None:
    key = here.key()
    made = spoken(here, key)  # a head of a clip, and no more
    answer = here.submit(made).json()
    assert (answer["state"], answer["outcome"], answer["attempt"]) == ("collecting", "retry", 2)
    seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert seen["problem"]["code"] == "media.undecodable"
    assert seen["verdict"] is None
    assert here.submit(made).json()["code"] == "challenge.spent"


def test_a_retry_ends_in_a_review_when_no_attempts_are_left(here: House) -> None:
    key = here.key()
    here.rules.score, here.rules.reason = None, "no_face"
    made = here.start(key)
    outcomes = []
    for grey in range(3):
        here.collect(made, grey)
        answer = here.submit(made).json()
        outcomes.append((answer["state"], answer["outcome"]))
    assert outcomes == [("collecting", "retry"), ("collecting", "retry"), ("completed", "review")]
    lines = here.client.get(f"/v1/transactions/{made['id']}/evidence", headers=key).text
    assert [json.loads(line)["attempt"] for line in lines.splitlines()] == [1, 2, 3]


def test_too_many_failures_make_a_subject_wait(here: House) -> None:
    key = here.key()
    here.rules.score = 0.0
    for grey in range(5):
        assert here.finished(key, grey, subject_ref="c-9")["outcome"] == "reject"
    body = {"policy": "selfie", "consent": {"biometrics": True}, "subject_ref": "c-9"}
    refused = here.client.post("/v1/transactions", json=body, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (429, "challenge.back_off")
    assert 0 < int(refused.headers["retry-after"]) <= 30
    other = here.client.post("/v1/transactions", json={**body, "subject_ref": "c-8"}, headers=key)
    assert other.status_code == 201
    here.clock.ahead_ms = 40_000
    assert here.client.post("/v1/transactions", json=body, headers=key).status_code == 201


def test_a_challenge_is_not_drawn_without_end(here: House) -> None:
    made = here.start(here.key(), policy="spoken")
    path = f"/v1/transactions/{made['id']}/challenge"
    codes = [
        here.client.post(path, headers=bearer(made["upload_token"])).status_code for _ in range(10)
    ]
    assert codes == [200] * 9 + [409]


def test_cancelled_media_are_gone(here: House) -> None:
    made = here.start(here.key())
    here.collect(made)
    path = f"/v1/transactions/{made['id']}/cancel"
    for _ in range(2):
        answer = here.client.post(path, headers=bearer(made["upload_token"]))
        assert answer.json()["state"] == "cancelled"
    assert pieces_of(here, made["id"]) == []
    assert here.submit(made).json()["code"] == "transaction.state"


def test_erasing_leaves_a_tombstone_and_a_chain_that_holds(here: House, tmp_path: Path) -> None:
    key = here.key()
    kept = here.finished(key, 1, subject_ref="canary-subject")
    gone = here.finished(key, 2, subject_ref="canary-subject")
    answer = here.client.delete(f"/v1/transactions/{gone['id']}", headers=key)
    assert answer.json()["state"] == "erased"
    assert here.client.delete(f"/v1/transactions/{gone['id']}", headers=key).json() == answer.json()
    seen = here.client.get(f"/v1/transactions/{gone['id']}", headers=key).json()
    assert seen.keys() == {
        "id", "kind", "state", "sandbox", "created_at", "erased_at", "evidence"
    }  # fmt: skip
    with here.resources.database.reading() as connection:
        left = connection.exec_driver_sql(
            'SELECT count(*) FROM media WHERE "transaction" = ?', (gone["id"],)
        ).scalar()
        row = connection.exec_driver_sql(
            "SELECT sealed_request, sealed_verdict, subject_digest FROM transactions WHERE id = ?",
            (gone["id"],),
        ).one()
    assert (left, tuple(row)) == (0, (None, None, None))
    chain = here.client.get("/v1/evidence", headers=key)
    assert "canary" not in chain.text
    public = tmp_path / "public.pem"
    public.write_bytes(here.client.get("/v1/evidence/keys", headers=key).content)
    head = here.client.get("/v1/evidence/head", headers=key).json()
    lines = [line + b"\n" for line in chain.content.splitlines()]
    found = verify_chain(lines, read_public_keys([public]), head["hash"])
    assert (found.records, found.problem) == (3, "")
    assert here.client.get(f"/v1/transactions/{kept['id']}", headers=key).json()["verdict"]


def test_a_reviewer_decides_once_and_signs(here: House) -> None:
    key = here.key()
    here.rules.score = 0.3
    waiting = [here.finished(key, grey)["id"] for grey in (1, 2, 3)]
    first = here.client.get("/v1/reviews", params={"limit": 2}, headers=key).json()
    rest = here.client.get("/v1/reviews", params={"cursor": first["next"]}, headers=key).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == waiting
    assert first["items"][0]["first_cause"]
    decided = {"operator": "staff-7", "outcome": "accept", "reason": "a canary reason"}
    path = f"/v1/transactions/{waiting[0]}/review"
    answer = here.client.post(path, json=decided, headers=key).json()
    assert (answer["outcome"], answer["final_outcome"]) == ("review", "accept")
    assert answer["review"]["reason"] == "a canary reason"
    again = here.client.post(path, json=decided, headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "review.not_open")
    lines = here.client.get(f"/v1/transactions/{waiting[0]}/evidence", headers=key).text
    record = json.loads(lines.splitlines()[-1])
    assert (record["event"], record["operator_said"]) == ("review", "staff-7")
    assert "canary" not in lines
    assert len(here.client.get("/v1/reviews", headers=key).json()["items"]) == 2


def test_lists_are_told_in_pages(here: House) -> None:
    key = here.key()
    ids = [here.start(key)["id"] for _ in range(5)]
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        page = here.client.get(
            "/v1/transactions", params={"limit": 2, "cursor": cursor}, headers=key
        ).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert sorted(found) == sorted(ids)
    bad = here.client.get("/v1/transactions", params={"cursor": "x"}, headers=key)
    assert bad.status_code == 422


@pytest.mark.parametrize("script", ["accept", "review", "retry", "reject", "unreadable"])
def test_the_sandbox_keeps_to_its_script_and_says_so(here: House, script: str) -> None:
    key = here.key(sandbox=True)
    made = here.start(key, policy="spoken", subject_ref=f"sandbox:{script}")
    for kind in made["media"]["required"]:
        assert here.put(made, kind, medium(kind)).status_code == 200
    assert here.submit(made).json()["outcome"] == {"unreadable": "retry"}.get(script, script)
    seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert seen["sandbox"] is True
    assert here.rules.seen == []
    if script != "unreadable":
        assert (seen["verdict"]["stamps"], seen["verdict"]["profile"]) == (["sandbox"], "sandbox")


def test_no_script_runs_without_a_sandbox_key(here: House) -> None:
    seen = here.finished(here.key(), subject_ref="sandbox:reject")
    assert (seen["sandbox"], seen["outcome"], seen["verdict"]["stamps"]) == (False, "accept", [])
    real = here.finished(here.key(sandbox=True), grey=3, subject_ref="c-1")
    assert real["verdict"]["stamps"] == ["sandbox"]
