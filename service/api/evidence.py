"""Routes of the chain of evidence."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from veridical.service.api.answers import answers, content
from veridical.service.api.auth import Principal, allow
from veridical.service.api.state import TransactionsDep
from veridical.service.api.transactions import Id
from veridical.store.chain import chain_head, chain_lines, transaction_lines
from veridical.store.transactions import find_transaction
from veridical.transactions import ProblemError
from veridical.transactions.resources import iso
from veridical.wire import EvidenceHead

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["evidence"])

Auditor = Annotated[Principal, Depends(allow("evidence:read"))]
_LINES = "application/jsonl"
_RECORDS = "Signed records, one a line"


@router.get(
    "/transactions/{transaction}/evidence",
    summary="The records about one transaction",
    response_class=Response,
    **content("get_transaction_evidence", _LINES, _RECORDS),
)
def of_transaction(transactions: TransactionsDep, principal: Auditor, transaction: Id) -> Response:
    """Verdicts, reviews and the erasure, as they stand in the chain."""
    with transactions.resources.database.reading() as connection:
        if find_transaction(connection, transaction, principal.tenant) is None:
            raise ProblemError(404, "transaction.not_found", "no such transaction")
        lines = transaction_lines(connection, principal.tenant, transaction)
    return Response("".join(lines), media_type=_LINES)


@router.get(
    "/evidence",
    summary="The whole chain, in pages",
    response_class=Response,
    **content("list_evidence", _LINES, _RECORDS),
)
def chain(
    transactions: TransactionsDep,
    principal: Auditor,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """From the record behind a number on; put together, `veridical evidence verify` checks it."""
    with transactions.resources.database.reading() as connection:
        lines = chain_lines(connection, principal.tenant, after, limit)
    headers = {}
    if len(lines) == limit:
        headers["Link"] = f'</v1/evidence?after={after + limit}&limit={limit}>; rel="next"'
    return Response("".join(lines), media_type=_LINES, headers=headers)


@router.get(
    "/evidence/head",
    summary="The newest record, to be anchored elsewhere",
    **answers("get_evidence_head", EvidenceHead),
)
def head(transactions: TransactionsDep, principal: Auditor) -> dict[str, Any]:
    """Only a head published elsewhere shows that records were cut off the end."""
    with transactions.resources.database.reading() as connection:
        link = chain_head(connection, principal.tenant)
    return {
        "sequence": link.sequence if link else 0,
        "hash": link.hash if link else "0" * 64,
        "recorded_at": iso(link.recorded_at) if link else None,
        "key": transactions.resources.signing.key_id,
    }


@router.get(
    "/evidence/keys",
    summary="The public keys that verify it",
    response_class=Response,
    **content("get_evidence_keys", "application/x-pem-file", "PEM"),
)
def keys(transactions: TransactionsDep, principal: Auditor) -> Response:
    """The current one and every one before it."""
    del principal
    return Response(transactions.resources.public_keys, media_type="application/x-pem-file")
