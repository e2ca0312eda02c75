"""Routes of administration: tenants, their limits and keys; as `veridical tenants` has them."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from veridical.service.api.answers import answers, nothing
from veridical.service.api.auth import DEFAULT_TENANT, Principal, allow, scopes_of
from veridical.service.api.state import TransactionsDep
from veridical.store.tenants import (
    ApiKey,
    Tenant,
    add_tenant,
    api_keys_of,
    change_limits,
    find_tenant,
    issue_api_key,
    list_tenants,
    revoke_api_key,
)
from veridical.transactions import ProblemError
from veridical.transactions.records import act
from veridical.transactions.resources import iso
from veridical.wire import KeyIssued, KeyList, NewKey, NewTenant, TenantLimits, TenantList
from veridical.wire import TenantView as View

__all__ = ["Chosen", "router", "tenant_of"]

router = APIRouter(prefix="/v1", tags=["administration"])

Admin = Annotated[Principal, Depends(allow("admin"))]
Chosen = Annotated[
    str,
    Query(
        max_length=200,
        description="Another tenant, for keys of the tenant `default`; one's own when empty",
    ),
]
Named = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^/\x00-\x1f]+$")]
Prefix = Annotated[str, Path(pattern="^[0-9a-f]{12}$", examples=["0123456789ab"])]


def tenant_of(caller: Principal, chosen: str = "") -> str:
    """The tenant that a caller administers.

    Raises:
        ProblemError: `auth.sandbox`, `tenant.unknown`.
    """
    if caller.sandbox:
        raise ProblemError(
            403, "auth.sandbox", "keys of a sandbox administer no tenant; use a live key"
        )
    if chosen in ("", caller.tenant):
        return caller.tenant
    if caller.tenant != DEFAULT_TENANT:
        raise _unknown()  # whether it exists is not told
    return chosen


def _require_operator(caller: Principal) -> None:
    """Let in who runs the installation.

    Raises:
        ProblemError: `auth.operator`: a tenant neither adds others nor lifts its own limits.
    """
    if tenant_of(caller) != DEFAULT_TENANT:
        raise ProblemError(
            403, "auth.operator", "this wants a key of the tenant `default`: ask your operator"
        )


@router.get("/tenants", summary="The tenants", **answers("list_tenants", TenantList))
def tenants(transactions: TransactionsDep, caller: Admin) -> dict[str, Any]:
    """Every one for keys of the tenant `default`, for others their own."""
    own, found = tenant_of(caller), list_tenants(transactions.resources.database)
    whole = own == DEFAULT_TENANT
    return {"items": [_tenant(each) for each in found if whole or each.name == own]}


@router.post(
    "/tenants", status_code=201, summary="Add a tenant", **answers("add_tenant", View, "Added")
)
def add(transactions: TransactionsDep, caller: Admin, body: NewTenant) -> dict[str, Any]:
    """It has no keys yet: make it one with `POST /v1/keys?tenant=NAME`."""
    _require_operator(caller)
    made = Tenant(body.name, body.requests_per_minute, body.concurrent)
    resources = transactions.resources
    add_tenant(resources.database, made)
    with resources.database.writing() as connection:
        act(connection, resources, made.name, caller, "tenant.added", made.name)
    return _tenant(made)


@router.put(
    "/tenants/{tenant}/limits",
    summary="Set what a tenant may ask",
    **answers("set_limits", View, "Set; every replica knows within ten seconds"),
)
def limit(
    transactions: TransactionsDep, caller: Admin, tenant: Named, body: TenantLimits
) -> dict[str, Any]:
    """Of each replica."""
    _require_operator(caller)
    resources = transactions.resources
    if find_tenant(resources.database, tenant) is None:
        raise _unknown()
    change_limits(resources.database, tenant, body.requests_per_minute, body.concurrent)
    told = f"{body.requests_per_minute} a minute, {body.concurrent} at once"
    with resources.database.writing() as connection:
        act(connection, resources, tenant, caller, "tenant.limits", told)
    return _tenant(Tenant(tenant, body.requests_per_minute, body.concurrent))


@router.get("/keys", summary="A tenant's keys", **answers("list_keys", KeyList))
def keys(transactions: TransactionsDep, caller: Admin, tenant: Chosen = "") -> dict[str, Any]:
    """Oldest first, revoked ones included, never with their secrets."""
    name, database = tenant_of(caller, tenant), transactions.resources.database
    if find_tenant(database, name) is None:
        raise _unknown()
    return {"items": [_key(key) for key in api_keys_of(database, name)]}


@router.post(
    "/keys",
    status_code=201,
    summary="Make a key",
    **answers("issue_key", KeyIssued, "Made; its text is told this once"),
)
def issue(
    response: Response,
    transactions: TransactionsDep,
    caller: Admin,
    body: NewKey,
    tenant: Chosen = "",
) -> dict[str, Any]:
    """Of roles and scopes; without either a `backend`. Only a hash of its secret is kept."""
    name, resources = tenant_of(caller, tenant), transactions.resources
    if find_tenant(resources.database, name) is None:
        raise _unknown()
    scopes = scopes_of(body.roles, body.scopes)
    expires_at = resources.clock() + int(timedelta(days=body.days).total_seconds() * 1000)
    key, text = issue_api_key(
        resources.database,
        name,
        scopes,
        body.label,
        expires_at,
        sandbox=body.sandbox,
        person=body.person,
    )
    with resources.database.writing() as connection:
        act(connection, resources, name, caller, "key.issued", key.prefix)
    response.headers["Cache-Control"] = "no-store"
    return {**_key(key), "key": text}


@router.delete("/keys/{prefix}", summary="Revoke a key", **nothing("revoke_key", "Revoked"))
def revoke(
    transactions: TransactionsDep, caller: Admin, prefix: Prefix, tenant: Chosen = ""
) -> Response:
    """At once, at every replica. Requests under way end as they would have."""
    name, resources = tenant_of(caller, tenant), transactions.resources
    if not revoke_api_key(resources.database, prefix, name):
        raise ProblemError(404, "key.unknown", "no key of that prefix, or it is revoked already")
    with resources.database.writing() as connection:
        act(connection, resources, name, caller, "key.revoked", prefix)
    return Response(status_code=204)


def _unknown() -> ProblemError:
    return ProblemError(404, "tenant.unknown", "no such tenant; add it first")


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "requests_per_minute": tenant.requests_per_minute,
        "concurrent": tenant.concurrent,
    }


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "sandbox": key.sandbox,
        "label": key.label,
        "person": key.person,
        "created_at": iso(key.created_at),
        "expires_at": iso(key.expires_at),
        "revoked_at": iso(key.revoked_at),
    }
