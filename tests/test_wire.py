"""Everything that crosses a boundary is described, by models that are held to it."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tests.service_house import House, bearer, digest_of, picture
from tests.wire_contract import flat, strays
from veridical import wire
from veridical.analysis import transaction
from veridical.policy import rules, verdict
from veridical.service.api.auth import Principal
from veridical.service.api.description import TAGS
from veridical.store.lists import LABEL_LENGTH
from veridical.verification import evidence
from veridical.wire.lists import LABEL_LENGTH as LISTED_LENGTH

ROOT = Path(__file__).parent.parent
DESCRIBED: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, operations in DESCRIBED["paths"].items()
    for method, operation in operations.items()
}
MODELS = [
    model
    for name in wire.__all__
    if isinstance(model := getattr(wire, name), type) and issubclass(model, BaseModel)
]


def target(schema: dict[str, Any]) -> dict[str, Any]:
    """A component that a schema refers to."""
    found: dict[str, Any] = DESCRIBED["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def test_every_route_that_is_there_is_described(here: House) -> None:
    app: Any = here.client.app
    routes = [route for route in flat(app.routes) if route.include_in_schema]
    assert len(OPERATIONS) == len(routes) >= 44
    assert {route.operation_id for route in routes} == OPERATIONS.keys()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_says_what_it_answers(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert operation["summary"]
    assert set(operation["tags"]) <= {tag["name"] for tag in TAGS}
    good = {code: r for code, r in operation["responses"].items() if code.startswith("2")}
    assert good
    for code, response in good.items():
        if code == "204":
            assert "content" not in response
            continue
        ((kind, body),) = response["content"].items()
        if kind == "application/json":
            assert target(body["schema"])["properties"], path
        else:
            assert body["schema"] == {"type": "string"}, path
    for code in ("4XX", "5XX"):
        problem = operation["responses"][code]["content"]["application/problem+json"]
        assert target(problem["schema"])["title"] == "Problem"
    assert "422" not in operation["responses"]  # the framework's own form of errors is never sent


def test_an_upload_wants_its_digest() -> None:
    _, _, operation = OPERATIONS["upload_medium"]
    (digest,) = [p for p in operation["parameters"] if p["name"] == "content-digest"]
    assert digest["required"]


def test_requests_refuse_what_they_do_not_know() -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            assert target(body["schema"])["additionalProperties"] is False, name


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_examples_are_what_they_are_examples_of(model: type[BaseModel]) -> None:
    extra = model.model_config.get("json_schema_extra") or {}
    assert isinstance(extra, dict)
    examples: Any = extra.get("examples", [])
    for example in examples:
        shown = model.model_validate(example)
        assert not strays(shown)
        assert shown.model_dump(mode="json", by_alias=True, exclude_unset=True) == example


def test_a_view_is_told_as_it_was_made(here: House) -> None:
    key = here.key()
    seen = here.finished(key, signals={"country": "CN"}, facts={})
    app: Any = here.client.app
    reader = Principal(here.tenant, frozenset({"transactions:read"}))
    assert seen == app.state.service.transactions.view(reader, seen["id"])
    assert wire.Transaction.model_validate(seen).raw == seen
    assert wire.Transaction.model_validate(seen).verdict is not None


def test_an_answer_that_breaks_the_contract_is_an_error_of_the_service(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "veridical.service.api.lists.list_sizes", lambda *_: [type("Size", (), {"effect": "x"})()]
    )
    answer = here.client.get("/v1/lists", headers=here.key())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal.error")


def test_a_reader_of_today_understands_the_service_of_tomorrow() -> None:
    told = {"gallery": "g", "subject": "s", "since": "tomorrow"}
    assert wire.Enrolled.model_validate(told).raw == told
    with pytest.raises(ValidationError):
        wire.ReviewDecision.model_validate(
            {"operator": "o", "outcome": "accept", "reason": "r", "since": "tomorrow"}
        )


def test_evidence_is_as_its_model_says(here: House) -> None:
    key = here.key()
    here.rules.score = 0.3
    seen = here.finished(key)
    decided = {"operator": "staff-7", "outcome": "accept", "reason": "seen"}
    path = f"/v1/transactions/{seen['id']}"
    assert here.client.post(f"{path}/review", json=decided, headers=key).status_code == 200
    assert here.client.delete(path, headers=key).status_code == 200
    here.client.post("/v1/verify", files={"selfie": picture()}, headers=key)
    lines = here.client.get("/v1/evidence", headers=key).text.splitlines()
    records = [wire.EvidenceRecord.model_validate_json(line) for line in lines]
    assert {record.event for record in records} == {"verdict", "review", "erasure"}
    assert not strays(records)
    assert [record.raw for record in records] == [json.loads(line) for line in lines]


def test_a_request_that_an_older_release_sealed_is_understood() -> None:
    older = {
        "kind": "onboarding",
        "policy": {"id": "selfie", "version": 1, "sha256": "ab"},
        "checks": [],
        "subject_ref": None,
        "device_ref": None,
        "consent": {"biometrics": True, "enrol": False, "text_version": ""},
        "callback": None,
        "locale": "zh",
    }
    kept = wire.KeptRequest.model_validate(older)
    assert (kept.spoken, kept.facts, kept.signals.phone) == ("", {}, "")
    assert kept.format == "veridical.request/1"


def test_what_the_wire_says_of_bounds_and_formats_is_what_holds() -> None:
    assert wire.FACT_NAME == rules.FACT_NAME
    assert wire.MOST_FACTS == rules.MOST_FACTS
    assert wire.LONGEST_STATEMENT == transaction.LONGEST_STATEMENT
    assert LISTED_LENGTH == LABEL_LENGTH
    assert wire.Verdict.model_fields["format"].annotation.__args__ == (verdict.FORMAT,)  # type: ignore[union-attr]
    assert wire.EvidenceRecord.model_fields["format"].annotation.__args__ == (evidence.FORMAT,)  # type: ignore[union-attr]


def test_an_upload_is_answered_by_its_bytes(here: House) -> None:
    made = here.start(here.key())
    data = picture(7)
    answer = here.client.put(
        f"/v1/transactions/{made['id']}/media/selfie",
        content=data,
        headers={**bearer(made["upload_token"]), **digest_of(data)},
    )
    assert wire.Uploaded.model_validate(answer.json()).size_bytes == len(data)


# --- changes of the description -------------------------------------------------------------------

spec = importlib.util.spec_from_file_location("openapi_changes", ROOT / "docs/openapi_changes.py")
assert spec is not None
assert spec.loader is not None
changes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(changes)


def altered(*path: str, value: object = None, drop: bool = False) -> dict[str, Any]:
    """The description with one change."""
    copy: dict[str, Any] = json.loads(json.dumps(DESCRIBED))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


SCHEMAS = ("components", "schemas")
LISTED = ("paths", "/v1/transactions", "get")


@pytest.mark.parametrize(
    ("after", "named"),
    [
        (altered("paths", "/v1/drift", drop=True), "get_drift: operation is gone"),
        (altered(*LISTED, "operationId", value="other"), "list_transactions: operation is gone"),
        (
            altered(*SCHEMAS, "Summary", "properties", "state", drop=True),
            "list_transactions answers .items[].state: is gone",
        ),
        (
            altered(*SCHEMAS, "Summary", "properties", "sandbox", "type", value="string"),
            "list_transactions answers .items[].sandbox: was boolean, is string",
        ),
        (
            altered(*SCHEMAS, "Summary", "required", value=["id"]),
            "list_transactions answers .items[].kind: may be missing now",
        ),
        (
            altered(*SCHEMAS, "ReviewDecision", "required", value=["outcome"]),
            "",
        ),
        (
            altered(*SCHEMAS, "NewTransaction", "required", value=["consent", "policy"]),
            "create_transaction asks .policy: is required now",
        ),
        (
            altered(*SCHEMAS, "NewTransaction", "properties", "locale", "enum", value=["en"]),
            "create_transaction asks .locale: zh is not taken any more",
        ),
        (
            altered(*SCHEMAS, "Outcome", "enum", value=["accept", "review", "later"]),
            "get_transaction answers .outcome|: may be later now",
        ),
        (altered("info", "description", value="Other words."), ""),
    ],
)
def test_changes_that_break_a_client_are_named(after: dict[str, Any], named: str) -> None:
    found = changes.breaking(DESCRIBED, after)
    if named:
        assert named in found
    else:
        assert found == []


def test_no_change_that_breaks_clients_is_made_unseen(here: House) -> None:
    app: Any = here.client.app
    found = changes.breaking(DESCRIBED, app.openapi())
    assert not found, "say so in CHANGELOG.md, then run `python docs/generate.py`"


def test_what_is_new_breaks_nobody() -> None:
    older = altered("paths", "/v1/drift", drop=True)
    older["components"]["schemas"]["Summary"]["properties"].pop("sandbox")
    older["components"]["schemas"]["Summary"]["required"].remove("sandbox")
    assert changes.breaking(older, DESCRIBED) == []
