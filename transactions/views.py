"""What is shown of a transaction, and to whom: the applicant never sees a score."""

from collections.abc import Mapping, Sequence
from typing import Any

from veridical.catalogue import Text
from veridical.languages import Language
from veridical.policy.media import Wanted
from veridical.store.chain import Link
from veridical.store.transactions import StoredTransaction
from veridical.store.uploads import Medium
from veridical.transactions.resources import iso
from veridical.verification import reasons
from veridical.wire import KeptRequest

__all__ = ["applicant_view", "erased_view", "link_view", "listed", "operator_view", "queued"]

_ENDINGS: Mapping[str, Text] = {
    "accept": Text("Thank you, you are verified.", "核验已通过，谢谢。"),
    "review": Text(
        "Thank you. Our staff will look at it and tell you.", "谢谢，工作人员将审核并通知您结果。"
    ),
    "reject": Text(
        "We could not verify you this time. Our staff will help you.",
        "本次未能完成核验，工作人员将为您提供帮助。",
    ),
    "retry": Text("Please try again.", "请再试一次。"),
}


def applicant_view(
    row: StoredTransaction,
    wanted: Wanted,
    media: Sequence[Medium],
    language: Language,
) -> dict[str, Any]:
    """What the holder of an upload token sees."""
    return {
        **_head(row),
        "created_at": iso(row.created_at),
        "expires_at": iso(row.expires_at),
        "attempt": row.attempt,
        "retries_left": max(0, row.attempts - row.attempt),
        "outcome": row.outcome,
        "message": _message(row, language),
        "media": {
            "required": list(wanted.required),
            "optional": list(wanted.optional),
            "received": [medium.kind for medium in media],
        },
    }


def operator_view(
    applicant: Mapping[str, Any],
    row: StoredTransaction,
    media: Sequence[Medium],
    request: KeptRequest,
    *,
    verdict: Mapping[str, Any] | None,
    review: Mapping[str, Any] | None,
    link: Link | None,
) -> dict[str, Any]:
    """What a key that may read transactions sees.

    Args:
        applicant: See `applicant_view`.
        row: The transaction.
        media: What was received.
        request: As it was kept.
        verdict: As it was kept, or why nothing could be judged.
        review: As it was kept.
        link: The newest record of evidence about it.
    """
    return {
        **applicant,
        "policy": request.policy.model_dump(),
        "subject_ref": request.subject_ref,
        "device_ref": request.device_ref,
        "metadata": request.metadata,
        "locale": request.locale,
        "consent": request.consent.model_dump(),
        "completed_at": iso(row.completed_at),
        "keep_until": iso(row.keep_until),
        "received": [
            {"kind": medium.kind, "bytes": medium.size, "sha256": medium.sha256.hex()}
            for medium in media
        ],
        "verdict": verdict if verdict and "checks" in verdict else None,
        "problem": verdict if verdict and "checks" not in verdict else None,
        "evidence": link_view(link),
        "review": review,
        "final_outcome": row.final_outcome,
    }


def erased_view(row: StoredTransaction, link: Link | None) -> dict[str, Any]:
    """What is left of an erased transaction."""
    return {
        **_head(row),
        "created_at": iso(row.created_at),
        "erased_at": iso(row.erased_at),
        "evidence": link_view(link),
    }


def listed(row: StoredTransaction) -> dict[str, Any]:
    """One line of a list of transactions."""
    return {
        **_head(row),
        "outcome": row.outcome,
        "final_outcome": row.final_outcome,
        "first_cause": row.first_cause,
        "created_at": iso(row.created_at),
        "completed_at": iso(row.completed_at),
    }


def queued(row: StoredTransaction, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the review queue."""
    return {
        "id": row.id,
        "kind": row.kind,
        "sandbox": row.sandbox,
        "created_at": iso(row.created_at),
        "completed_at": iso(row.completed_at),
        "first_cause": row.first_cause,
        "causes": verdict.get("causes", []),
    }


def link_view(link: Link | None) -> dict[str, Any] | None:
    """A place in the chain of evidence."""
    return None if link is None else {"sequence": link.sequence, "hash": link.hash}


def _head(row: StoredTransaction) -> dict[str, Any]:
    """What every view of a transaction begins with."""
    return {"id": row.id, "kind": row.kind, "state": row.state, "sandbox": row.sandbox}


def _message(row: StoredTransaction, language: Language) -> str:
    """What to tell the applicant: only what can be mended, nothing an attacker learns from."""
    outcome = row.final_outcome or row.outcome
    if outcome is None:
        return ""
    if outcome == "retry" and row.first_cause:
        reason = reasons().get(row.first_cause.rpartition(":")[2])
        if reason is not None and reason.mendable:
            return reason.applicant[language]
    return _ENDINGS[outcome][language]
