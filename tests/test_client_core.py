"""The clients send what the contract says, try again where they may, and name what went wrong."""

import asyncio
import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from veridical import ChallengeError, InputError
from veridical.client import (
    ApiError,
    AsyncClient,
    AuthError,
    ChallengeRefused,
    Client,
    ConflictError,
    ConnectionFailed,
    InputRefused,
    ModelUnavailable,
    NotFoundError,
    NotReadyError,
    PendingError,
    RateLimited,
    ServiceFailed,
    Session,
    StoreUnavailable,
)
from veridical.client.calls import get
from veridical.client.content import Content
from veridical.client.flow import Driver, Pause, Request, Response

NOW = "2026-11-22T01:02:03.456Z"
STARTED: dict[str, Any] = {
    "id": "t_1",
    "kind": "onboarding",
    "state": "created",
    "sandbox": False,
    "created_at": NOW,
    "expires_at": NOW,
    "policy": {"id": "spoken", "version": 3, "sha256": "ab"},
    "upload_token": "vu_t_1_secret",
    "media": {"required": ["document_front", "clip"], "optional": ["document_back"]},
    "attempt": 1,
    "retries_left": 2,
    "challenge": {
        "digits": "4029",
        "language": "en",
        "schedule_ms": [812.4, 1701.0, 2500.0, 3300.0],
        "nonce": "n1",
        "expires_at": NOW,
    },
    "something_new": True,
}


def view(state: str, outcome: str | None = None) -> dict[str, Any]:
    return {
        "id": "t_1",
        "kind": "onboarding",
        "state": state,
        "sandbox": False,
        "created_at": NOW,
        "expires_at": NOW,
        "outcome": outcome,
        "attempt": 1,
    }


def problem(status: int, code: str, **headers: str) -> httpx2.Response:
    body = {"code": code, "detail": f"about {code}", "request_id": "r1", "status": status}
    return httpx2.Response(status, json=body, headers=headers)


