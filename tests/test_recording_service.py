"""A recording as a transaction: started with a script, handed in, judged, shown to a reviewer."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.patience import eventually
from tests.service_house import KEYS, Rules
from tests.test_media_clip import make_clip
from veridical.analysis.engines import Engines
from veridical.consent_recording import Recording, RecordingVerifier, load_script
from veridical.consent_recording.settings import recording_settings
from veridical.consent_recording.verifier import Progress, RecordingResult
from veridical.policy import parse_policy
from veridical.result import Outcome
from veridical.service.app import create_app
from veridical.store import Database
from veridical.store.tenants import Tenant, add_tenant
from veridical.transactions import Resources
from veridical.verification import Policy, load_policy
from veridical.verification.evidence import SigningKey

SCRIPT = """
id = "mine"
version = 1
language = "en"
[[segments]]
id = "risk"
kind = "statement"
text = "I may lose money."
[[segments]]
id = "code"
kind = "digits"
text = "Read the digits."
length = 4
"""
TIMES = [
    {"id": "risk", "start_s": 0.0, "end_s": 2.0},
    {"id": "code", "start_s": 2.0, "end_s": 3.9},
]
CONSENT = {"biometrics": True}


class Noting(RecordingVerifier):
    """Judges without models, and keeps what it was asked."""

    asked: list[Recording]
    sizes: list[int]

    def verify(
        self,
        recording: Recording,
        policy: Policy | None = None,
        progress: Progress = lambda _stage, _share: None,
    ) -> RecordingResult:
        self.asked.append(recording)
        self.sizes.append(recording.video.stat().st_size)
        return super().verify(recording, policy, progress)


@pytest.fixture(scope="module")
def judge() -> Noting:
    made = Noting(Engines.of(), {}, load_policy("recording"), recording_settings())
    made.asked, made.sizes = [], []
    return made


@pytest.fixture(scope="module")
def client(judge: Noting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("desk")
    database = Database(folder / "desk.db")
    database.upgrade()
    add_tenant(database, Tenant("default", 60_000, 64))
    signing = SigningKey.from_file(folder / "signing.pem")
    app = create_app(
        Rules().build(),
        resources=Resources(database, KEYS, signing),
        policy="selfie",
        open_to_everyone=True,
        max_body_bytes=50_000,
        recordings=lambda: judge,
    )
    with TestClient(app) as here:
        eventually(lambda: here.get("/readyz").status_code == 200, "readiness")
        yield here
    database.close()


@pytest.fixture(scope="module")
def video() -> bytes:
    return make_clip(times_ms=[i * 40 for i in range(100)], sound_ms=4000)


def start(client: TestClient, **more: object) -> dict[str, Any]:
    body = {"kind": "recording", "consent": CONSENT, "script_text": SCRIPT, **more}
    answer = client.post("/v1/transactions", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def put(client: TestClient, made: dict[str, Any], data: bytes) -> int:
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return client.put(
        f"/v1/transactions/{made['id']}/media/recording",
        content=data,
        headers={"Content-Digest": f"sha-256=:{digest}:"},
    ).status_code


def test_a_recording_is_taken_judged_and_shown(
    client: TestClient, judge: Noting, video: bytes
) -> None:
    made = start(client)
    assert made["media"] == {
        "required": ["recording"],
        "optional": [],
        "prompts": ["digits"],
    }
    assert [segment["id"] for segment in made["script"]["segments"]] == ["risk", "code"]
    assert len(made["challenge"]["digits"]) == 4
    big = video + bytes(60_000)  # beyond the bound of other requests
    assert put(client, made, big) == 200
    answer = client.post(
        f"/v1/transactions/{made['id']}/submit",
        params={"wait_s": 30},
        json={"nonce": made["challenge"]["nonce"], "segments": TIMES},
    )
    assert answer.status_code == 200, answer.text
    view = answer.json()
    # Without models nothing is assessed, and a person looks at it.
    assert view["outcome"] == "review"
    assert view["script"]["id"] == "mine"
    told = view["verdict"]["recording"]
    assert told["times_from"] == "given"
    assert [segment["end_s"] for segment in told["segments"]] == [2.0, 3.9]
    assert judge.asked[-1].times.digits == made["challenge"]["digits"]
    assert judge.sizes[-1] == len(big)
    assert not judge.asked[-1].video.exists()  # nothing is left of the decrypted file
    page = client.get(f"/v1/transactions/{made['id']}/recording")
    assert page.status_code == 200
    assert "data:video/webm;base64," in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get(f"/v1/transactions/{made['id']}/explanation").status_code == 409


def test_what_was_said_is_not_in_the_chain(client: TestClient, video: bytes) -> None:
    made = start(client)
    put(client, made, video)
    client.post(
        f"/v1/transactions/{made['id']}/submit",
        params={"wait_s": 30},
        json={"nonce": made["challenge"]["nonce"], "segments": TIMES},
    )
    record = client.get(f"/v1/transactions/{made['id']}/evidence").text
    assert "recording.statements" in record
    assert "lose money" not in record


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"script_text": ""}, "request.malformed"),
        ({"script": "consent-en"}, "request.malformed"),
        ({"script_text": "", "script": "nothing"}, "script.unknown"),
        ({"script_text": "id = 1"}, "script.malformed"),
        ({"policy": "selfie"}, "policy.other_kind"),
        ({"kind": "onboarding", "policy": "recording"}, "policy.other_kind"),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    client: TestClient, more: dict[str, object], code: str
) -> None:
    body = {"kind": "recording", "consent": CONSENT, "script_text": SCRIPT, **more}
    answer = client.post("/v1/transactions", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == code


def test_times_of_other_segments_are_refused(client: TestClient, video: bytes) -> None:
    made = start(client)
    put(client, made, video)
    answer = client.post(
        f"/v1/transactions/{made['id']}/submit",
        json={"nonce": made["challenge"]["nonce"], "segments": TIMES[:1]},
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "script.times"


def test_a_shipped_script_without_times_is_taken(
    client: TestClient, judge: Noting, video: bytes
) -> None:
    made = start(client, script="consent-zh", script_text="", locale="zh")
    assert made["script"]["segments"][-1]["answers"] == ["我同意", "我不同意"]
    assert len(made["challenge"]["digits"]) == 6
    put(client, made, video + b"other")
    answer = client.post(
        f"/v1/transactions/{made['id']}/submit",
        params={"wait_s": 30},
        json={"nonce": made["challenge"]["nonce"]},
    )
    assert answer.json()["verdict"]["recording"]["times_from"] == "found"
    assert judge.asked[-1].script.language == "zh"


def test_no_other_medium_is_wanted(client: TestClient) -> None:
    made = start(client)
    answer = client.put(
        f"/v1/transactions/{made['id']}/media/clip", content=b"x", headers={"Content-Digest": "a"}
    )
    assert answer.status_code == 422


def test_what_is_no_recording_is_refused_and_a_damaged_one_is_tried_again(
    client: TestClient, video: bytes
) -> None:
    made = start(client)
    assert put(client, made, b"no video at all") == 422
    assert put(client, made, video[:400]) == 200
    view = client.post(
        f"/v1/transactions/{made['id']}/submit",
        params={"wait_s": 30},
        json={"nonce": made["challenge"]["nonce"], "segments": TIMES},
    ).json()
    assert (view["state"], view["outcome"]) == ("collecting", "retry")


def test_rules_of_a_policy_are_told_in_the_verdict(judge: Noting, tmp_path: Path) -> None:
    text = """
id = "large"
version = 1
optional = ["recording.presence"]
facts = ["amount"]
[[rules]]
id = "large-amount"
when = "facts.amount > 1000"
then = "reject"
unknown = "ignore"
reason = "A large amount."
"""
    policy = parse_policy(text.encode(), "large", tmp_path)
    path = tmp_path / "recording.webm"
    path.write_bytes(make_clip(times_ms=[i * 40 for i in range(50)], sound_ms=2000))
    for amount, outcome in ((2000.0, Outcome.REJECT), (10.0, Outcome.REVIEW)):
        recording = Recording("r", path, load_script("consent-en"), facts={"amount": amount})
        verdict = judge.verify(recording, policy).verdict
        assert verdict.outcome is outcome
        told = [(rule.rule.id, rule.holds) for rule in verdict.rules]
        assert told == ([("large-amount", True)] if amount > 1000 else [])
        assert verdict.facts == {"amount": amount}
