"""What is shown of a transaction, and to whom: the applicant never sees a score."""

from collections.abc import Mapping, Sequence
from typing import Any

from veridical.catalogue import Text
from veridical.catalogue.reasons import ADVICE, advice
from veridical.languages import Language
from veridical.policy.media import Wanted
from veridical.store.chain import Link
from veridical.store.transactions import StoredTransaction
from veridical.store.uploads import Medium
from veridical.transactions.resources import iso
from veridical.verification import reasons
from veridical.wire import KeptRequest

__all__ = [
    "ENDINGS",
    "applicant_view",
    "erased_view",
    "link_view",
    "listed",
    "operator_view",
    "queued",
    "wanted_view",
]

_OF_PORTRAITS = ("portrait_no_face", "portrait_too_small", "portrait_unclear")
"""What a face says of the document that shows it."""
ENDINGS: Mapping[str, Text] = {
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
        "message_code": _message_code(row),
        "media": {
            **wanted_view(wanted),
            "received": (received := [medium.kind for medium in media]),
            "again": _again(row, received),
        },
    }


def wanted_view(wanted: Wanted) -> dict[str, Any]:
    """Which media a transaction asks for."""
    return {
        "required": list(wanted.required),
        "optional": list(wanted.optional),
        "prompts": sorted(wanted.prompts),
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
        "consent": request.consent.model_dump() if request.consent is not None else None,
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
        "claimed_by": row.claimed_by,
        "claimed_at": iso(row.claimed_at),
    }


def link_view(link: Link | None) -> dict[str, Any] | None:
    """A place in the chain of evidence."""
    return None if link is None else {"sequence": link.sequence, "hash": link.hash}


def _head(row: StoredTransaction) -> dict[str, Any]:
    """What every view of a transaction begins with."""
    return {"id": row.id, "kind": row.kind, "state": row.state, "sandbox": row.sandbox}


def _message(row: StoredTransaction, language: Language) -> str:
    """What to tell the applicant: only what can be mended, nothing an attacker learns from."""
    kind, _, name = _message_code(row).partition(".")
    if not name:
        return ""
    return ADVICE[name][language] if kind == "advice" else ENDINGS[name][language]


def _message_code(row: StoredTransaction) -> str:
    outcome = row.final_outcome or row.outcome
    if outcome is None:
        return ""
    if outcome == "retry" and row.first_cause:
        code = row.first_cause.rpartition(":")[2]
        reason = reasons().get(code)
        if reason is not None and reason.mendable:
            return f"advice.{advice(code)}"
    return f"ending.{outcome}"


def _again(row: StoredTransaction, received: Sequence[str]) -> list[str]:
    """Documents that were received and that the latest attempt asks for anew."""
    check, _, code = (row.first_cause or "").partition(":")
    if row.outcome != "retry" or not (check.startswith("document.") or code in _OF_PORTRAITS):
        return []
    return [kind for kind in received if kind.startswith("document_")]
