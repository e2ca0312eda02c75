"""What is a record of evidence on the wire? Format `veridical.evidence/1`."""

from typing import Literal

from veridical.result import Outcome, Status
from veridical.wire.base import Answer, Instant, Offset
from veridical.wire.verdicts import LookedAt, ModelRef, PolicyRef

__all__ = ["EvidenceCheck", "EvidenceHead", "EvidenceRecord", "EvidenceRule"]


class EvidenceCheck(Answer):
    """One check as a record has it: without what it saw."""

    check: str
    status: Status
    score: float | None
    reason: str
    accept_at: float | None
    reject_below: float | None
    point_source: str | None
    models: tuple[ModelRef, ...]


class EvidenceRule(Answer):
    """One rule as a record has it: its words are the policy's."""

    rule: str
    holds: bool | None
    then: str


class EvidenceFinding(Answer):
    """One thing that speaks against somebody who was accepted.

    Attributes:
        check: Which check found it.
        status: `review` or `fail`.
        reason: Its code.
    """

    check: str
    status: Literal["review", "fail"]
    reason: str


class EvidenceRecord(Answer):
    """One signed line of the chain.

    What is verified are the bytes of the line, never this object: see `veridical evidence verify`.

    Attributes:
        format: Of the line.
        sequence: Its number, from 1.
        previous: Hash of the record before it.
        recorded_at: When it was written.
        hash: Of the record.
        key: Short name of the key that signed it.
        signature: Ed25519, in hex.
        transaction: Which transaction it is about; empty for an action that is about none.
        event: `verdict`, `review`, `erasure`, `action` or `rejudged`; none in a file of one-call
            verdicts.
        kind: Of the transaction, or `one_call`.
        sandbox: Whether it was scripted or stamped.
        outcome: Of the verdict or review.
        first_cause: What brought a verdict about.
        causes: All that bore on it.
        policy: The rules.
        profile: Name of the model set.
        assurance: What was weaker than it could be.
        stamps: Warnings.
        attempt: From 1.
        decided_at: When.
        timings_ms: Wall time by stage.
        checks: Every check.
        rules: Rules among the causes.
        looked_at: Frames of the clip that were drawn; null without one.
        media_sha256: Hash of every medium, by kind.
        action: Of an action: what was done, such as `key.issued` or `media.read`.
        about: Of an action: to what, by a name of ours.
        operator: Who reviewed or did it: the person the key is bound to, else the key.
        operator_said: Who reviewed, as the client typed it.
        api_key: Prefix of the key.
        environment: `live` or `sandbox`.
        awaits_second: Of a review: whether a second person must decide the same.
        reason_commitment: Of a review: a salted hash of its reason.
        erased_at: Of an erasure.
        findings: Of a rejudgement: what speaks against an acceptance by now.
    """

    format: Literal["veridical.evidence/1"]
    sequence: int
    previous: str
    recorded_at: Offset
    hash: str
    key: str
    signature: str
    transaction: str
    event: Literal["verdict", "review", "erasure", "action", "rejudged"] | None = None
    kind: str | None = None
    sandbox: bool | None = None
    outcome: Outcome | None = None
    first_cause: str | None = None
    causes: tuple[str, ...] = ()
    policy: PolicyRef | None = None
    profile: str | None = None
    assurance: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    attempt: int | None = None
    decided_at: str | None = None
    timings_ms: dict[str, float] = {}
    checks: tuple[EvidenceCheck, ...] = ()
    rules: tuple[EvidenceRule, ...] = ()
    looked_at: LookedAt | None = None
    media_sha256: dict[str, str] = {}
    action: str | None = None
    about: str | None = None
    operator: str | None = None
    operator_said: str | None = None
    api_key: str | None = None
    environment: Literal["live", "sandbox"] | None = None
    awaits_second: bool | None = None
    reason_commitment: str | None = None
    erased_at: Instant | None = None
    findings: tuple[EvidenceFinding, ...] = ()


class EvidenceHead(Answer):
    """The newest record of a chain, to be anchored elsewhere.

    Attributes:
        sequence: Its number; 0 when there is none.
        hash: Of the record; zeros when there is none.
        recorded_at: When; null when there is none.
        key: Short name of the current signing key.
    """

    sequence: int
    hash: str
    recorded_at: Instant | None
    key: str
