"""What can be asked about transactions and reviews? Each operation once, for both clients."""

from collections.abc import Mapping, Sequence

from veridical.client import asking
from veridical.client.asking import Page, ask, bearer, fetch, post, quoted, transaction_path
from veridical.client.content import Content, Source
from veridical.client.errors import ApiError, PendingError, ServiceFailed
from veridical.client.flow import Flow, Pause, Request, Session, exchange
from veridical.wire import (
    Challenge,
    ChallengeDrawn,
    Erased,
    Explanation,
    Link,
    ReviewItem,
    ReviewPage,
    SliceTaken,
    Started,
    Summary,
    Transaction,
    TransactionPage,
    Uploaded,
)

__all__ = [
    "agree",
    "cancel",
    "claim",
    "create",
    "draw_challenge",
    "erase",
    "evidence",
    "explain",
    "fetch_medium",
    "get",
    "link",
    "list_transactions",
    "recording_page",
    "review",
    "reviews",
    "submit",
    "take_back",
    "take_over",
    "upload",
    "upload_slice",
    "verify",
    "wait",
]

LONGEST_WAIT_S = 60
"""The service holds an answer back for at most this long."""


def create(
    session: Session,
    *,
    policy: str = "",
    kind: str = "onboarding",
    checks: Sequence[str] = (),
    subject_ref: str = "",
    device_ref: str = "",
    consent_text: str = "",
    enrol: bool = False,
    return_url: str = "",
    callback: str = "",
    locale: str = "en",
    statement: str = "",
    script: str = "",
    script_text: str = "",
    facts: Mapping[str, float] | None = None,
    metadata: Mapping[str, str] | None = None,
    signals: Mapping[str, str] | None = None,
    idempotency_key: str = "",
) -> Flow[Started]:
    """Start a transaction.

    Args:
        session: Of the client; not given by callers.
        policy: Name of a policy; the service's own when empty.
        kind: `onboarding`, `reverify` of a known subject, or `recording` of a script.
        checks: Required on top of the policy's.
        subject_ref: Your reference of the applicant: opaque, never a name.
        device_ref: Your reference of the device.
        consent_text: Version of the text by which the applicant agreed to biometric processing;
            empty where the page that `url` leads to asks for it.
        enrol: Whether the applicant also agreed to be enrolled on an accept.
        return_url: Where that page sends the applicant in the end; see `veridical tenants brand`.
        callback: Address that is told of the outcome; see `verify_webhook`.
        locale: `en` or `zh`: of prompts, of texts for the applicant and of the statement.
        statement: A text to be read aloud, for policies that ask for `voice.statement`.
        script: Of a `recording`: name of a script the service ships.
        script_text: Of a `recording`, in place of a name: your own script, as TOML.
        facts: Numbers that the policy's rules ask for, such as `{"amount": 5000}`.
        metadata: Your own words on the transaction, such as `{"branch": "7"}`.
        signals: What you know of the applicant: `phone`, `network`, `address`, `geo`, `country`,
            `region`.
        idempotency_key: The same key never starts two transactions; a new one when empty. Give your
            own to survive a restart of your process.
    """
    wanted: dict[str, object] = {
        "kind": kind,
        "policy": policy,
        "checks": list(checks),
        "subject_ref": subject_ref,
        "device_ref": device_ref,
        "return_url": return_url,
        "callback": callback,
        "statement": statement,
        "script": script,
        "script_text": script_text,
        "facts": dict(facts or {}),
        "metadata": dict(metadata or {}),
        "signals": dict(signals or {}),
    }
    body: dict[str, object] = {name: value for name, value in wanted.items() if value}
    if consent_text or enrol:
        body["consent"] = {"biometrics": True, "enrol": enrol, "text_version": consent_text}
    body["locale"] = locale
    headers = {"Idempotency-Key": idempotency_key or session.new_key()}
    return (yield from ask(session, post("/v1/transactions", body, headers), Started))


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
        **bearer(token),
    }
    path = f"{transaction_path(transaction)}/media/{quoted(kind)}"
    return (yield from ask(session, Request("PUT", path, headers, content), Uploaded))


def take_back(session: Session, transaction: str, kind: str, *, token: str = "") -> Flow[None]:
    """Delete a medium that was handed in, as long as nothing was submitted."""
    path = f"{transaction_path(transaction)}/media/{quoted(kind)}"
    yield from exchange(session, Request("DELETE", path, bearer(token)))


def fetch_medium(session: Session, transaction: str, kind: str) -> Flow[bytes]:
    """The bytes of a medium as they were handed in; that they were fetched is recorded.

    Raises:
        ServiceFailed: They are not those of the digest that was told with them.
    """
    path = f"{transaction_path(transaction)}/media/{quoted(kind)}"
    answer = yield from exchange(session, Request("GET", path))
    if answer.headers.get("content-digest") != Content.of(answer.body).digest_header:
        raise ServiceFailed("the bytes are not those that the service holds; fetch them again")
    return answer.body


