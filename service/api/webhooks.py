"""Routes of webhooks: where they go, how they are signed, and whether they arrived."""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Path, Query, Response

from veridical.service.api.administration import Chosen, tenant_of
from veridical.service.api.answers import answers, nothing
from veridical.service.api.auth import Principal, allow
from veridical.service.api.state import TransactionsDep
from veridical.store.endpoints import (
    SECRETS_OVERLAP_MS,
    Endpoint,
    add_endpoint,
    endpoints_of,
    has_secret,
    new_secret,
    remove_endpoint,
)
from veridical.store.outbox import Message, messages_of, send_again
from veridical.store.tenants import owner_of
from veridical.transactions import ProblemError
from veridical.transactions.records import act
from veridical.transactions.resources import iso
from veridical.transactions.service import cursor_of, place_of
from veridical.transactions.webhooks import check_address, secret_text
from veridical.wire import (
    EventType,
    MessageState,
    NewWebhook,
    WebhookAdded,
    WebhookList,
    WebhookMessage,
    WebhookMessagePage,
    WebhookSecret,
)

__all__ = ["router"]

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

Keeper = Annotated[Principal, Depends(allow("webhooks", "admin"))]
EndpointId = Annotated[
    str, Path(pattern="^we_[0-9a-f]{32}$", examples=["we_0123456789abcdef0123456789abcdef"])
]
MessageId = Annotated[
    str, Path(pattern="^msg_[0-9a-f]{32}$", examples=["msg_0123456789abcdef0123456789abcdef"])
]


def _environment(caller: Principal, chosen: str) -> str:
    """Whose webhooks: a sandbox has its own."""
    return caller.tenant if not chosen else tenant_of(caller, chosen)


@router.get("", summary="Where webhooks go", **answers("list_webhooks", WebhookList))
def endpoints(transactions: TransactionsDep, caller: Keeper, tenant: Chosen = "") -> dict[str, Any]:
    """Oldest first. A sandbox without any tells the tenant's own."""
    with transactions.resources.database.reading() as connection:
        found = endpoints_of(connection, _environment(caller, tenant))
    return {"items": [_endpoint(each) for each in found], "event_types": get_args(EventType)}


@router.post(
    "",
    status_code=201,
    summary="Send webhooks to an address",
    **answers("add_webhook", WebhookAdded, "Added"),
)
def add(
    response: Response,
    transactions: TransactionsDep,
    caller: Keeper,
    body: NewWebhook,
    tenant: Chosen = "",
) -> dict[str, Any]:
    """The first one brings the secret that signs all of a tenant's messages, told this once."""
    environment, resources = _environment(caller, tenant), transactions.resources
    check_address(body.url, transactions.settings.allowed_callbacks)
    secret, now = None, resources.clock()
    with resources.database.writing() as connection:
        made = add_endpoint(connection, environment, body.url, body.events, now)
        if not has_secret(connection, environment):
            secret = new_secret(connection, resources.keys, owner_of(environment), now)
        act(connection, resources, environment, caller, "webhook.added", made.id)
    response.headers["Cache-Control"] = "no-store"
    return {**_endpoint(made), "secret": None if secret is None else secret_text(secret)}


@router.delete(
    "/{endpoint}", summary="Send no more to an address", **nothing("remove_webhook", "Removed")
)
def remove(
    transactions: TransactionsDep, caller: Keeper, endpoint: EndpointId, tenant: Chosen = ""
) -> Response:
    """What was written for it before is still sent."""
    environment, resources = _environment(caller, tenant), transactions.resources
    with resources.database.writing() as connection:
        if not remove_endpoint(connection, environment, endpoint):
            raise ProblemError(404, "webhook.unknown", "no such endpoint")
        act(connection, resources, environment, caller, "webhook.removed", endpoint)
    return Response(status_code=204)


@router.post(
    "/secret",
    summary="Sign with a new secret",
    **answers("new_webhook_secret", WebhookSecret, "Made; it is told this once"),
)
def secret(
    response: Response, transactions: TransactionsDep, caller: Keeper, tenant: Chosen = ""
) -> dict[str, Any]:
    """The one before signs as well for a day. All endpoints and callbacks of a tenant share it."""
    name, resources = tenant_of(caller, tenant), transactions.resources
    now = resources.clock()
    with resources.database.writing() as connection:
        before = has_secret(connection, name)
        made = new_secret(connection, resources.keys, name, now)
        act(connection, resources, name, caller, "webhook.secret", "")
    response.headers["Cache-Control"] = "no-store"
    until = iso(now + SECRETS_OVERLAP_MS) if before else None
    return {"secret": secret_text(made), "overlaps_until": until}


@router.get(
    "/messages",
    summary="What was told, and whether it arrived",
    **answers("list_webhook_messages", WebhookMessagePage),
)
def messages(
    transactions: TransactionsDep,
    caller: Keeper,
    state: MessageState | None = None,
    cursor: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    tenant: Chosen = "",
) -> dict[str, Any]:
    """Newest first, of the last 30 days; those of callbacks as well."""
    with transactions.resources.database.reading() as connection:
        found = messages_of(
            connection, _environment(caller, tenant), state, place_of(cursor), limit + 1
        )
    last = found[limit - 1] if len(found) > limit else None
    return {
        "items": [_message(each) for each in found[:limit]],
        "next": None if last is None else cursor_of(last),
    }


@router.post(
    "/messages/{message}/redeliver",
    summary="Send a message again",
    **answers("redeliver_webhook_message", WebhookMessage, "Due at once"),
)
def redeliver(
    transactions: TransactionsDep, caller: Keeper, message: MessageId, tenant: Chosen = ""
) -> dict[str, Any]:
    """Under the same id, whether it arrived or was given up, with all its tries."""
    environment, resources = _environment(caller, tenant), transactions.resources
    with resources.database.writing() as connection:
        found = send_again(connection, environment, message, resources.clock())
    if found is None:
        raise ProblemError(404, "webhook.unknown_message", "no such message")
    return _message(found)


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "created_at": iso(endpoint.created_at),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "url": message.url,
        "type": str(message.body.get("type", "")),
        "state": message.state,
        "created_at": iso(message.created_at),
        "tries": message.tries,
        "next_at": iso(message.next_at),
        "delivered_at": iso(message.delivered_at),
        "cause": message.cause,
        "body": message.body,
    }
