"""What do webhooks say? Format `veridical.webhook/1`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from veridical.result import Outcome
from veridical.wire.base import Answer, Instant
from veridical.wire.drift import DriftAlert
from veridical.wire.transactions import TransactionKind, TransactionState

__all__ = ["WEBHOOK_FORMAT", "DriftEvent", "TransactionEvent", "TransactionNews"]

WEBHOOK_FORMAT: Literal["veridical.webhook/1"] = "veridical.webhook/1"


class TransactionNews(Answer):
    """What is told of a transaction: neither scores nor references; ask for the rest."""

    id: str
    kind: TransactionKind
    state: TransactionState
    outcome: Outcome | None
    final_outcome: Outcome | None
    sandbox: bool


class TransactionEvent(Answer):
    """Something happened to a transaction.

    Attributes:
        format: Of this object.
        type: What happened.
        timestamp: When.
        data: To which transaction.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "format": WEBHOOK_FORMAT,
                    "type": "transaction.completed",
                    "timestamp": "2026-11-22T01:02:09.456Z",
                    "data": {
                        "id": "t_0123456789abcdef0123456789abcdef",
                        "kind": "onboarding",
                        "state": "completed",
                        "outcome": "accept",
                        "final_outcome": "accept",
                        "sandbox": False,
                    },
                }
            ]
        }
    )

    # A message of the release before has none.
    format: Literal["veridical.webhook/1"] = WEBHOOK_FORMAT
    type: Annotated[
        str,
        Field(
            pattern=r"^transaction\.",
            description="transaction.completed, .retry, .reviewed, .erased, .expired, "
            ".enrolment_conflict, .rejudged",
        ),
    ]
    timestamp: Instant
    data: TransactionNews


class DriftEvent(Answer):
    """Scores or reasons drifted from their baseline, or came back to it."""

    format: Literal["veridical.webhook/1"] = WEBHOOK_FORMAT
    type: Literal["drift.raised", "drift.cleared"]
    timestamp: Instant
    data: DriftAlert
