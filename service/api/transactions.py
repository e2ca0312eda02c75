"""Routes of transactions."""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import itertools
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from veridical import wire
from veridical.chip.files import MOST_BYTES
from veridical.consent_recording.settings import recording_settings
from veridical.errors import InputError
from veridical.languages import Language
from veridical.media import Limits
from veridical.media.sniff import CLIP, HEAD_BYTES, PICTURE, SOUND, Wanted, sniff
from veridical.result import Outcome
from veridical.service.api.answers import answers, content, nothing
from veridical.service.api.auth import Allow, Principal, allow
from veridical.service.api.requirements import takes
from veridical.service.api.state import ServiceDep, TransactionsDep
from veridical.store.uploads import Medium, Upload
from veridical.transactions import ProblemError, TransactionService
from veridical.transactions.explain import explain
from veridical.transactions.live import LARGEST_SLICE, MOST_SLICES
from veridical.transactions.recordings import recorded
from veridical.transactions.service import Sought
from veridical.transactions.worker import load_transaction

__all__ = ["Applicant", "Id", "address_of", "router"]

router = APIRouter(prefix="/v1", tags=["transactions"])

MOST_JSON_BYTES = 6 * wire.LARGEST_SCRIPT + 64 * 1024
"""A script of which every character is written as an escape, and what stands around it."""
PIECE_BYTES = 1 << 20
_LIMITS = Limits()
_MOST_BYTES = {
    "document_front": _LIMITS.max_image_bytes,
    "document_back": _LIMITS.max_image_bytes,
    "chip": MOST_BYTES,
    "selfie": _LIMITS.max_image_bytes,
    "clip": _LIMITS.max_clip_bytes,
    "voice": _LIMITS.max_audio_bytes,
    "recording": recording_settings().limits.max_recording_bytes,
}
_WANTED: Mapping[wire.MediaKind, Wanted] = {
    "document_front": PICTURE,
    "document_back": PICTURE,
    "selfie": PICTURE,
    "clip": CLIP,
    "voice": SOUND,
    "recording": CLIP,
}
_POLL_S = (0.02, 0.05, 0.1, 0.1, 0.2)

Id = Annotated[
    str, Path(pattern="^t_[0-9a-f]{32}$", examples=["t_0123456789abcdef0123456789abcdef"])
]
Cursor = Annotated[str, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=200)]
Writer = Annotated[Principal, Depends(allow("transactions:write"))]
Reader = Annotated[Principal, Depends(allow("transactions:read"))]
Applicant = Annotated[Principal, Depends(Allow(("transactions:write",), upload=True))]
Viewer = Annotated[
    Principal, Depends(Allow(("transactions:read", "transactions:write"), upload=True, watch=True))
]
Eraser = Annotated[Principal, Depends(allow("transactions:erase"))]
Fetcher = Annotated[Principal, Depends(allow("media:read"))]
Reviewer = Annotated[Principal, Depends(allow("reviews"))]