def draw_challenge(
    session: Session,
    transaction: str,
    *,
    stepwise: bool = False,
    language: str = "",
    token: str = "",
) -> Flow[Challenge]:
    """Draw what is to be read and done, right before a recording; an earlier clip is dropped.

    Args:
        session: Of the client; not given by callers.
        transaction: Its id.
        stepwise: Whether the recording is sent in slices while it is made, as `upload_slice` does:
            only what comes first is told, and each slice tells more. A clip that is uploaded as a
            whole is weaker evidence.
        language: In which digits are spoken, `en` or `zh`; the transaction's when empty.
        token: The transaction's upload token, in place of the client's key.
    """
    path = f"{transaction_path(transaction)}/challenge"
    wish = {"reveal": "stepwise" if stepwise else "at_once"}
    if language:
        wish["language"] = language
    request = post(path, wish, bearer(token))
    return (yield from ask(session, request, ChallengeDrawn)).challenge


def upload_slice(
    session: Session,
    transaction: str,
    number: int,
    source: Source,
    *,
    last: bool = False,
    token: str = "",
) -> Flow[SliceTaken]:
    """Send a slice of a recording while it is made; what comes next is told.

    Args:
        session: Of the client; not given by callers.
        transaction: Its id.
        number: Of the slice, from 0; each once, in order.
        source: The next bytes of the clip's file, half a second or so.
        last: Whether the recording ends with it.
        token: The transaction's upload token, in place of the client's key.

    Raises:
        OSError: The source cannot be read.
    """
    content = Content.of(source)
    headers = {
        "Content-Digest": content.digest_header,
        "Content-Type": "application/octet-stream",
        **bearer(token),
    }
    ending = "?last=true" if last else ""
    path = f"{transaction_path(transaction)}/slices/{number}{ending}"
    return (yield from ask(session, Request("PUT", path, headers, content), SliceTaken))


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
        accommodation: `cannot_speak`, `cannot_see` or `photosensitive`: leads to a person, never to
            an accept.
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
    path = f"{transaction_path(transaction)}/submit?wait_s={wait_s}"
    try:
        request = post(path, body, bearer(token), wait_s)
        return (yield from ask(session, request, Transaction))
    except ApiError as error:
        # The first attempt arrived, only its answer did not: there is nothing to submit again.
        if error.attempts > 1 and error.code in ("transaction.state", "challenge.spent"):
            return (yield from get(session, transaction, token=token))
        raise


def get(session: Session, transaction: str, *, token: str = "") -> Flow[Transaction]:
    """Look at a transaction; scores are shown to keys that may read them, never to tokens."""
    request = asking.get(transaction_path(transaction), token=token)
    return (yield from ask(session, request, Transaction))


def wait(
    session: Session,
    transaction: str,
    *,
    patience_s: float = 120.0,
    every_s: float = 1.0,
    through_retries: bool = False,
    token: str = "",
) -> Flow[Transaction]:
    """Look at a transaction until an attempt was judged, or it is over.

    One that was not submitted yet is waited for as well: the applicant is at work.

    Args:
        session: Of the client; not given by callers.
        transaction: Its id.
        patience_s: Longest wait.
        every_s: Pause between two looks.
        through_retries: Wait on when an attempt ends in `retry`: for who does not submit the next
            attempt, but the applicant's page does.
        token: The transaction's upload token, in place of the client's key.

    Raises:
        PendingError: `transaction.pending` after `patience_s`: it still is being judged;
            `transaction.not_submitted`: nothing was submitted.
    """
    waited_s = 0.0
    while True:
        found = yield from get(session, transaction, token=token)
        collecting = found.state in ("created", "collecting")
        told = found.outcome is not None and not through_retries
        if not found.pending and (told or not collecting):
            return found
        if waited_s >= patience_s:
            raise _still_open(found, patience_s)
        yield Pause(every_s)
        waited_s += every_s


def _still_open(found: Transaction, patience_s: float) -> PendingError:
    if found.pending:
        return PendingError(f"no verdict after {patience_s:g} s; ask again with `wait`")
    until = f"; it can be until {found.expires_at:%H:%M:%S} UTC" if found.expires_at else ""
    return PendingError(
        f"attempt {found.attempt} was not submitted within {patience_s:g} s{until}",
        "transaction.not_submitted",
    )