class Script:
    """Answers requests in turn, and keeps them."""

    def __init__(self, *answers: httpx2.Response | Exception | dict[str, Any]) -> None:
        self._answers: Iterator[httpx2.Response | Exception | dict[str, Any]] = iter(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        return self._answer(request)

    async def awaited(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        return self._answer(request)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(200, json=answer) if isinstance(answer, dict) else answer


KEYS = Session(chance=lambda: 0.0, new_key=lambda: "key-1")


def client(script: Script, key: str = "vk_key") -> Client:
    return Client("http://service", key, session=KEYS, transport=httpx2.MockTransport(script))


def pauses(flow_answers: list[Response | ConnectionFailed], session: Session) -> list[float]:
    """How long the core wishes to wait between these answers."""
    driver, waits = Driver(get(session, "t_1")), []
    answers = iter(flow_answers)
    while driver.request is not None:
        if isinstance(driver.request, Pause):
            waits.append(driver.request.seconds)
            driver.resume(Response(0, {}, b""))
        else:
            driver.resume(next(answers))
    return waits


def test_create_says_what_the_contract_says() -> None:
    script = Script(STARTED)
    started = client(script).create(
        policy="spoken", subject_ref="c-1", consent_text="2026-11", locale="zh"
    )
    request = script.requests[0]
    assert (request.method, request.url.path) == ("POST", "/v1/transactions")
    assert request.headers["authorization"] == "Bearer vk_key"
    assert request.headers["idempotency-key"] == "key-1"
    assert json.loads(request.content) == {
        "kind": "onboarding",
        "policy": "spoken",
        "subject_ref": "c-1",
        "consent": {"biometrics": True, "enrol": False, "text_version": "2026-11"},
        "locale": "zh",
    }
    assert started.upload_token == STARTED["upload_token"]
    assert started.challenge is not None
    assert started.challenge.schedule_ms == (812.4, 1701.0, 2500.0, 3300.0)
    assert started.raw["something_new"] is True
    assert STARTED["upload_token"] not in repr(started)


def test_a_retry_carries_the_same_idempotency_key() -> None:
    script = Script(httpx2.ConnectError("refused"), problem(503, "service.not_ready"), STARTED)
    keys = iter(("first", "second"))
    session = Session(chance=lambda: 0.0, new_key=lambda: next(keys))
    with Client("http://s", session=session, transport=httpx2.MockTransport(script)) as c:
        assert c.create(consent_text="1").id == "t_1"
    assert [r.headers["idempotency-key"] for r in script.requests] == ["first"] * 3


@pytest.mark.parametrize("make", ["bytes", "path", "stream", "pipe"])
def test_an_upload_carries_its_digest_and_can_be_sent_again(make: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * 3000
    path = tmp_path / "clip.webm"
    path.write_bytes(data)

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    stream = io.BytesIO(b"skipped" + data)
    stream.seek(7)
    source = {"bytes": data, "path": path, "stream": stream, "pipe": Pipe(data)}[make]
    script = Script(
        problem(503, "service.not_ready"),
        {"kind": "clip", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
    )
    uploaded = client(script).upload("t_1", "clip", source, token=STARTED["upload_token"])
    for request in script.requests:
        assert request.content == data
        assert request.headers["content-length"] == str(len(data))
        assert request.headers["authorization"] == f"Bearer {STARTED['upload_token']}"
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        assert request.headers["content-digest"] == f"sha-256=:{digest}:"
    assert len(script.requests) == 2
    assert uploaded.sha256 == hashlib.sha256(data).hexdigest()
    assert not stream.closed


def test_the_async_client_does_the_same() -> None:
    data = bytes(600_000)
    script = Script(
        problem(429, "tenant.rate", **{"Retry-After": "0"}),
        {"kind": "clip", "bytes": len(data), "sha256": ""},
    )

    async def upload() -> int:
        transport = httpx2.MockTransport(script.awaited)
        async with AsyncClient("http://s", session=KEYS, transport=transport) as c:
            return (await c.upload("t_1", "clip", data)).size_bytes

    assert asyncio.run(upload()) == len(data)
    assert [request.content for request in script.requests] == [data, data]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "auth.invalid", AuthError),
        (403, "auth.scope", AuthError),
        (404, "transaction.not_found", NotFoundError),
        (409, "transaction.state", ConflictError),
        (409, "challenge.spent", ChallengeRefused),
        (410, "transaction.expired", ConflictError),
        (413, "request.too_large", InputRefused),
        (422, "media.not_a_clip", InputRefused),
        (429, "challenge.back_off", RateLimited),
        (500, "internal.error", ServiceFailed),
        (503, "model.altered", ModelUnavailable),
        (503, "service.not_ready", NotReadyError),
        (507, "store.full", StoreUnavailable),
    ],
)
def test_problems_are_typed_errors(status: int, code: str, kind: type[ApiError]) -> None:
    session = Session(retries=0)
    answer = problem(status, code)
    transport = httpx2.MockTransport(Script(answer))
    with Client("http://s", session=session, transport=transport) as c, pytest.raises(kind) as at:
        c.get("t_1")
    assert (at.value.code, at.value.http_status, at.value.request_id) == (code, status, "r1")
    assert str(at.value) == f"about {code}"


def test_they_are_of_the_families_that_the_library_raises_in_process() -> None:
    assert issubclass(InputRefused, InputError)
    assert issubclass(ChallengeRefused, ChallengeError)


def test_a_page_of_a_proxy_is_not_quoted() -> None:
    script = Script(httpx2.Response(400, text="<html>secret</html>"))
    with pytest.raises(InputRefused) as caught:
        client(script).get("t_1")
    assert "secret" not in str(caught.value)


def test_an_answer_that_is_no_object_is_refused() -> None:
    script = Script(httpx2.Response(200, text="<html>welcome</html>"))
    with pytest.raises(ServiceFailed, match="address of the service"):
        client(script).get("t_1")


def test_retry_after_is_honoured_and_pauses_grow() -> None:
    busy = Response(429, {"retry-after": "3"}, b'{"code": "tenant.rate"}')
    down = ConnectionFailed("down")
    good = Response(200, {}, json.dumps(view("completed")).encode())
    assert pauses([busy, good], Session(chance=lambda: 0.0)) == [3.0]
    assert pauses([down, down, down, good], Session(chance=lambda: 1.0)) == [0.5, 1.0, 2.0]


def test_a_long_retry_after_is_told_instead_of_waited_for() -> None:
    busy = Response(429, {"retry-after": "900"}, b'{"code": "challenge.back_off"}')
    with pytest.raises(RateLimited) as caught:
        pauses([busy], Session())
    assert caught.value.retry_after_s == 900


def test_a_date_is_a_retry_after_too() -> None:
    busy = Response(503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"")
    good = Response(200, {}, json.dumps(view("completed")).encode())
    assert pauses([busy, good], Session(chance=lambda: 0.0)) == [0.0]


def test_attempts_end() -> None:
    script = Script(*[httpx2.ConnectError("refused")] * 5)
    with pytest.raises(ConnectionFailed) as caught:
        client(script).get("t_1")
    assert (len(script.requests), caught.value.attempts) == (5, 5)


def test_a_submit_whose_answer_was_lost_is_looked_up_instead() -> None:
    script = Script(
        httpx2.ReadError("broken"),
        problem(409, "transaction.state"),
        view("processing"),
    )
    assert client(script).submit("t_1", nonce="n1").pending
    assert [r.method for r in script.requests] == ["POST", "POST", "GET"]


def test_a_second_submit_is_an_error() -> None:
    with pytest.raises(ConflictError):
        client(Script(problem(409, "transaction.state"))).submit("t_1", nonce="n1")


def test_wait_ends_with_the_verdict_or_with_patience() -> None:
    script = Script(view("processing"), view("processing"), view("completed", "accept"))
    found = client(script).wait("t_1", every_s=0.0)
    assert (found.outcome, found.final_outcome) == ("accept", None)
    endless = Script(*[view("processing")] * 3)
    with pytest.raises(PendingError):
        client(endless).wait("t_1", patience_s=0.002, every_s=0.001)


def test_wait_waits_for_the_applicant_and_says_when_nobody_came() -> None:
    script = Script(view("created"), view("collecting"), view("completed", "accept"))
    assert client(script).wait("t_1", every_s=0.0).outcome == "accept"
    idle = Script(*[view("collecting")] * 3)
    with pytest.raises(PendingError, match="was not submitted") as caught:
        client(idle).wait("t_1", patience_s=0.002, every_s=0.001)
    assert caught.value.code == "transaction.not_submitted"


def test_wait_ends_at_a_retry_unless_the_page_goes_on() -> None:
    again = view("collecting", "retry")
    assert client(Script(again)).wait("t_1").outcome == "retry"
    script = Script(again, view("processing", "retry"), view("completed", "accept"))
    assert client(script).wait("t_1", every_s=0.0, through_retries=True).outcome == "accept"


def test_verify_goes_on_where_an_earlier_process_stopped() -> None:
    media = {"selfie": b"s"}
    put = {"kind": "selfie", "bytes": 1, "sha256": ""}
    plain = {**STARTED, "challenge": None}
    fresh = Script(plain, view("created"), put, view("completed", "accept"))
    judged = Script(plain, view("completed", "reject"), view("completed", "reject"))
    for script, outcome in ((fresh, "accept"), (judged, "reject")):
        found = client(script).verify(media, consent_text="1", idempotency_key="order-7")
        assert found.outcome == outcome
        assert script.requests[0].headers["idempotency-key"] == "order-7"
    assert [r.method for r in judged.requests] == ["POST", "GET", "GET"]


def test_verify_hands_in_everything_and_waits() -> None:
    script = Script(
        {**STARTED, "challenge": None},
        {"kind": "document_front", "bytes": 1, "sha256": ""},
        {"kind": "selfie", "bytes": 1, "sha256": ""},
        view("processing"),
        view("completed", "review"),
    )
    media = {"document_front": b"f", "selfie": b"s"}
    found = client(script).verify(media, policy="selfie", consent_text="1")
    assert found.outcome == "review"
    assert [r.url.path.removeprefix("/v1/transactions") for r in script.requests] == [
        "", "/t_1/media/document_front", "/t_1/media/selfie", "/t_1/submit", "/t_1",
    ]  # fmt: skip


def test_names_cannot_leave_their_place_in_a_path() -> None:
    script = Script(view("created"))
    client(script).get("../livez?x=")
    assert script.requests[0].url.raw_path == b"/v1/transactions/..%2Flivez%3Fx%3D"


def test_a_check_is_sent_as_a_form() -> None:
    check = {
        "check": "face.match",
        "status": "pass",
        "score": 0.7,
        "reason": "",
        "measured_reason": "",
        "accept_at": 0.5,
        "reject_below": 0.4,
        "point_source": "policy",
        "error_rate": None,
        "evidence": {"n": 1, "bare": True, "note": "dim", "none": None},
        "models": [],
        "elapsed_ms": 1.5,
    }
    script = Script({"check": check})
    found = client(script).compare_faces(b"one\r\n", b"two")
    assert (found.status, found.score, found.raw) == ("pass", 0.7, check)
    request = script.requests[0]
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    parts = request.content.split(b"--" + boundary)
    assert parts[1].partition(b"\r\n\r\n")[2] == b"one\r\n\r\n"
    assert b'name="probe"' in parts[2]
    assert parts[-1] == b"--\r\n"


def test_pages_know_where_the_next_begins() -> None:
    item = {
        "id": "t_1",
        "kind": "onboarding",
        "sandbox": False,
        "created_at": NOW,
        "completed_at": None,
        "first_cause": "face.match:low",
        "causes": ["a"],
        "policy": None,
    }
    script = Script({"items": [item], "next": "c2"}, {"items": [], "next": None})
    with client(script) as c:
        page = c.reviews(limit=1)
        assert (page.items[0].causes, page.cursor) == (("a",), "c2")
        assert c.reviews(limit=1, cursor=page.cursor).cursor == ""
    assert script.requests[1].url.query == b"limit=1&cursor=c2"


def test_lists_are_walked_to_their_end() -> None:
    summary = {**view("completed"), "final_outcome": None, "first_cause": None, "completed_at": NOW}
    pages = [{"items": [summary] * 2, "next": "c2"}, {"items": [summary], "next": None}]
    script = Script(*pages)
    with client(script) as c:
        assert [found.id for found in c.each_transaction(state="completed", limit=2)] == ["t_1"] * 3
    assert [r.url.query for r in script.requests] == [
        b"state=completed&limit=2", b"state=completed&limit=2&cursor=c2",
    ]  # fmt: skip

    async def walk() -> int:
        transport = httpx2.MockTransport(Script(*pages).awaited)
        async with AsyncClient("http://s", session=KEYS, transport=transport) as c:
            return len([found async for found in c.each_transaction(limit=2)])

    assert asyncio.run(walk()) == 3


def test_the_chain_of_evidence_is_walked_by_its_numbers() -> None:
    lines = [httpx2.Response(200, content=b'{"a":1}\n{"a":2}\n'), httpx2.Response(200, content=b"")]
    script = Script(*lines)
    with client(script) as c:
        assert list(c.each_record(limit=2)) == [b'{"a":1}\n', b'{"a":2}\n']
    assert [r.url.query for r in script.requests] == [b"after=0&limit=2", b"after=2&limit=2"]


def test_errors_name_the_address_and_nothing_that_is_secret() -> None:
    url, wanted = "https://ana:hush@verify.example/base?key=hush", "https://verify.example/base"
    answers: list[httpx2.Response | Exception] = [
        httpx2.ConnectError("refused"),
        problem(404, "transaction.not_found"),
        httpx2.Response(502, text="<html>"),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json={"id": "t_1"}),
    ]
    session = Session(retries=0)
    for answer in answers:
        transport = httpx2.MockTransport(Script(answer))
        with Client(url, session=session, transport=transport) as c, pytest.raises(ApiError) as at:
            c.get("t_1")
        assert at.value.address.rstrip("/") == wanted
        assert "hush" not in str(at.value)
        assert (isinstance(answer, httpx2.Response) and answer.status_code == 404) or (
            wanted in str(at.value)
        )


