"""A webhook is believed only when it is signed, fresh and whole."""

import base64
import hashlib
import hmac
import json

import pytest

from veridical.client import WebhookError, verify_webhook

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
NOW = 1_800_000_000
BODY = json.dumps(
    {
        "type": "transaction.completed",
        "timestamp": "2026-11-22T01:02:03.456Z",
        "data": {
            "id": "t_1",
            "kind": "onboarding",
            "state": "completed",
            "outcome": "accept",
            "final_outcome": None,
            "sandbox": False,
        },
    }
).encode()


def headers(body: bytes = BODY, at: int = NOW, key: bytes = b"0123456789abcdef") -> dict[str, str]:
    signature = hmac.new(key, b"m1.%d." % at + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": "m1",
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def test_a_signed_message_is_read() -> None:
    found = verify_webhook(SECRET, headers(), BODY, clock=lambda: NOW + 60)
    assert (found.id, found.type, found.transaction, found.outcome, found.final_outcome) == (
        "m1",
        "transaction.completed",
        "t_1",
        "accept",
        None,
    )


def test_a_message_of_a_kind_that_is_not_known_yet_is_read_all_the_same() -> None:
    body = b'{"type": "policy.stored", "data": {"id": "p"}}'
    found = verify_webhook(SECRET, headers(body), body, clock=lambda: NOW)
    assert (found.type, found.transaction, found.raw["data"]["id"]) == ("policy.stored", "", "p")


def test_one_of_several_signatures_suffices() -> None:
    both = headers()
    both["Webhook-Signature"] = f"v1,AAAA v2,xyz v1,*** {both['Webhook-Signature']}"
    assert verify_webhook(SECRET, both, BODY, clock=lambda: NOW).transaction == "t_1"


@pytest.mark.parametrize(
    ("given", "body", "at", "code"),
    [
        (headers(key=b"another"), BODY, NOW, "webhook.forged"),
        (headers(), BODY.replace(b"accept", b"reject"), NOW, "webhook.forged"),
        (headers(), BODY, NOW + 301, "webhook.too_old"),
        (headers(), BODY, NOW - 301, "webhook.too_old"),
        ({**headers(), "Webhook-Id": "m2"}, BODY, NOW, "webhook.forged"),
        ({**headers(), "Webhook-Timestamp": "soon"}, BODY, NOW, "webhook.unsigned"),
        ({}, BODY, NOW, "webhook.unsigned"),
        (headers(b"[]"), b"[]", NOW, "webhook.malformed"),
        (headers(b"no JSON"), b"no JSON", NOW, "webhook.malformed"),
    ],
)
def test_anything_else_is_refused(given: dict[str, str], body: bytes, at: int, code: str) -> None:
    with pytest.raises(WebhookError) as caught:
        verify_webhook(SECRET, given, body, clock=lambda: at)
    assert caught.value.code == code
