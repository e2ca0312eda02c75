"""Nobody comes in who may not, by any route: enumerated, so that no new route is forgotten."""

import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr

from tests.service_house import House, bearer, picture
from tests.wire_contract import flat
from veridical.service.api.auth import ROLES, SCOPES, Access, Allow
from veridical.service.serving import app_of
from veridical.service.settings import ServiceSettings
from veridical.store.tenants import change_limits, revoke_api_key
from veridical.transactions import ProblemError

OPEN = {"/livez", "/readyz", "/v1/links/open", "/v1/devices/renew"}
"""Probes, and what asks for a secret of its own in place of a key."""
PAGES = ("/demo", "/operator", "/verify", "/admin")
"""What a browser loads before anybody has a key: code and texts, no data."""


def allowed_by(route: APIRoute) -> Allow | None:
    """The dependency that lets callers in, wherever it stands."""
    found = [d.call for d in route.dependant.dependencies if isinstance(d.call, Allow)]
    return found[0] if found else None


def all_routes(here: House) -> list[APIRoute]:
    app: Any = here.client.app
    return list(flat(app.routes))


def call(
    here: House, route: APIRoute, headers: dict[str, str], transaction: str
) -> tuple[int, str]:
    path = here_path(here, route, transaction)
    (method,) = (route.methods or set()) - {"HEAD"}
    answer = here.client.request(method, path, headers=headers)
    code = ""
    if answer.headers.get("content-type") == "application/problem+json":
        code = answer.json()["code"]
    return answer.status_code, code


def here_path(here: House, route: APIRoute, transaction: str) -> str:
    assert here
    return (
        route.path_format.replace("{transaction}", transaction)
        .replace("{kind}", "selfie")
        .replace("{gallery}", "g")
        .replace("{subject}", "s")
        .replace("{policy}", "selfie")
    )


def test_every_route_but_probes_and_pages_names_its_scopes(here: House) -> None:
    routes = all_routes(here)
    assert len(routes) > 35
    for route in routes:
        if route.path not in OPEN and not route.path.startswith(PAGES):
            allowed = allowed_by(route)
            assert allowed is not None, route.path
            assert allowed.anybody or set(allowed.scopes) <= SCOPES.keys()
            assert allowed.anybody or allowed.scopes, route.path


def guarded(here: House) -> list[tuple[APIRoute, Allow]]:
    return [(route, allowed) for route in all_routes(here) if (allowed := allowed_by(route))]


def test_nobody_without_a_good_key_comes_in(here: House) -> None:
    made = here.start(here.key())
    revoked = here.key()
    revoke_api_key(here.resources.database, revoked["Authorization"].split("_")[1])
    expired = here.key(expires_at=time.time_ns() // 1_000_000 - 1)
    genuine = here.key()["Authorization"]
    bad = {
        "none": ({}, "auth.required"),
        "unknown": (bearer("vk_000000000000_" + "A" * 43), "auth.invalid"),
        "no key at all": (bearer("x"), "auth.invalid"),
        "another scheme": ({"Authorization": "Basic " + genuine[7:]}, "auth.required"),
        "wrong secret": ({"Authorization": genuine[:-1] + "."}, "auth.invalid"),
        "revoked": (revoked, "auth.invalid"),
        "expired": (expired, "auth.invalid"),
        "forged token": (bearer(made["upload_token"][:-1] + "."), "auth.invalid"),
    }
    for route, _ in guarded(here):
        for name, (headers, code) in bad.items():
            found = call(here, route, headers, made["id"])
            assert found == (401, code), (route.path, name)


def test_every_other_scope_is_turned_away(here: House) -> None:
    made = here.start(here.key())
    for route, allowed in guarded(here):
        if allowed.anybody:
            continue
        others = here.key(*(SCOPES.keys() - set(allowed.scopes)))
        assert call(here, route, others, made["id"]) == (403, "auth.scope"), route.path
        for scope in allowed.scopes:
            status, code = call(here, route, here.key(scope), made["id"])
            assert status not in (401, 403), (route.path, scope, code)


def test_an_upload_token_opens_its_own_transaction_and_little_of_that(here: House) -> None:
    mine, other = here.start(here.key()), here.start(here.key())
    token = bearer(mine["upload_token"])
    opened = set()
    for route, allowed in guarded(here):
        status, code = call(here, route, token, mine["id"])
        if not (allowed.upload or allowed.anybody):
            assert (status, code) == (403, "auth.scope"), route.path
        elif "{transaction}" in route.path:
            opened.add(route.path_format.rpartition("/")[2])
            status, code = call(here, route, token, other["id"])
            # A body may be refused before it is looked whose it is: nothing is told either way.
            assert status in (404, 422), (route.path, code)
    assert opened == {
        "{transaction}", "{kind}", "{number}", "challenge", "submit", "cancel", "links",
        "take-over", "consent",
    }  # fmt: skip
    for path in ("submit", "cancel", "challenge"):
        answer = here.client.post(
            f"/v1/transactions/{other['id']}/{path}",
            json={} if path == "submit" else None,
            headers=token,
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "transaction.not_found")
    assert here.put(other, "selfie", picture(), mine["upload_token"]).status_code == 404


def test_another_tenant_sees_nothing_of_it(here: House) -> None:
    made = here.finished(here.key())
    stranger = here.of_new_tenant().key()
    for route, _ in guarded(here):
        if "{transaction}" in route.path:
            status, code = call(here, route, stranger, made["id"])
            assert status in (404, 422), (route.path, code)
    for path, body in (
        ("submit", {}),
        ("review", {"operator": "o", "outcome": "accept", "reason": "r"}),
    ):
        answer = here.client.post(
            f"/v1/transactions/{made['id']}/{path}", json=body, headers=stranger
        )
        assert answer.status_code == 404
    assert here.client.get("/v1/transactions", headers=stranger).json()["items"] == []
    assert here.client.get("/v1/evidence", headers=stranger).text == ""


def test_the_roles_are_made_of_scopes() -> None:
    for scopes in ROLES.values():
        assert set(scopes) <= SCOPES.keys()


def test_a_tenant_is_held_to_its_rate_and_told_when_to_come_back(here: House) -> None:
    change_limits(here.resources.database, here.tenant, 60, 64)  # bursts of ten
    key = here.key("catalogue:read")
    answers = [here.client.get("/v1/policies", headers=key) for _ in range(14)]
    assert [a.status_code for a in answers[:10]] == [200] * 10
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "tenant.rate"
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert here.client.get("/livez").status_code == 200


def test_a_tenant_is_held_to_its_share_at_once() -> None:
    access = Access(None, None, everyone=True)
    leaves = [access.book("t").enter() for _ in range(64)]
    with pytest.raises(ProblemError) as caught:
        access.book("t").enter()
    assert caught.value.code == "tenant.concurrency"
    access.book("other").enter()
    leaves[0]()
    access.book("t").enter()


def test_no_server_is_open_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE", "MASTER_KEYS", "API_KEY"):
        monkeypatch.delenv(f"VERIDICAL_{name}", raising=False)
    settings = ServiceSettings(data_dir=tmp_path)
    for host, dev in (("127.0.0.1", False), ("0.0.0.0", False), ("0.0.0.0", True)):  # noqa: S104
        with pytest.raises(Exception, match="without a key") as caught:
            app_of(settings, host, dev=dev)
        assert getattr(caught.value, "code", "") == "usage.open_server"
    app_of(settings, "127.0.0.1", dev=True)
    app_of(ServiceSettings(data_dir=tmp_path, api_key=SecretStr("k")), "0.0.0.0")  # noqa: S104
