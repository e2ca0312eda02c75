"""The service says what the verifier says, refuses what it must, and never shows a traceback."""

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from tests.patience import PATIENCE_S, eventually
from veridical import Measurement, ModelError, OperatingPoint
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.service.app import create_app
from veridical.verification import CHECKS, Verifier, load_policy
from veridical.verification.evidence import EvidenceLog, SigningKey

POINTS = dict.fromkeys(CHECKS, OperatingPoint(0.5, 0.25))


def picture() -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def build(score: float = 1.0, hook: Callable[[], None] = lambda: None) -> Callable[[], Verifier]:
    def measure(check: str) -> Callable[[Analysis], Measurement]:
        def run(_: Analysis) -> Measurement:
            hook()
            return Measurement(check, score, "not_mated")

        return run

    steps = {check: measure(check) for check in CHECKS}
    return lambda: Verifier(steps, Engines.of("registry"), POINTS, load_policy("selfie"))


def ready(client: TestClient) -> TestClient:
    eventually(lambda: client.get("/readyz").status_code == 200, "readiness")
    return client


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(build()), raise_server_exceptions=False) as client:
        yield ready(client)


def test_an_accept(client: TestClient) -> None:
    answer = client.post("/v1/verify", files={"selfie": picture()})
    assert answer.status_code == 200
    assert answer.json()["outcome"] == "accept"


def test_a_rejected_person_is_no_error() -> None:
    with TestClient(create_app(build(0.0))) as client:
        answer = ready(client).post("/v1/verify", files={"selfie": picture()})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "reject")


@pytest.mark.parametrize(
    ("form", "files", "code"),
    [
        ({}, {"selfie": b"not a picture"}, "media.not_an_image"),
        ({"digits": "12"}, {"selfie": picture()}, "challenge.malformed"),
        ({"digits": "1234", "schedule": "{}"}, {"selfie": picture()}, "challenge.malformed"),
        (
            {"digits": "1234", "schedule": "[0, 1, 2, NaN]"},
            {"selfie": picture()},
            "challenge.malformed",
        ),
        (
            {"digits": "1234", "schedule": f"[0, 1, 2, {'9' * 400}]"},
            {"selfie": picture()},
            "challenge.malformed",
        ),
        (
            {"digits": "1234", "schedule": "[" * 100_000},
            {"selfie": picture()},
            "challenge.malformed",
        ),
        ({"policy": "../../etc/passwd"}, {"selfie": picture()}, "policy.unknown"),
        ({"attempt": "0"}, {"selfie": picture()}, "request.malformed"),
    ],
)
def test_bad_input_is_a_problem_document(
    client: TestClient, form: dict[str, str], files: dict[str, bytes], code: str
) -> None:
    answer = client.post("/v1/verify", data=form, files=files)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code
    assert body["request_id"]
    assert "Traceback" not in answer.text


def test_an_unforeseen_error_tells_the_client_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("a secret about the applicant")

    with TestClient(create_app(build(hook=fail)), raise_server_exceptions=False) as client:
        answer = ready(client).post("/v1/verify", files={"selfie": picture()})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal.error")
    assert "secret" not in answer.text
    assert "secret" not in caplog.text


def test_a_large_body_is_refused_before_it_is_parsed() -> None:
    with TestClient(create_app(build(), max_body_bytes=1000)) as client:
        ready(client)
        answer = client.post("/v1/verify", files={"selfie": bytes(5000)})
        assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
        assert answer.json()["request_id"]

        def chunks() -> Iterator[bytes]:
            for _ in range(100):
                yield bytes(100)

        # No Content-Length to believe: the bytes themselves are counted.
        answer = client.post(
            "/v1/verify",
            content=chunks(),
            headers={"content-type": "multipart/form-data; boundary=b"},
        )
        assert answer.status_code == 413


def test_probes_answer_while_models_load() -> None:
    go = threading.Event()

    def slow() -> Verifier:
        go.wait(PATIENCE_S)
        return build()()

    with TestClient(create_app(slow)) as client:
        assert client.get("/livez").status_code == 200
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "service.not_ready")
        assert answer.headers["retry-after"]
        assert client.post("/v1/verify").status_code == 503
        go.set()
        assert ready(client).get("/readyz").json()["profile"] == "registry"


