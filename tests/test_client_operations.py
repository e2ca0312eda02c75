"""The SDK asks for every operation that the service describes, as it describes it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from veridical.client import Client, Session

ROOT = Path(__file__).parent.parent
DESCRIBED: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, operations in DESCRIBED["paths"].items()
    for method, operation in operations.items()
}
T = "t_" + "0" * 32

CALLS: dict[str, Callable[[Client], object]] = {
    "add_tenant": lambda c: c.add_tenant("bank"),
    "add_webhook": lambda c: c.add_webhook("https://b.example/h", events=["drift.raised"]),
    "issue_key": lambda c: c.issue_key(roles=["reviewer"], person="Ana Lopez", tenant="bank"),
    "list_keys": lambda c: c.keys(),
    "list_tenants": lambda c: c.tenants(),
    "list_webhook_messages": lambda c: c.webhook_messages(state="given_up", tenant="bank"),
    "list_webhooks": lambda c: c.webhooks(),
    "new_webhook_secret": lambda c: c.new_webhook_secret(),
    "redeliver_webhook_message": lambda c: c.redeliver("msg_" + "0" * 32),
    "remove_webhook": lambda c: c.remove_webhook("we_" + "0" * 32),
    "revoke_key": lambda c: c.revoke_key("0" * 12, tenant="bank"),
    "set_limits": lambda c: c.set_limits("bank", requests_per_minute=60, concurrent=2),
    "add_to_list": lambda c: c.add_to_list("deny", "phone", ["+8613800138000"], label="case 17"),
    "agree": lambda c: c.agree(T, text_version="1", language="en"),
    "cancel_transaction": lambda c: c.cancel(T),
    "check_lip_liveness": lambda c: c.lip_liveness(b"v", "1234", schedule_ms=[1.0, 2.0, 3.0, 4.0]),
    "check_silent_liveness": lambda c: c.silent_liveness("image", b"i"),
    "check_spoken_digits": lambda c: c.spoken_digits(b"a", "1234"),
    "claim_review": lambda c: c.claim(T),
    "compare_faces": lambda c: c.compare_faces(b"a", b"b"),
    "compare_voices": lambda c: c.compare_voices(b"a", b"b"),
    "create_transaction": lambda c: c.create(policy="selfie", consent_text="1", facts={"a": 1.0}),
    "delete_subject": lambda c: c.remove("g", "s"),
    "delete_medium": lambda c: c.take_back(T, "selfie"),
    "draw_challenge": lambda c: c.draw_challenge(T, language="zh"),
    "enrol_subject": lambda c: c.enrol("g", "s", b"i", birth_year=1990, sex="F", replace=True),
    "erase_subject": lambda c: c.erase_subject("s"),
    "erase_transaction": lambda c: c.erase(T),
    "evaluate_policy": lambda c: c.evaluate_policy("selfie", [{"format": "x"}], version=2),
    "explain_transaction": lambda c: c.explain(T),
    "fetch_medium": lambda c: c.fetch_medium(T, "selfie"),
    "get_drift": lambda c: c.drift(),
    "get_evidence_head": lambda c: c.evidence_head(),
    "get_evidence_keys": lambda c: c.evidence_keys(),
    "get_gallery": lambda c: c.gallery("g"),
    "get_policy": lambda c: c.policy("selfie"),
    "get_recording_page": lambda c: c.recording_page(T, language="zh"),
    "get_subject": lambda c: c.galleries_of("s"),
    "get_transaction": lambda c: c.get(T),
    "get_transaction_evidence": lambda c: c.evidence(T),
    "guide_document": lambda c: c.guide_document(b"j"),
    "guide_face": lambda c: c.guide_face(b"j", locale="zh"),
    "list_evidence": lambda c: c.evidence_chain(limit=10, cursor="20"),
    "list_models": lambda c: c.models(),
    "list_policies": lambda c: c.policies(),
    "list_reviews": lambda c: c.reviews(),
    "list_sizes": lambda c: c.list_sizes(),
    "list_transactions": lambda c: c.list_transactions(state="completed"),
    "make_link": lambda c: c.link(T),
    "measure_face_quality": lambda c: c.face_quality(b"i"),
    "read_document": lambda c: c.read_document(b"f", b"b"),
    "readyz": lambda c: c.ready(),
    "remove_from_list": lambda c: c.remove_from_list("deny", "phone", ["1"]),
    "review_transaction": lambda c: c.review(T, operator="o", outcome="accept", reason="r"),
    "search_gallery": lambda c: c.search("g", b"i", limit=3),
    "store_policy": lambda c: c.store_policy("p", b'id = "p"'),
    "take_over": lambda c: c.take_over(T),
    "submit_transaction": lambda c: c.submit(T, nonce="n", segments=[("a", 0.0, 1.0)]),
    "upload_slice": lambda c: c.upload_slice(T, 0, b"s", last=True),
    "upload_medium": lambda c: c.upload(T, "selfie", b"i"),
    "verify": lambda c: c.verify_once({"selfie": b"i"}, policy="selfie", facts={"a": 1.0}),
}
WITHOUT = {
    "open_link": "for the applicant's device: its key must not leave it",
    "renew_device": "for the applicant's device: its key must not leave it",
    "livez": "for what restarts processes; `ready` says more to everybody else",
    "metrics": "for Prometheus, which reads the text itself",
}


class Enough(Exception):
    """The request was seen."""


def sent(call: Callable[[Client], object]) -> httpx2.Request:
    seen: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        request.read()
        seen.append(request)
        raise Enough

    transport = httpx2.MockTransport(keep)
    with (
        Client("http://s", "vk_k", session=Session(retries=0), transport=transport) as client,
        pytest.raises(Enough),
    ):
        call(client)
    return seen[0]


def test_every_operation_has_its_method_or_a_reason() -> None:
    assert CALLS.keys() | WITHOUT.keys() == OPERATIONS.keys()
    assert not CALLS.keys() & WITHOUT.keys()


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_method_asks_as_is_described(name: str) -> None:
    method, path, operation = OPERATIONS[name]
    request = sent(CALLS[name])
    pattern = re.sub(r"\{\w+\}", "[^/]+", path)
    assert (request.method, bool(re.fullmatch(pattern, request.url.path))) == (method, True)
    parameters = {(p["in"], p["name"]): p for p in operation.get("parameters", ())}
    for key in request.url.params:
        assert ("query", key) in parameters
    for (place, header), parameter in parameters.items():
        if place == "header" and parameter.get("required"):
            assert header in request.headers
    body = operation.get("requestBody", {}).get("content", {})
    kind = request.headers.get("content-type", "").partition(";")[0]
    assert kind in body if body else not request.content
    if kind == "application/json":
        fields = set(json.loads(request.content))
    elif kind == "multipart/form-data":
        fields = set(re.findall(r'; name="(\w+)"', request.content.decode()))
    else:
        return
    schema = DESCRIBED["components"]["schemas"][body[kind]["schema"]["$ref"].rpartition("/")[2]]
    assert set(schema.get("required", ())) <= fields <= set(schema["properties"])
