"""What can be asked of the service? Each operation once, for both clients."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from veridical.client.content import Content, Source
from veridical.client.errors import ApiError, PendingError, ServiceFailed
from veridical.client.flow import Answer, Flow, Pause, Request, Session, exchange
from veridical.client.results import (
    Challenge,
    CheckView,
    Hit,
    PolicyView,
    ReviewItem,
    Started,
    Summary,
    Transaction,
    Uploaded,
)

__all__ = [
    "Page",
    "cancel",
    "compare_faces",
    "compare_voices",
    "create",
    "draw_challenge",
    "enrol",
    "erase",
    "evidence",
    "face_quality",
    "get",
    "lip_liveness",
    "list_transactions",
    "policies",
    "read_document",
    "remove",
    "review",
    "reviews",
    "search",
    "silent_liveness",
    "spoken_digits",
    "submit",
    "upload",
    "verify",
    "wait",
]

T = TypeVar("T")

LONGEST_WAIT_S = 60
"""The service holds an answer back for at most this long."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        items: Of this part.
        cursor: Asks for the next part; empty at the end.
    """

    items: tuple[T, ...]
    cursor: str


# --- transactions ---------------------------------------------------------------------------------


def create(
    session: Session,
    *,
    policy: str = "",
    kind: str = "onboarding",
    checks: Sequence[str] = (),
    subject_ref: str = "",
    device_ref: str = "",
    consent_text: str,
    enrol: bool = False,
    callback: str = "",
    locale: str = "en",
    statement: str = "",
    script: str = "",
    script_text: str = "",
    facts: Mapping[str, float] | None = None,
    signals: Mapping[str, str] | None = None,
    idempotency_key: str = "",
) -> Flow[Started]:
    """Start a transaction for an applicant who has consented.

    Args:
        session: Of the client; not given by callers.
        policy: Name of a policy; the service's own when empty.
        kind: `onboarding`, `reverify` of a known subject, or `recording` of a script.
        checks: Required on top of the policy's.
        subject_ref: Your reference of the applicant: opaque, never a name.
        device_ref: Your reference of the device.
        consent_text: Version of the text by which the applicant agreed to biometric processing.
        enrol: Whether the applicant also agreed to be enrolled on an accept.
        callback: Address that is told of the outcome; see `verify_webhook`.
        locale: `en` or `zh`: of prompts, of texts for the applicant and of the statement.
        statement: A text to be read aloud, for policies that ask for `voice.statement`.
        script: Of a `recording`: name of a script the service ships.
        script_text: Of a `recording`, in place of a name: your own script, as TOML.
        facts: Numbers that the policy's rules ask for, such as `{"amount": 5000}`.
        signals: What you know of the applicant: `phone`, `network`, `country`, `region`.
        idempotency_key: The same key never starts two transactions; a new one when empty. Give your
            own to survive a restart of your process.
    """
    wanted: dict[str, object] = {
        "kind": kind,
        "policy": policy,
        "checks": list(checks),
        "subject_ref": subject_ref,
        "device_ref": device_ref,
        "callback": callback,
        "statement": statement,
        "script": script,
        "script_text": script_text,
        "facts": dict(facts or {}),
        "signals": dict(signals or {}),
    }
    body: dict[str, object] = {name: value for name, value in wanted.items() if value}
    body["consent"] = {"biometrics": True, "enrol": enrol, "text_version": consent_text}
    body["locale"] = locale
    headers = {"Idempotency-Key": idempotency_key or session.new_key()}
    answer = yield from exchange(session, _post("/v1/transactions", body, headers))
    return Started.of(_object(answer))


def upload(
    session: Session, transaction: str, kind: str, source: Source, *, token: str = ""
) -> Flow[Uploaded]:
    """Hand in one medium; it replaces what was handed in before.

    Args:
        session: Of the client; not given by callers.
        transaction: Its id.
        kind: `document_front`, `document_back`, `selfie`, `clip`, `voice` or `recording`.
        source: Bytes, the path of a file, or a binary stream.
        token: The transaction's upload token, in place of the client's key.

    Raises:
        OSError: The source cannot be read.
    """
    content = Content.of(source)
    headers = {
        "Content-Digest": content.digest_header,
        "Content-Type": "application/octet-stream",
        **_bearer(token),
    }
    path = f"{_path(transaction)}/media/{quote(kind, safe='')}"
    answer = yield from exchange(session, Request("PUT", path, headers, content))
    return Uploaded.of(_object(answer))


def draw_challenge(session: Session, transaction: str, *, token: str = "") -> Flow[Challenge]:
    """Draw new digits, right before a recording; a clip handed in before is dropped."""
    request = Request("POST", f"{_path(transaction)}/challenge", _bearer(token))
    answer = yield from exchange(session, request)
    return Challenge.of(_object(answer)["challenge"])


def submit(
    session: Session,
    transaction: str,
    *,
    nonce: str = "",
    wait_s: int = 30,
    accommodation: str = "",
    capture: Mapping[str, str] | None = None,
    segments: Sequence[tuple[str, float, float]] = (),
    token: str = "",
) -> Flow[Transaction]:
    """Have the media judged.

    Args:
        session: Of the client; not given by callers.
        transaction: Its id.
        nonce: Of the challenge that the clip answers.
        wait_s: How long the service may hold its answer back, 0 to 60; see `wait` for longer.
        accommodation: `cannot_speak` or `cannot_see`: leads to a person, never to an accept.
        capture: Facts about the capture, such as `camera_label`.
        segments: Of a `recording`: id, start and end in seconds of every segment of its script;
            without them they are found by what was said.
        token: The transaction's upload token, in place of the client's key.

    Returns:
        The transaction, `pending` when the time did not suffice. After an outcome `retry` it is
        `collecting` again: draw a challenge, hand in what is wanted, submit again.
    """
    body: dict[str, object] = {"capture": dict(capture)} if capture else {}
    if nonce:
        body["nonce"] = nonce
    if accommodation:
        body["accommodation"] = accommodation
    if segments:
        body["segments"] = [
            {"id": name, "start_s": start_s, "end_s": end_s} for name, start_s, end_s in segments
        ]
    wait_s = min(wait_s, LONGEST_WAIT_S)
    request = _post(f"{_path(transaction)}/submit?wait_s={wait_s}", body, _bearer(token), wait_s)
    try:
        answer = yield from exchange(session, request)
    except ApiError as error:
        # The first attempt arrived, only its answer did not: there is nothing to submit again.
        if error.attempts > 1 and error.code in ("transaction.state", "challenge.spent"):
            return (yield from get(session, transaction, token=token))
        raise
    return Transaction.of(_object(answer))


def get(session: Session, transaction: str, *, token: str = "") -> Flow[Transaction]:
    """Look at a transaction; scores are shown to keys that may read them, never to tokens."""
    answer = yield from exchange(session, Request("GET", _path(transaction), _bearer(token)))
    return Transaction.of(_object(answer))


def wait(
    session: Session,
    transaction: str,
    *,
    patience_s: float = 120.0,
    every_s: float = 1.0,
    token: str = "",
) -> Flow[Transaction]:
    """Look at a transaction until it is no longer being judged.

    Raises:
        PendingError: It still is after `patience_s` seconds of waiting.
    """
    waited_s = 0.0
    while True:
        found = yield from get(session, transaction, token=token)
        if not found.pending:
            return found
        if waited_s >= patience_s:
            raise PendingError(f"no verdict after {patience_s:g} s; ask again with `wait`")
        yield Pause(every_s)
        waited_s += every_s


def verify(
    session: Session,
    media: Mapping[str, Source],
    *,
    policy: str = "",
    subject_ref: str = "",
    consent_text: str,
    locale: str = "en",
    patience_s: float = 120.0,
) -> Flow[Transaction]:
    """Start, hand in, submit and wait: for media that are there already.

    Args:
        session: Of the client; not given by callers.
        media: By kind; see `upload`. A policy that asks for digits needs the steps one by one.
        policy: Name of a policy.
        subject_ref: Your reference of the applicant.
        consent_text: Version of the text the applicant agreed to.
        locale: `en` or `zh`.
        patience_s: How long to wait for the verdict.
    """
    started = yield from create(
        session,
        policy=policy,
        subject_ref=subject_ref,
        consent_text=consent_text,
        locale=locale,
    )
    for kind, source in media.items():
        yield from upload(session, started.id, kind, source)
    nonce = started.challenge.nonce if started.challenge else ""
    found = yield from submit(session, started.id, nonce=nonce)
    return (yield from wait(session, started.id, patience_s=patience_s)) if found.pending else found


def cancel(session: Session, transaction: str, *, token: str = "") -> Flow[Transaction]:
    """End a transaction that was not submitted."""
    request = Request("POST", f"{_path(transaction)}/cancel", _bearer(token))
    return Transaction.of(_object((yield from exchange(session, request))))


def erase(session: Session, transaction: str) -> Flow[Transaction]:
    """Erase media, verdict and references; what stays is that there was something."""
    answer = yield from exchange(session, Request("DELETE", _path(transaction)))
    return Transaction.of({"kind": "", **_object(answer)})


def evidence(session: Session, transaction: str) -> Flow[bytes]:
    """The signed records of a transaction, as JSON Lines for `veridical evidence verify`."""
    answer = yield from exchange(session, Request("GET", f"{_path(transaction)}/evidence"))
    return answer.body


def list_transactions(
    session: Session, *, state: str = "", limit: int = 50, cursor: str = ""
) -> Flow[Page[Summary]]:
    """Transactions of the tenant, newest first."""
    query = {"state": state, "limit": limit, "cursor": cursor}
    found = yield from _page(session, "/v1/transactions", query)
    return Page(tuple(Summary.of(item) for item in found["items"]), found.get("next") or "")


# --- reviews --------------------------------------------------------------------------------------


def reviews(session: Session, *, limit: int = 50, cursor: str = "") -> Flow[Page[ReviewItem]]:
    """What waits for a person, oldest first."""
    found = yield from _page(session, "/v1/reviews", {"limit": limit, "cursor": cursor})
    return Page(tuple(ReviewItem.of(item) for item in found["items"]), found.get("next") or "")


def review(
    session: Session, transaction: str, *, operator: str, outcome: str, reason: str
) -> Flow[Transaction]:
    """Decide what the service left to a person; signed into the evidence.

    Args:
        session: Of the client; not given by callers.
        transaction: Its id.
        operator: Who decides.
        outcome: `accept` or `reject`.
        reason: Why, in words.
    """
    body = {"operator": operator, "outcome": outcome, "reason": reason}
    try:
        answer = yield from exchange(session, _post(f"{_path(transaction)}/review", body))
    except ApiError as error:
        if error.attempts == 1 or error.code != "review.not_open":
            raise
        found = yield from get(session, transaction)
        made = found.review
        if made is None or (made.operator, made.outcome, made.reason) != (
            operator,
            outcome,
            reason,
        ):
            raise
        return found
    return Transaction.of(_object(answer))


# --- single checks, without a transaction ---------------------------------------------------------


def compare_faces(session: Session, reference: Source, probe: Source) -> Flow[CheckView]:
    """Are these two pictures of one person?"""
    return (yield from _check(session, "faces/compare", {"reference": reference, "probe": probe}))


def face_quality(session: Session, image: Source) -> Flow[CheckView]:
    """Is this picture of a face fit for comparison?"""
    return (yield from _check(session, "faces/quality", {"image": image}))


def silent_liveness(session: Session, kind: str, source: Source) -> Flow[CheckView]:
    """Does this show a living person rather than a picture or screen?

    Args:
        session: Of the client; not given by callers.
        kind: `image` or `clip`.
        source: The medium.
    """
    return (yield from _check(session, "liveness/silent", {kind: source}))


def lip_liveness(
    session: Session,
    clip: Source,
    digits: str,
    *,
    language: str = "en",
    schedule_ms: Sequence[float] = (),
) -> Flow[CheckView]:
    """Were these digits spoken by this mouth, when they were shown?"""
    fields = {"digits": digits, "language": language, "schedule": json.dumps(list(schedule_ms))}
    return (yield from _check(session, "liveness/lips", {"clip": clip}, fields))


def compare_voices(session: Session, reference: Source, probe: Source) -> Flow[CheckView]:
    """Does one person speak in both?"""
    return (yield from _check(session, "voices/compare", {"reference": reference, "probe": probe}))


def spoken_digits(
    session: Session, voice: Source, digits: str, *, language: str = "en"
) -> Flow[CheckView]:
    """Are these the digits that were said?"""
    fields = {"digits": digits, "language": language}
    return (yield from _check(session, "voices/digits", {"voice": voice}, fields))


def read_document(session: Session, front: Source, back: Source | None = None) -> Flow[Json]:
    """Read an identity document: `{"checks": [...], "document": {field: ...}}`."""
    files = {"front": front} if back is None else {"front": front, "back": back}
    answer = yield from exchange(session, _form("/v1/documents/read", files, {}))
    return _object(answer)


# --- galleries and catalogue ----------------------------------------------------------------------


def enrol(session: Session, gallery: str, subject: str, image: Source) -> Flow[None]:
    """Enrol a face in a gallery."""
    path = f"/v1/galleries/{quote(gallery, safe='')}/subjects/{quote(subject, safe='')}"
    yield from exchange(session, _form(path, {"image": image}, {}, "PUT"))


def search(session: Session, gallery: str, image: Source, *, limit: int = 5) -> Flow[list[Hit]]:
    """Who in a gallery looks like this?"""
    path = f"/v1/galleries/{quote(gallery, safe='')}/search"
    answer = yield from exchange(session, _form(path, {"image": image}, {"limit": str(limit)}))
    return [Hit(hit["subject"], hit["similarity"]) for hit in _object(answer)["hits"]]


def remove(session: Session, gallery: str, subject: str) -> Flow[None]:
    """Take a subject out of a gallery."""
    path = f"/v1/galleries/{quote(gallery, safe='')}/subjects/{quote(subject, safe='')}"
    yield from exchange(session, Request("DELETE", path))


def policies(session: Session) -> Flow[list[PolicyView]]:
    """The policies a transaction may name."""
    answer = yield from exchange(session, Request("GET", "/v1/policies"))
    return [PolicyView.of(item) for item in _object(answer)["items"]]


# --- how requests are written ---------------------------------------------------------------------


def _path(transaction: str) -> str:
    return f"/v1/transactions/{quote(transaction, safe='')}"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _post(
    path: str, body: Json, headers: Mapping[str, str] | None = None, patience_s: float = 0.0
) -> Request:
    content = Content.of(json.dumps(body).encode())
    headers = {"Content-Type": "application/json", **(headers or {})}
    return Request("POST", path, headers, content, patience_s)


def _form(
    path: str, files: Mapping[str, Source], fields: Mapping[str, str], method: str = "POST"
) -> Request:
    """A request of multipart/form-data (RFC 7578)."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, source in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"'
        kind = "Content-Type: application/octet-stream"
        parts += [f"{head}\r\n{kind}\r\n\r\n".encode(), *Content.of(source).chunks(), b"\r\n"]
    content = Content.of(b"".join([*parts, f"--{boundary}--\r\n".encode()]))
    return Request(
        method, path, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, content
    )


def _check(
    session: Session, path: str, files: Mapping[str, Source], fields: Mapping[str, str] = {}
) -> Flow[CheckView]:
    answer = yield from exchange(session, _form(f"/v1/{path}", files, fields))
    return CheckView.of(_object(answer)["check"])


def _page(session: Session, path: str, query: Mapping[str, object]) -> Flow[Json]:
    given = urlencode({name: value for name, value in query.items() if value})
    return _object((yield from exchange(session, Request("GET", f"{path}?{given}"))))


def _object(answer: Answer) -> Json:
    """The JSON object of an answer.

    Raises:
        ServiceFailed: It holds something else: a proxy's page, or another service.
    """
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServiceFailed(
            f"the answer ({answer.status}) is no JSON object; is this the address of the service?"
        )
    return found
