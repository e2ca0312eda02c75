"""Tenants, limits, keys and webhooks by the API: as by the command line, and no further."""

import json
from dataclasses import replace
from typing import Any

import pytest
from httpx2 import Response

from tests.service_house import House, bearer
from veridical.service.api.auth import SCOPES
from veridical.transactions import WebhookDispatcher

HOOK = "https://bank.example/hooks"


def asked(
    here: House, key: dict[str, str], method: str, path: str, body: object = None
) -> Response:
    return here.client.request(method, path, headers=key, json=body)


def code(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def operator(here: House) -> dict[str, str]:
    return replace(here, tenant="default").key("admin")


def actions(here: House) -> list[tuple[str, str]]:
    lines = here.client.get("/v1/evidence", headers=here.key("evidence:read")).text.splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [(r["action"], r["about"]) for r in records if r.get("event") == "action"]


def test_an_operator_makes_a_tenant_and_its_first_key(
    here: House, operator: dict[str, str]
) -> None:
    name = f"{here.tenant} & Söhne"
    made = asked(here, operator, "POST", "/v1/tenants", {"name": name, "concurrent": 3})
    assert (made.status_code, made.json()["concurrent"]) == (201, 3)
    assert code(asked(here, operator, "POST", "/v1/tenants", {"name": name}))[1] == "tenant.exists"
    limits = {"requests_per_minute": 600, "concurrent": 2}
    path = f"/v1/tenants/{name}/limits"
    assert asked(here, operator, "PUT", path, limits).json() == {"name": name, **limits}
    there = here.client.post(
        "/v1/keys", params={"tenant": name}, json={"roles": ["administrator"]}, headers=operator
    )
    assert there.status_code == 201
    assert there.headers["cache-control"] == "no-store"
    key, new = bearer(there.json()["key"]), replace(here, tenant=name)
    assert asked(here, key, "GET", "/v1/tenants").json()["items"] == [{"name": name, **limits}]
    assert here.client.get("/v1/tenants", headers=operator).text.count(name) == 1
    assert actions(new) == [
        ("tenant.added", name),
        ("tenant.limits", "600 a minute, 2 at once"),
        ("key.issued", there.json()["prefix"]),
    ]


def test_a_tenant_administers_itself_alone(here: House, operator: dict[str, str]) -> None:
    own, other = here.key("admin"), here.of_new_tenant()
    stranger = other.key("admin")
    body = {"roles": ["reviewer"], "label": "desk 7", "person": "Ana Lopez", "days": 2}
    made = asked(here, own, "POST", "/v1/keys", body).json()
    assert "reviews" in made["scopes"]
    key = bearer(made["key"])
    assert asked(here, key, "GET", "/v1/reviews").status_code == 200
    (listed,) = [
        each
        for each in asked(here, own, "GET", "/v1/keys").json()["items"]
        if each["prefix"] == made["prefix"]
    ]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    # Neither another tenant, nor one that is not there, nor what the operator alone may.
    for tenant in (here.tenant, "nobody"):
        for method, path, sent in (
            ("GET", "/v1/keys", None),
            ("POST", "/v1/keys", {}),
            ("DELETE", f"/v1/keys/{made['prefix']}", None),
            ("GET", "/v1/webhooks", None),
            ("POST", "/v1/webhooks/secret", None),
        ):
            answer = asked(here, stranger, method, f"{path}?tenant={tenant}", sent)
            assert code(answer) == (404, "tenant.unknown"), (method, path)
    assert code(asked(here, stranger, "DELETE", f"/v1/keys/{made['prefix']}")) == (
        404,
        "key.unknown",
    )
    assert code(asked(here, own, "POST", "/v1/tenants", {"name": "x"})) == (403, "auth.operator")
    limits = f"/v1/tenants/{here.tenant}/limits"
    assert code(asked(here, own, "PUT", limits, {"concurrent": 64})) == (403, "auth.operator")
    assert code(asked(here, operator, "PUT", "/v1/tenants/nobody/limits", {})) == (
        404,
        "tenant.unknown",
    )
    assert asked(here, own, "DELETE", f"/v1/keys/{made['prefix']}").status_code == 204
    assert code(asked(here, key, "GET", "/v1/reviews")) == (401, "auth.invalid")
    assert [action for action, _ in actions(here)] == ["key.issued", "key.revoked"]


def test_a_sandbox_administers_nothing(here: House) -> None:
    sandbox = here.key(*SCOPES, sandbox=True)
    for method, path in (
        ("GET", "/v1/tenants"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/webhooks/secret"),
    ):
        assert code(asked(here, sandbox, method, path)) == (403, "auth.sandbox"), path


def test_scopes_that_are_none_and_addresses_that_are_refused(here: House) -> None:
    own = here.key("admin")
    for body in ({"roles": ["king"]}, {"scopes": ["analysis", "king"]}):
        assert code(asked(here, own, "POST", "/v1/keys", body)) == (422, "usage.scope")
    answer = asked(here, own, "POST", "/v1/webhooks", {"url": "https://127.0.0.1/"})
    assert code(answer) == (422, "callback.refused")


def test_endpoints_hear_what_they_ask_for_and_messages_are_sent_again(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = here.client.app
    monkeypatch.setattr(app.state.retention, "_dispatcher", _Nobody())
    own, mine = here.key("webhooks"), f"{HOOK}/{here.tenant}"
    first = asked(here, own, "POST", "/v1/webhooks", {"url": mine}).json()
    assert first["secret"].startswith("whsec_")
    second = asked(
        here,
        own,
        "POST",
        "/v1/webhooks",
        {"url": mine + "/reviews", "events": ["transaction.reviewed"]},
    ).json()
    assert second["secret"] is None
    assert code(asked(here, own, "POST", "/v1/webhooks", {"url": mine}))[1] == "webhook.exists"
    here.finished(here.key(), 201)

    def status(url: str, headers: dict[str, str], body: bytes) -> int:
        del headers, body
        return 500 if url == mine else 200

    dispatcher = WebhookDispatcher(here.resources, status, lambda: 0.0)
    while dispatcher.deliver_next():
        pass
    (message,) = asked(here, own, "GET", "/v1/webhooks/messages").json()["items"]
    assert (message["type"], message["url"]) == ("transaction.completed", mine)
    assert (message["state"], message["cause"], message["tries"]) == ("waiting", "status_500", 1)
    again = f"/v1/webhooks/messages/{message['id']}/redeliver"
    for _ in range(2):  # one that waits is due at once, one that arrived is sent anew
        assert asked(here, own, "POST", again).json()["state"] == "waiting"
        arrived: list[str] = []

        def taken(url: str, headers: dict[str, str], body: bytes, to: list[str] = arrived) -> int:
            del url, body
            to.append(headers["webhook-id"])
            return 204

        while WebhookDispatcher(here.resources, taken).deliver_next():
            pass
        assert message["id"] in arrived
    page = asked(here, own, "GET", "/v1/webhooks/messages?state=delivered&limit=1").json()
    assert (page["items"][0]["state"], page["next"]) == ("delivered", None)
    assert code(asked(here, here.of_new_tenant().key("webhooks"), "POST", again)) == (
        404,
        "webhook.unknown_message",
    )
    assert asked(here, own, "DELETE", f"/v1/webhooks/{first['id']}").status_code == 204
    assert [e["id"] for e in asked(here, own, "GET", "/v1/webhooks").json()["items"]] == [
        second["id"]
    ]
    told = asked(here, own, "POST", "/v1/webhooks/secret").json()
    assert told["secret"] != first["secret"]
    assert told["overlaps_until"]


def test_a_sandbox_has_endpoints_of_its_own_or_tells_the_tenant(here: House) -> None:
    live, sandbox = here.key("webhooks"), here.key("webhooks", sandbox=True)
    everything = here.key(sandbox=True)
    asked(here, live, "POST", "/v1/webhooks", {"url": f"{HOOK}/live/{here.tenant}"})
    told = []
    for _ in range(2):
        here.finished(everything, subject_ref="sandbox:accept")
        (newest, *_) = asked(here, sandbox, "GET", "/v1/webhooks/messages").json()["items"]
        told.append(newest["url"].split("/")[-2])
        added = {"url": f"{HOOK}/qa/{here.tenant}"}
        asked(here, sandbox, "POST", "/v1/webhooks", added)
    assert told == ["live", "qa"]
    assert asked(here, live, "GET", "/v1/webhooks/messages").json()["items"] == []


class _Nobody:
    def deliver_next(self) -> bool:
        return False
