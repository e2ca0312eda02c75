"""What is asked and told of tenants, their keys and their webhooks?"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from veridical.wire.base import Answer, Instant, Request

__all__ = [
    "EventType",
    "KeyIssued",
    "KeyList",
    "KeyView",
    "MessageState",
    "NewKey",
    "NewTenant",
    "NewWebhook",
    "TenantLimits",
    "TenantList",
    "TenantView",
    "Webhook",
    "WebhookAdded",
    "WebhookList",
    "WebhookMessage",
    "WebhookMessagePage",
    "WebhookSecret",
]

Name = Annotated[str, StringConstraints(min_length=1, max_length=190, pattern=r"^[^/\x00-\x1f]+$")]
Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Word = Annotated[str, StringConstraints(max_length=40)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]
AtOnce = Annotated[int, Field(ge=1, le=10_000)]

EventType = Literal[
    "drift.cleared",
    "drift.raised",
    "transaction.completed",
    "transaction.enrolment_conflict",
    "transaction.rejudged",
    "transaction.erased",
    "transaction.expired",
    "transaction.retry",
    "transaction.reviewed",
]
MessageState = Literal["waiting", "delivered", "given_up"]


class TenantLimits(Request):
    """What a tenant may ask of each replica.

    Attributes:
        requests_per_minute: Most requests in a minute.
        concurrent: Most requests at once.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"requests_per_minute": 6_000, "concurrent": 64}]}
    )

    requests_per_minute: Rate = 6_000
    concurrent: AtOnce = 64


class NewTenant(TenantLimits):
    """A tenant to be added.

    Attributes:
        name: Of it: printable, without a slash.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "bank"}]})

    name: Name


class TenantView(Answer):
    """A tenant with its limits."""

    name: str
    requests_per_minute: int
    concurrent: int


class TenantList(Answer):
    """The tenants that the key may see, by name."""

    items: tuple[TenantView, ...]


class NewKey(Request):
    """A key to be made.

    Attributes:
        roles: Sets of scopes that go together, such as `backend`.
        scopes: Further scopes, such as `analysis`.
        label: What it is for.
        days: Until it expires.
        sandbox: Whether it is one of the tenant's sandbox.
        person: Who alone will use it: signed with every review.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"roles": ["reviewer"], "person": "Ana Lopez"}]}
    )

    roles: Annotated[list[Word], Field(max_length=20)] = []
    scopes: Annotated[list[Word], Field(max_length=50)] = []
    label: Text = ""
    days: Annotated[int, Field(ge=1, le=3_650)] = 365
    sandbox: Annotated[bool, Field(strict=True)] = False
    person: Text = ""


class KeyView(Answer):
    """A key without its secret.

    Attributes:
        prefix: Its name.
        scopes: What it allows.
        sandbox: Whether it is one of the tenant's sandbox.
        label: What it is for.
        person: Who alone uses it; empty for a key of a machine.
        created_at: When it was made.
        expires_at: When it expires; null when it never does.
        revoked_at: When it was revoked; null when it was not.
    """

    prefix: str
    scopes: tuple[str, ...]
    sandbox: bool
    label: str
    person: str
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None


class KeyIssued(KeyView):
    """A key that was made.

    Attributes:
        key: Its text, told this once: only a hash of it is kept.
    """

    key: str = Field(repr=False)


class KeyList(Answer):
    """A tenant's keys, oldest first."""

    items: tuple[KeyView, ...]


class NewWebhook(Request):
    """An address that is to be told of events.

    Attributes:
        url: Where: https, on a public address.
        events: Types that it is told of; all when there is none.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://bank.example/hooks", "events": ["transaction.completed"]}]
        }
    )

    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    events: Annotated[list[EventType], Field(max_length=20)] = []


class Webhook(Answer):
    """An address that is told of events.

    Attributes:
        id: Of it.
        url: Where it is.
        events: Types that it is told of; all when there is none.
        created_at: When it was added.
    """

    id: str
    url: str
    events: tuple[str, ...]
    created_at: Instant


class WebhookAdded(Webhook):
    """An address that was added.

    Attributes:
        secret: What signs the tenant's messages, told this once; null where there was one already.
    """

    secret: str | None = Field(default=None, repr=False)


class WebhookList(Answer):
    """The addresses that are told of events.

    Attributes:
        items: They, oldest first.
        event_types: Every type there is.
    """

    items: tuple[Webhook, ...]
    event_types: tuple[str, ...]


class WebhookSecret(Answer):
    """A new secret that signs a tenant's messages.

    Attributes:
        secret: Told this once.
        overlaps_until: Until then messages bear a signature by the one before as well; null where
            there was none.
    """

    secret: str = Field(repr=False)
    overlaps_until: Instant | None


class WebhookMessage(Answer):
    """What became of one message.

    Attributes:
        id: Of it, the same over all tries: the header `webhook-id`.
        url: Where it goes or went.
        type: What happened.
        state: `waiting`, `delivered` or `given_up`.
        created_at: When it was written.
        tries: How often it was tried.
        next_at: When it is tried next; null when it is not.
        delivered_at: When it arrived; null when it did not.
        cause: Why the last try failed, such as `status_500`; empty when it did not.
        body: What it says.
    """

    id: str
    url: str
    type: str
    state: MessageState
    created_at: Instant
    tries: int
    next_at: Instant | None
    delivered_at: Instant | None
    cause: str
    body: dict[str, Any]


class WebhookMessagePage(Answer):
    """A part of the list of messages, newest first.

    Attributes:
        items: Of this part.
        next: Cursor of the next part; null at the end.
    """

    items: tuple[WebhookMessage, ...]
    next: str | None