def test_an_answer_of_another_release_names_what_is_missing_and_no_value() -> None:
    script = Script({**view("completed"), "state": "secret state", "kind": None})
    with pytest.raises(
        ServiceFailed, match=r"kind, state; is the service of another release"
    ) as at:
        client(script).get("t_1")
    assert "secret" not in str(at.value)


def test_a_review_whose_answer_was_lost_is_not_made_twice() -> None:
    made = {"operator": "Ana", "outcome": "accept", "reason": "seen", "decided_at": NOW}
    decide: Callable[[Script], Any] = lambda script: client(script).review(  # noqa: E731
        "t_1", operator="Ana", outcome="accept", reason="seen"
    )
    lost = (httpx2.ReadError("broken"), problem(409, "review.not_open"))
    assert decide(Script(*lost, {**view("completed"), "review": made})).review is not None
    with pytest.raises(ConflictError):
        decide(Script(*lost, {**view("completed"), "review": {**made, "operator": "Bo"}}))


def test_content_can_be_read_from_a_file_that_is_no_path(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert Content.of(str(path)).sha256 == hashlib.sha256(b"abc").digest()
    with pytest.raises(OSError, match="No such file"):
        Content.of(tmp_path / "none")


def test_a_flow_needs_no_network() -> None:
    driver = Driver(get(Session(), "t_1"))
    assert driver.request == Request("GET", "/v1/transactions/t_1")
    driver.resume(Response(200, {}, json.dumps(view("completed", "accept")).encode()))
    assert driver.request is None
    assert driver.result.outcome == "accept"