def verify(
    session: Session,
    media: Mapping[str, Source],
    *,
    policy: str = "",
    subject_ref: str = "",
    consent_text: str,
    locale: str = "en",
    patience_s: float = 120.0,
    idempotency_key: str = "",
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
        idempotency_key: The same key never verifies twice: called again, by a process that was
            started anew, this goes on where it stopped, or answers what was decided.
    """
    started = yield from create(
        session,
        policy=policy,
        subject_ref=subject_ref,
        consent_text=consent_text,
        locale=locale,
        idempotency_key=idempotency_key,
    )
    if idempotency_key:
        found = yield from get(session, started.id)
        if found.state not in ("created", "collecting") or found.outcome is not None:
            return (yield from wait(session, started.id, patience_s=patience_s))
    for kind, source in media.items():
        yield from upload(session, started.id, kind, source)
    nonce = started.challenge.nonce if started.challenge else ""
    found = yield from submit(session, started.id, nonce=nonce)
    return (yield from wait(session, started.id, patience_s=patience_s)) if found.pending else found


def cancel(session: Session, transaction: str, *, token: str = "") -> Flow[Transaction]:
    """End a transaction that was not submitted."""
    request = Request("POST", f"{transaction_path(transaction)}/cancel", bearer(token))
    return (yield from ask(session, request, Transaction))


def erase(session: Session, transaction: str) -> Flow[Erased]:
    """Erase media, verdict and references; what stays is that there was something."""
    return (yield from ask(session, Request("DELETE", transaction_path(transaction)), Erased))


def evidence(session: Session, transaction: str) -> Flow[bytes]:
    """The signed records of a transaction, as JSON Lines for `veridical evidence verify`."""
    return (yield from fetch(session, f"{transaction_path(transaction)}/evidence"))


def list_transactions(
    session: Session,
    *,
    state: str = "",
    outcome: str = "",
    policy: str = "",
    subject_ref: str = "",
    since: str = "",
    until: str = "",
    limit: int = 50,
    cursor: str = "",
) -> Flow[Page[Summary]]:
    """Transactions of the tenant, newest first.

    Args:
        session: Of the client; not given by callers.
        state: Only these, such as `completed`.
        outcome: Only these, such as `review`.
        policy: Only those under this policy.
        subject_ref: Only this person's, by your own reference.
        since: Started from here on, ISO 8601.
        until: Started before.
        limit: Most of one page.
        cursor: Of the page before.
    """
    query = {
        "state": state,
        "outcome": outcome,
        "policy": policy,
        "subject_ref": subject_ref,
        "since": since,
        "until": until,
        "limit": limit,
        "cursor": cursor,
    }
    found = yield from ask(session, asking.get("/v1/transactions", query), TransactionPage)
    return Page(found.items, found.next or "")


def reviews(session: Session, *, limit: int = 50, cursor: str = "") -> Flow[Page[ReviewItem]]:
    """What waits for a person, oldest first."""
    query = {"limit": limit, "cursor": cursor}
    found = yield from ask(session, asking.get("/v1/reviews", query), ReviewPage)
    return Page(found.items, found.next or "")


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
        request = post(f"{transaction_path(transaction)}/review", body)
        return (yield from ask(session, request, Transaction))
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


def claim(session: Session, transaction: str) -> Flow[Transaction]:
    """Take a case up, so that no other reviewer works on it: for a quarter of an hour."""
    request = Request("PUT", f"{transaction_path(transaction)}/claim")
    return (yield from ask(session, request, Transaction))


def agree(
    session: Session, transaction: str, *, text_version: str, language: str = "", token: str = ""
) -> Flow[Transaction]:
    """Tell that the applicant agreed, in a page of your own for a transaction without consent.

    Args:
        session: Of the client; not given by callers.
        transaction: Its id.
        text_version: Which text was shown.
        language: In which language.
        token: The transaction's upload token, in place of the client's key.
    """
    body = {"biometrics": True, "text_version": text_version, "language": language}
    request = asking.put(f"{transaction_path(transaction)}/consent", body, bearer(token))
    return (yield from ask(session, request, Transaction))


def link(session: Session, transaction: str, *, token: str = "") -> Flow[Link]:
    """A new link to the page for applicants, for ten minutes; with its QR code."""
    request = Request("POST", f"{transaction_path(transaction)}/links", bearer(token))
    return (yield from ask(session, request, Link))


def take_over(session: Session, transaction: str, *, token: str = "") -> Flow[Transaction]:
    """Let the bearer of a token capture again that another device had taken over."""
    request = Request("POST", f"{transaction_path(transaction)}/take-over", bearer(token))
    return (yield from ask(session, request, Transaction))


def explain(session: Session, transaction: str) -> Flow[Explanation]:
    """What was seen and heard, for a reviewer: pictures are personal data."""
    request = asking.get(f"{transaction_path(transaction)}/explanation")
    return (yield from ask(session, request, Explanation))


def recording_page(session: Session, transaction: str, *, language: str = "en") -> Flow[bytes]:
    """The review page of a recording: one HTML file with its player, personal data."""
    path = f"{transaction_path(transaction)}/recording?language={quoted(language)}"
    return (yield from fetch(session, path))
