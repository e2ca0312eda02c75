"""What can be asked of tenants, keys and webhooks?"""

from collections.abc import Mapping, Sequence
from typing import Any

from veridical.client.asking import Page, ask, get, post, quoted
from veridical.client.content import Content
from veridical.client.flow import Flow, Request, Session, exchange
from veridical.wire import (
    KeyIssued,
    KeyList,
    KeyView,
    TenantLimits,
    TenantList,
    TenantView,
    Webhook,
    WebhookAdded,
    WebhookList,
    WebhookMessage,
    WebhookMessagePage,
    WebhookSecret,
)

__all__ = [
    "add_tenant",
    "add_webhook",
    "issue_key",
    "keys",
    "new_webhook_secret",
    "redeliver",
    "remove_webhook",
    "revoke_key",
    "set_limits",
    "tenants",
    "webhook_messages",
    "webhooks",
]


def tenants(session: Session) -> Flow[tuple[TenantView, ...]]:
    """The tenants: all for a key of the tenant `default`, for others their own."""
    return (yield from ask(session, get("/v1/tenants"), TenantList)).items


def add_tenant(
    session: Session, name: str, *, requests_per_minute: int = 6_000, concurrent: int = 64
) -> Flow[TenantView]:
    """Add a tenant, with a key of the tenant `default`; limits are those of each replica."""
    limits = TenantLimits(requests_per_minute=requests_per_minute, concurrent=concurrent)
    request = post("/v1/tenants", {"name": name, **limits.model_dump()})
    return (yield from ask(session, request, TenantView))


def set_limits(
    session: Session, name: str, *, requests_per_minute: int, concurrent: int
) -> Flow[TenantView]:
    """Set what a tenant may ask of each replica, with a key of the tenant `default`."""
    limits = TenantLimits(requests_per_minute=requests_per_minute, concurrent=concurrent)
    content = Content.of(limits.model_dump_json().encode())
    headers = {"Content-Type": "application/json"}
    request = Request("PUT", f"/v1/tenants/{quoted(name)}/limits", headers, content)
    return (yield from ask(session, request, TenantView))


def keys(session: Session, *, tenant: str = "") -> Flow[tuple[KeyView, ...]]:
    """A tenant's keys without their secrets; of one's own tenant when none is named."""
    return (yield from ask(session, get("/v1/keys", {"tenant": tenant}), KeyList)).items


def issue_key(
    session: Session,
    *,
    roles: Sequence[str] = (),
    scopes: Sequence[str] = (),
    label: str = "",
    days: int = 365,
    sandbox: bool = False,
    person: str = "",
    tenant: str = "",
) -> Flow[KeyIssued]:
    """Make a key; its text is told this once.

    Args:
        session: Of the client; not given by callers.
        roles: Sets of scopes, such as `backend`; that one when neither is given.
        scopes: Further scopes.
        label: What it is for.
        days: Until it expires.
        sandbox: Whether it is one of the tenant's sandbox.
        person: Who alone will use it: signed with every review.
        tenant: Another tenant, for keys of the tenant `default`.
    """
    body: dict[str, Any] = {"roles": list(roles), "scopes": list(scopes), "label": label}
    body |= {"days": days, "sandbox": sandbox, "person": person}
    return (yield from ask(session, post(_of("/v1/keys", tenant), body), KeyIssued))


def revoke_key(session: Session, prefix: str, *, tenant: str = "") -> Flow[None]:
    """Revoke a key at once, by its prefix: the 12 characters behind `vk_`."""
    yield from exchange(session, Request("DELETE", _of(f"/v1/keys/{quoted(prefix)}", tenant)))


def webhooks(session: Session, *, tenant: str = "") -> Flow[tuple[Webhook, ...]]:
    """The addresses that are told of events."""
    return (yield from ask(session, get("/v1/webhooks", {"tenant": tenant}), WebhookList)).items


def add_webhook(
    session: Session, url: str, *, events: Sequence[str] = (), tenant: str = ""
) -> Flow[WebhookAdded]:
    """Tell an address of events: of some types, or of all.

    The first one brings the secret that signs all of a tenant's messages, told this once.
    """
    body: Mapping[str, Any] = {"url": url, "events": list(events)}
    return (yield from ask(session, post(_of("/v1/webhooks", tenant), body), WebhookAdded))


def remove_webhook(session: Session, endpoint: str, *, tenant: str = "") -> Flow[None]:
    """Write nothing more for an address, by its id."""
    path = f"/v1/webhooks/{quoted(endpoint)}"
    yield from exchange(session, Request("DELETE", _of(path, tenant)))


def new_webhook_secret(session: Session, *, tenant: str = "") -> Flow[WebhookSecret]:
    """Make a new secret, told this once; the one before signs as well for a day."""
    request = Request("POST", _of("/v1/webhooks/secret", tenant))
    return (yield from ask(session, request, WebhookSecret))


def webhook_messages(
    session: Session, *, state: str = "", limit: int = 50, cursor: str = "", tenant: str = ""
) -> Flow[Page[WebhookMessage]]:
    """What was told, newest first, and whether it arrived.

    Args:
        session: Of the client; not given by callers.
        state: Only `waiting`, `delivered` or `given_up` ones.
        limit: Most of one page.
        cursor: Of the page before.
        tenant: Another tenant, for keys of the tenant `default`.
    """
    query = {"state": state, "limit": limit, "cursor": cursor, "tenant": tenant}
    found = yield from ask(session, get("/v1/webhooks/messages", query), WebhookMessagePage)
    return Page(found.items, found.next or "")


def redeliver(session: Session, message: str, *, tenant: str = "") -> Flow[WebhookMessage]:
    """Send a message again under its own id, whether it arrived or was given up."""
    path = f"/v1/webhooks/messages/{quoted(message)}/redeliver"
    return (yield from ask(session, Request("POST", _of(path, tenant)), WebhookMessage))


def _of(path: str, tenant: str) -> str:
    return f"{path}?tenant={quoted(tenant)}" if tenant else path