@router.post(
    "/transactions",
    status_code=201,
    summary="Start a transaction",
    **answers("create_transaction", wire.Started, "Started"),
)
@takes(MOST_JSON_BYTES)
def create(
    request: Request,
    response: Response,
    transactions: TransactionsDep,
    principal: Writer,
    body: wire.NewTransaction,
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> dict[str, Any]:
    """Answers the upload token and the challenge, once: neither is told again."""
    answer, again = transactions.create(principal, body, idempotency_key)
    # None in what an older version answered to the same idempotency key.
    if link := answer.pop("link", ""):
        answer["url"] = address_of(request, link)
    response.headers["Location"] = f"/v1/transactions/{answer['id']}"
    if again:
        response.headers["Idempotency-Replayed"] = "true"
    return answer


def address_of(request: Request, link: str) -> str:
    """The page with a link: as the service is known outside, else as it was called."""
    base: str = request.app.state.public_url or str(request.base_url)
    return f"{base.rstrip('/')}/verify#{link}"


@router.get(
    "/transactions",
    summary="List transactions, newest first",
    **answers("list_transactions", wire.TransactionPage),
)
def list_(
    transactions: TransactionsDep,
    principal: Reader,
    state: wire.TransactionState | None = None,
    outcome: Outcome | None = None,
    policy: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    subject_ref: wire.Reference | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """Pages follow by `next`; `since` and `until` bound when a transaction was started."""
    sought = Sought(state, outcome, policy, subject_ref, _moment_ms(since), _moment_ms(until))
    return transactions.page(principal, sought, cursor, limit)


def _moment_ms(moment: datetime | None) -> int | None:
    """Milliseconds since 1970 of a moment; one without an offset is in UTC."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)


@router.get(
    "/transactions/{transaction}",
    summary="How a transaction stands",
    **answers("get_transaction", wire.Transaction, "As the bearer may see it"),
)
def get(transactions: TransactionsDep, principal: Viewer, transaction: Id) -> dict[str, Any]:
    """A key that may read transactions sees the verdict with its scores; nobody else does."""
    return transactions.view(principal, transaction)


@router.put(
    "/transactions/{transaction}/media/{kind}",
    summary="Hand in a medium",
    **answers("upload_medium", wire.Uploaded, "Kept, encrypted"),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
@takes(_MOST_BYTES, parameter="kind")
async def put_medium(
    request: Request,
    transactions: TransactionsDep,
    principal: Applicant,
    transaction: Id,
    kind: wire.MediaKind,
    content_digest: Annotated[
        str, Header(description="RFC 9530: `sha-256=:BASE64:`", max_length=500)
    ] = "",
) -> dict[str, Any]:
    """The bytes themselves, never an address or a path; their type is seen in them."""
    wanted = _digest(content_digest)
    upload = await run_in_threadpool(transactions.begin_upload, principal, transaction, kind)
    try:
        size, digest = await _take(request, transactions, upload, kind)
        if not hmac.compare_digest(digest, wanted):
            raise InputError(
                "the bytes are not those the Content-Digest names; send them again",
                "media.digest_mismatch",
            )
        medium = Medium(kind, digest, size, upload.id)
        await run_in_threadpool(transactions.finish_upload, principal, transaction, medium)
    except BaseException:
        # The client left, or was refused. What cannot be deleted now is swept away later.
        with contextlib.suppress(Exception):
            await asyncio.shield(run_in_threadpool(upload.discard))
        raise
    return {"kind": kind, "bytes": size, "sha256": digest.hex()}


@router.delete(
    "/transactions/{transaction}/media/{kind}",
    summary="Take a medium back",
    **nothing("delete_medium", "Deleted"),
)
def delete_medium(
    transactions: TransactionsDep, principal: Applicant, transaction: Id, kind: wire.MediaKind
) -> Response:
    """One that was handed in by mistake, or that the applicant would rather not give."""
    transactions.take_back(principal, transaction, kind)
    return Response(status_code=204)


@router.get(
    "/transactions/{transaction}/media/{kind}",
    summary="Fetch a medium back",
    response_class=StreamingResponse,
    **content("fetch_medium", "application/octet-stream", "The bytes as they were handed in"),
)
def fetch_medium(
    transactions: TransactionsDep, principal: Fetcher, transaction: Id, kind: wire.MediaKind
) -> StreamingResponse:
    """For who is to look at it, or must hand it over. That it was fetched is signed and kept."""
    medium, pieces = transactions.fetch(principal, transaction, kind)
    digest = base64.b64encode(medium.sha256).decode()
    first = next(pieces)
    headers = {
        "Cache-Control": "no-store",
        "Content-Digest": f"sha-256=:{digest}:",
        "Content-Disposition": f'attachment; filename="{kind}"',
        "Content-Length": str(medium.size),
    }
    return StreamingResponse(
        itertools.chain([first], pieces),
        headers=headers,
        media_type=sniff(first[:HEAD_BYTES]) or "application/octet-stream",
    )


async def _take(
    request: Request, transactions: TransactionService, upload: Upload, kind: wire.MediaKind
) -> tuple[int, bytes]:
    """Write a body piece by piece; its size and SHA-256.

    Raises:
        InputError: `media.empty`; as `_look_at`.
    """
    most, looked = _MOST_BYTES[kind], False
    total, size, piece = hashlib.sha256(), 0, bytearray()
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise ProblemError(413, "request.too_large", f"this medium may have {most} bytes")
        total.update(chunk)
        piece += chunk
        if not looked and size >= HEAD_BYTES:
            looked = _look_at(kind, piece)
        while len(piece) >= PIECE_BYTES:
            await run_in_threadpool(
                upload.write, bytes(piece[:PIECE_BYTES]), transactions.resources.clock()
            )
            del piece[:PIECE_BYTES]
    if not size:
        raise InputError("the body is empty; send the bytes of the medium", "media.empty")
    if not looked:
        _look_at(kind, piece)
    if piece:
        await run_in_threadpool(upload.write, bytes(piece), transactions.resources.clock())
    return size, total.digest()


def _look_at(kind: wire.MediaKind, head: bytes | bytearray) -> bool:
    """Refuse at once what could only cost an attempt later: it is no medium of its kind.

    Raises:
        InputError: `media.not_an_image`, `media.not_a_clip`, `media.not_audio`,
            `chip.malformed`.
    """
    if kind in _WANTED:
        _WANTED[kind].found(bytes(head[:HEAD_BYTES]))
    elif not head.startswith(b"PK"):
        raise InputError("a zip of the chip's files was wanted", "chip.malformed")
    return True


def _digest(header: str) -> bytes:
    """The SHA-256 of a Content-Digest header.

    Raises:
        InputError: `media.digest_missing`.

    Source: RFC 9530, section 2.
    """
    for word in header.split(","):
        name, _, value = word.strip().partition("=")
        if name.lower() == "sha-256" and len(value) > 2 and value[0] == value[-1] == ":":
            with contextlib.suppress(binascii.Error, ValueError):
                found = base64.b64decode(value[1:-1], validate=True)
                if len(found) == hashlib.sha256().digest_size:
                    return found
    raise InputError(
        "send the header `Content-Digest: sha-256=:BASE64:` of the body", "media.digest_missing"
    )


@router.post(
    "/transactions/{transaction}/challenge",
    summary="Draw a new challenge",
    **answers("draw_challenge", wire.ChallengeDrawn, "The old one is void"),
)
def challenge(
    transactions: TransactionsDep,
    principal: Applicant,
    transaction: Id,
    body: wire.ChallengeWish = wire.ChallengeWish(),  # noqa: B008
) -> dict[str, Any]:
    """What was recorded for the old one is dropped.

    Told `stepwise`, recording begins at once and is sent in slices: each that arrives tells what
    comes next. Told `at_once`, the whole clip is uploaded afterwards; it is then weaker evidence.
    """
    return {"challenge": transactions.challenge(principal, transaction, body)}


@router.put(
    "/transactions/{transaction}/slices/{number}",
    summary="Hand in a slice of a recording while it is made",
    **answers("upload_slice", wire.SliceTaken, "Kept, and what is told since"),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
@takes(LARGEST_SLICE)
async def put_slice(
    request: Request,
    transactions: TransactionsDep,
    principal: Applicant,
    transaction: Id,
    number: Annotated[int, Path(ge=0, lt=MOST_SLICES)],
    content_digest: Annotated[
        str, Header(description="RFC 9530: `sha-256=:BASE64:`", max_length=500)
    ] = "",
    last: Annotated[bool, Query(description="Whether the recording ends with it")] = False,
) -> dict[str, Any]:
    """Slices put one after the other are the file of the clip. The last one makes it a medium.

    A slice may be sent again where the connection broke. When each arrived is recorded by this
    server's clock; what is too late to show a live recording is asked for again.
    """
    wanted = _digest(content_digest)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_SLICE:
            raise ProblemError(413, "request.too_large", f"a slice may have {LARGEST_SLICE} bytes")
    data = bytes(body)
    if not data:
        raise InputError("the body is empty; send the bytes of the slice", "media.empty")
    if not hmac.compare_digest(hashlib.sha256(data).digest(), wanted):
        raise InputError(
            "the bytes are not those the Content-Digest names; send them again",
            "media.digest_mismatch",
        )
    if number == 0:
        _look_at("clip", data)
    return await run_in_threadpool(
        transactions.take_slice, principal, transaction, number, data, last=last
    )


@router.post(
    "/transactions/{transaction}/submit",
    summary="Ask for the verdict",
    responses={202: {"model": wire.Transaction, "description": "Being judged"}},
    **answers("submit_transaction", wire.Transaction, "Judged"),
)
async def submit(
    response: Response,
    transactions: TransactionsDep,
    service: ServiceDep,
    principal: Applicant,
    transaction: Id,
    body: wire.Submission,
    wait_s: Annotated[float, Query(ge=0, le=60)] = 0,
) -> dict[str, Any]:
    """Answers 202 at once, or waits for the verdict. Once it answers, nothing is lost any more."""
    await run_in_threadpool(transactions.submit, principal, transaction, body)
    if service.worker is not None:
        service.worker.wake()
    until, polls = time.monotonic() + wait_s, iter(_POLL_S)
    while True:
        state = await run_in_threadpool(transactions.state, transaction)
        left_s = until - time.monotonic()
        if state != "processing" or left_s <= 0:
            break
        await asyncio.sleep(min(left_s, next(polls, _POLL_S[-1])))
    view = await run_in_threadpool(transactions.view, principal, transaction)
    if view["state"] == "processing":
        response.status_code = 202
        response.headers["Retry-After"] = "1"
    return view


@router.post(
    "/transactions/{transaction}/cancel",
    summary="Break a transaction off",
    **answers("cancel_transaction", wire.Transaction),
)
def cancel(transactions: TransactionsDep, principal: Applicant, transaction: Id) -> dict[str, Any]:
    """What was handed in is deleted."""
    transactions.cancel(principal, transaction)
    return transactions.view(principal, transaction)


@router.delete(
    "/transactions/{transaction}",
    summary="Erase a transaction",
    **answers("erase_transaction", wire.Erased, "Erased"),
)
def erase(transactions: TransactionsDep, principal: Eraser, transaction: Id) -> dict[str, Any]:
    """Its key is deleted: nothing opens what was kept. A tombstone and its evidence stay."""
    return transactions.erase(principal, transaction)


@router.get(
    "/reviews",
    tags=["reviews"],
    summary="Transactions that wait for a reviewer",
    **answers("list_reviews", wire.ReviewPage),
)
def queue(
    transactions: TransactionsDep,
    principal: Reviewer,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """The longest waiting first."""
    return transactions.queue(principal, cursor, limit)


@router.post(
    "/transactions/{transaction}/review",
    tags=["reviews"],
    summary="Decide as a reviewer",
    **answers("review_transaction", wire.Transaction, "Decided"),
)
def review(
    transactions: TransactionsDep, principal: Reviewer, transaction: Id, body: wire.ReviewDecision
) -> dict[str, Any]:
    """Signed into the chain of evidence with the reviewer's name."""
    transactions.review(principal, transaction, body)
    reader = Principal(
        principal.tenant, principal.scopes | {"transactions:read"}, principal.sandbox
    )
    return transactions.view(reader, transaction)


@router.get(
    "/transactions/{transaction}/explanation",
    tags=["reviews"],
    summary="What was seen and heard, for a reviewer",
    **answers("explain_transaction", wire.Explanation),
)
def explanation(
    transactions: TransactionsDep, service: ServiceDep, principal: Reviewer, transaction: Id
) -> dict[str, object]:
    """Annotated pictures, digits against time.

    Kept when the verdict left the attempt to a person; of other attempts the media are judged once
    more when it is first asked for.
    """
    row, vault = transactions.opened(principal, transaction)
    if row.kind == "recording":
        raise ProblemError(
            409, "transaction.kind", "a recording has a review page: GET …/recording", None
        )
    if (kept := transactions.explanation_of(row, vault)) is not None:
        return kept
    verifier = service.loader.get()
    request = transactions.request_of(row, vault)
    with service.gate.entered():
        analysis = verifier.analyse(load_transaction(transactions, verifier, row, vault, request))
        verdict = verifier.judge(analysis, transactions.policy_of(row, request))
        made = explain(analysis, verdict)
    transactions.keep_explanation(row, vault, made)
    return made


@router.put(
    "/transactions/{transaction}/claim",
    tags=["reviews"],
    summary="Take a case up",
    **answers("claim_review", wire.Transaction),
)
def claim(transactions: TransactionsDep, principal: Reviewer, transaction: Id) -> dict[str, Any]:
    """Others see whose it is, for a quarter of an hour; whoever claims it again keeps it."""
    transactions.claim(principal, transaction)
    return transactions.view(principal, transaction)


@router.get(
    "/transactions/{transaction}/recording",
    tags=["reviews"],
    summary="The review page of a recording",
    response_class=HTMLResponse,
    **content(
        "get_recording_page", "text/html", "One file with its player, to be saved and opened"
    ),
)
def recording_page(
    transactions: TransactionsDep,
    principal: Reviewer,
    transaction: Id,
    language: Language = "en",
) -> HTMLResponse:
    """Timeline, transcript against script, and the video itself: personal data, kept like it."""
    from veridical.consent_recording.report import embedded, recording_report

    row, vault = transactions.opened(principal, transaction)
    told = transactions.verdict_of(row, vault)
    if row.kind != "recording" or told is None or "recording" not in told:
        raise ProblemError(409, "transaction.kind", "this is no recording that was judged")
    verdict = {key: value for key, value in told.items() if key != "recording"}
    with recorded(transactions.resources, row, vault) as video:
        page = recording_report(
            {**told["recording"], "verdict": verdict}, embedded(video), language
        )
    # The page runs its own few lines of script, and may load nothing from anywhere.
    return HTMLResponse(
        page,
        headers={
            "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; "
            "style-src 'unsafe-inline'; media-src data:; frame-ancestors 'none'",
            "Cache-Control": "no-store",
        },
    )
