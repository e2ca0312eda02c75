"""What is kept, sealed, of how a transaction was asked for? Format `veridical.request/1`.

A database outlives releases: whatever a later version adds here has a default, for it is not in
what an earlier version sealed.
"""

from typing import Literal

from pydantic import ConfigDict

from veridical.languages import Language
from veridical.wire.base import Answer
from veridical.wire.transactions import ConsentGiven, TransactionKind
from veridical.wire.verdicts import PolicyRef

__all__ = ["KEPT_FORMAT", "KeptRequest", "KeptSignals"]

KEPT_FORMAT: Literal["veridical.request/1"] = "veridical.request/1"


class KeptSignals(Answer):
    """What the caller knew of the applicant; see `Surroundings`."""

    phone: str = ""
    network: str = ""
    country: str = ""
    region: str = ""
    address: str = ""
    geo: str = ""


class KeptRequest(Answer):
    """A `NewTransaction` as it was accepted, with what was settled then.

    Attributes:
        format: Of this object.
        kind: As asked, like all that follows to `metadata`.
        policy: The rules, in the version of then.
        spoken: Language in which the applicant speaks.
        script_digits: How many digits the script of a recording asks for.
        replaces: The transaction that the same idempotency key started before, which is over.
    """

    model_config = ConfigDict(extra="ignore")

    format: Literal["veridical.request/1"] = KEPT_FORMAT
    kind: TransactionKind
    checks: tuple[str, ...]
    subject_ref: str | None
    device_ref: str | None
    consent: ConsentGiven | None
    return_url: str = ""
    callback: str | None
    locale: Language
    signals: KeptSignals = KeptSignals()
    statement: str = ""
    script: str = ""
    script_text: str = ""
    facts: dict[str, float] = {}
    metadata: dict[str, str] = {}
    policy: PolicyRef
    spoken: str = ""
    script_digits: int = 0
    replaces: str | None = None
