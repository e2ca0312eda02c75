"""Does this message come from our service? The scheme of standard-webhooks."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from veridical.client.errors import WebhookError
from veridical.result import Outcome
from veridical.wire import Answer, DriftEvent, TransactionEvent

__all__ = ["Webhook", "verify_webhook"]

TOLERANCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """What the service tells of a transaction, or of drift. Ask for the rest with `Client.get`.

    Attributes:
        id: Of the message; the same when it is delivered again: note it and skip repetitions.
        type: Such as `transaction.completed`, `drift.raised`.
        transaction: Id; empty where the message is about none.
        state: Of the transaction, or of the alert: `raised`, `cleared`.
        outcome: Of the latest attempt; None without.
        final_outcome: The review's outcome where there is one; None while open.
        event: The whole message: a `TransactionEvent` or `DriftEvent`.
    """

    id: str
    type: str
    transaction: str
    state: str
    outcome: Outcome | None
    final_outcome: Outcome | None
    event: Answer

    @property
    def raw(self) -> Mapping[str, Any]:
        """The whole message as plain values."""
        return self.event.raw


def verify_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    clock: Callable[[], float] = time.time,
) -> Webhook:
    """Check a message's signature and age, then read it.

    Args:
        secret: `whsec_...`, as the operator of the service handed it out.
        headers: Of the request; capitals do not matter.
        body: Exactly the bytes that came.
        clock: Seconds since 1970.

    Raises:
        WebhookError: It is not signed with this secret, is more than five minutes off, or is no
            message of ours.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signatures = given.get("webhook-signature", "")
    if not (message and stamp.isascii() and stamp.isdigit() and signatures):
        raise WebhookError(
            "a webhook carries webhook-id, webhook-timestamp and webhook-signature; one is missing",
            "webhook.unsigned",
        )
    if abs(clock() - int(stamp)) > TOLERANCE_S:
        raise WebhookError(
            f"the webhook is older or newer than {TOLERANCE_S:.0f} s; is a clock wrong?",
            "webhook.too_old",
        )
    signed = b".".join((message.encode(), stamp.encode(), body))
    wanted = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    if not any(hmac.compare_digest(wanted, found) for found in _signatures(signatures)):
        raise WebhookError("the webhook is not signed with this secret", "webhook.forged")
    try:
        return _webhook(message, body)
    except (ValueError, KeyError, TypeError) as error:
        raise WebhookError(
            "the webhook is signed but is no message of ours", "webhook.malformed"
        ) from error


def _webhook(message: str, body: bytes) -> Webhook:
    """Read a message; of a type that this SDK does not know, a receiver may read `raw`."""
    kind = str(json.loads(body)["type"])
    if kind.startswith("transaction."):
        event = TransactionEvent.model_validate_json(body)
        data = event.data
        return Webhook(message, kind, data.id, data.state, data.outcome, data.final_outcome, event)
    if kind.startswith("drift."):
        told = DriftEvent.model_validate_json(body)
        return Webhook(message, kind, "", told.data.state, None, None, told)
    return Webhook(message, kind, "", "", None, None, Answer.model_validate_json(body))


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is `whsec_` and base64") from error


def _signatures(header: str) -> list[bytes]:
    """Those of version 1; several stand there while a secret is being rotated."""
    found = []
    for word in header.split(" "):
        version, _, value = word.partition(",")
        if version == "v1":
            try:
                found.append(base64.b64decode(value, validate=True))
            except binascii.Error:
                continue
    return found