def test_models_that_cannot_be_loaded_keep_it_unready() -> None:
    def broken() -> Verifier:
        raise ModelError("weights at a secret place are altered", "model.altered")

    with TestClient(create_app(broken)) as client:
        eventually(lambda: "model.altered" in client.get("/readyz").text)
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "model.altered" in answer.json()["detail"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("header", "status"), [(None, 401), ("Bearer wrong", 401), ("Bearer key", 200)]
)
def test_a_key_is_demanded_when_there_is_one(header: str | None, status: int) -> None:
    with TestClient(create_app(build(), api_key=SecretStr("key"))) as client:
        ready(client)
        headers = {"Authorization": header} if header else {}
        answer = client.post("/v1/verify", files={"selfie": picture()}, headers=headers)
    assert answer.status_code == status


def test_beyond_capacity_the_client_is_told_when_to_come_back() -> None:
    entered, go = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        go.wait(PATIENCE_S)

    with TestClient(create_app(build(hook=block), capacity=1)) as client:
        ready(client)
        answers = []

        def first() -> None:
            answers.append(client.post("/v1/verify", files={"selfie": picture()}))

        thread = threading.Thread(target=first)
        thread.start()
        assert entered.wait(PATIENCE_S)
        refused = client.post("/v1/verify", files={"selfie": picture()})
        go.set()
        thread.join()
    assert (refused.status_code, refused.json()["code"]) == (429, "service.at_capacity")
    assert refused.headers["retry-after"]
    assert answers[0].status_code == 200


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/redoc"])
def test_nothing_but_the_probes_answers_without_the_key(path: str) -> None:
    with TestClient(create_app(build(), api_key=SecretStr("k"))) as client:
        assert client.get(path).status_code in (401, 404)
        described = client.get("/openapi.json", headers={"Authorization": "Bearer k"}).json()
    assert "/v1/verify" in described["paths"]


def test_no_page_of_the_service_loads_anything_from_elsewhere(client: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert "https://" not in client.get(path).text


def test_a_start_that_nobody_foresaw_to_fail_does_not_load_forever() -> None:
    def fail() -> Verifier:
        raise ZeroDivisionError

    with TestClient(create_app(fail)) as client:
        eventually(lambda: "internal.error" in client.get("/readyz").json()["detail"])


def test_a_request_without_media_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/verify", data={"policy": "selfie"})
    assert (answer.status_code, answer.json()["code"]) == (422, "request.no_media")


def test_an_empty_file_is_no_picture(client: TestClient) -> None:
    answer = client.post("/v1/verify", files={"selfie": b""})
    assert answer.status_code == 422
    assert answer.json()["code"] == "media.not_an_image"


def test_an_unknown_path_is_a_problem_document(client: TestClient) -> None:
    assert client.get("/nowhere").json()["code"] == "request.not_found"


def test_every_verdict_is_recorded_before_it_is_told(tmp_path: Path) -> None:
    key = SigningKey.from_file(tmp_path / "key.pem")
    log = EvidenceLog(tmp_path / "log.jsonl", key)
    with TestClient(create_app(build(), evidence=log)) as client:
        answer = ready(client).post("/v1/verify", files={"selfie": picture()})
    record = json.loads((tmp_path / "log.jsonl").read_text(encoding="utf-8"))
    assert record["transaction"] == answer.json()["transaction"]
    assert record["media_sha256"] == {"selfie": hashlib.sha256(picture()).hexdigest()}


def test_a_verdict_that_cannot_be_recorded_is_not_given_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    key = SigningKey.from_file(tmp_path / "key.pem")
    log = EvidenceLog(tmp_path / "file" / "log.jsonl", key)
    with TestClient(create_app(build(), evidence=log)) as client:
        answer = ready(client).post("/v1/verify", files={"selfie": picture()})
    assert (answer.status_code, answer.json()["code"]) == (503, "store.unavailable")
    assert "outcome" not in answer.text
