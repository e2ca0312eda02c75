"""Every example runs as it stands, against a whole service in this process."""

import asyncio
import importlib.util
import json
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import Request, urlopen

import PIL.Image
import pytest

from tests.browser import served
from tests.service_house import KEYS, Rules, picture
from tests.test_media_clip import make_clip
from veridical.client import Client, InputRefused, Transaction, Webhook
from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.service.api.auth import SCOPES
from veridical.service.app import create_app
from veridical.store import Database
from veridical.store.tenants import Tenant, add_tenant, issue_api_key
from veridical.transactions import Resources
from veridical.transactions.webhooks import sign
from veridical.verification.evidence import SigningKey
from veridical.wire import TransactionEvent

EXAMPLES = Path(__file__).parent.parent / "examples"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="  # noqa: S105


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Rules]]:
    """Address and key of a service whose checks answer by rule."""
    folder = tmp_path_factory.mktemp("service")
    database = Database(folder / "test.db")
    database.upgrade()
    add_tenant(database, Tenant("bank", 60_000, 64))
    _, key = issue_api_key(database, "bank", tuple(SCOPES), "", None, sandbox=False)
    signing, rules = SigningKey.from_file(folder / "signing.pem"), Rules()
    app = create_app(
        rules.build(),
        resources=Resources(database, KEYS, signing),
        policy="selfie",
        snapshots=folder / "galleries",
    )
    with served(app) as address:
        with Client(address) as client:
            while client._http.get("/readyz").status_code != 200:
                time.sleep(0.02)
        yield address, key, rules
    database.close()


@pytest.fixture
def accepting(service: tuple[str, str, Rules]) -> tuple[str, str, Rules]:
    service[2].score, service[2].reason = 1.0, ""
    return service


def write(folder: Path, grey: int) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    front, selfie = folder / "front.jpg", folder / "selfie.jpg"
    front.write_bytes(picture(grey))
    selfie.write_bytes(picture(grey + 1))
    return front, selfie


def test_verify_files(accepting: tuple[str, str, Rules], tmp_path: Path) -> None:
    url, key, _ = accepting
    found = example("verify_files").main(url, key, *write(tmp_path, 10), "c-1")
    assert (found.outcome, found.state) == ("accept", "completed")
    assert found.verdict.check("face.match").score == 1.0


def test_verify_files_says_why_a_file_cannot_be_judged(
    accepting: tuple[str, str, Rules], tmp_path: Path
) -> None:
    front, selfie = write(tmp_path, 20)
    selfie.write_bytes(b"")
    with pytest.raises(InputRefused) as caught:
        example("verify_files").main(accepting[0], accepting[1], front, selfie)
    assert caught.value.code == "media.empty"


def test_many_at_once(accepting: tuple[str, str, Rules], tmp_path: Path) -> None:
    url, key, _ = accepting
    folders = [tmp_path / f"applicant-{i}" for i in range(5)]
    for i, folder in enumerate(folders):
        write(folder, 30 + 2 * i)
    outcomes = asyncio.run(example("many_at_once").main(url, key, folders))
    assert outcomes == {folder.name: "accept" for folder in folders}


def test_onboarding(accepting: tuple[str, str, Rules]) -> None:
    url, key, _ = accepting

    def browser(started: Mapping[str, Any]) -> None:
        # What `<veridical-capture>` does, with the upload token alone.
        with Client(url) as device:
            own = {"token": started["upload_token"]}
            device.upload(started["id"], "document_front", picture(50), **own)
            challenge = device.draw_challenge(started["id"], **own)
            device.upload(started["id"], "clip", make_clip()[:400], **own)
            seen = device.submit(started["id"], nonce=challenge.nonce, **own)
            assert seen.verdict is None  # scores are not for the applicant

    told, found = example("onboarding").main(url, key, "c-77", browser)
    # The clip breaks off: it cannot be judged, and nobody is let in.
    assert told != "open the account"
    assert found.problem is not None
    assert found.problem.code.startswith("media.")


def test_review_queue(service: tuple[str, str, Rules], tmp_path: Path) -> None:
    url, key, rules = service
    rules.score, rules.reason = 0.3, "low_score"
    waiting = example("verify_files").main(url, key, *write(tmp_path, 60))
    assert waiting.outcome == "review"

    def decide(found: Transaction) -> tuple[str, str]:
        assert found.verdict is not None
        return "accept", "seen in the branch"

    assert example("review_queue").main(url, key, "staff 117", decide) == {waiting.id: "accept"}
    with Client(url, key) as client:
        found = client.get(waiting.id)
        assert found.final_outcome == "accept"
        assert found.review is not None
        assert found.review.operator == "staff 117"
        assert client.reviews().items == ()
        lines = [json.loads(line) for line in client.evidence(waiting.id).splitlines()]
        assert len(lines) == 2  # the verdict, and the decision


def test_webhook_receiver() -> None:
    handled: list[Webhook] = []
    server = example("webhook_receiver").receiver(SECRET, handled.append)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    shown: dict[str, Any] = TransactionEvent.model_json_schema()["examples"][0]
    body = json.dumps({**shown, "data": {**shown["data"], "id": "t_1"}}).encode()
    now = int(time.time())

    def post(signature: str) -> int:
        headers = {
            "webhook-id": "m1",
            "webhook-timestamp": str(now),
            "webhook-signature": signature,
        }
        url = f"http://127.0.0.1:{server.server_port}/"
        try:
            with urlopen(Request(url, body, headers)) as answer:
                return int(answer.status)
        except OSError as error:
            return int(error.code)  # type: ignore[attr-defined]

    # Signed by the service's own code: the two halves agree.
    signature = sign(SECRET, "m1", now, body)
    assert [post(signature), post(signature), post("v1,AAAA")] == [204, 204, 400]
    assert [message.transaction for message in handled] == ["t_1"]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.models
def test_in_process(store: ModelStore, samples: dict[str, Sample], tmp_path: Path) -> None:
    genuine = samples["genuine"].transaction
    assert genuine.document_front is not None
    assert genuine.selfie is not None
    front, selfie = tmp_path / "front.png", tmp_path / "selfie.png"
    PIL.Image.fromarray(genuine.document_front.pixels).save(front)
    PIL.Image.fromarray(genuine.selfie.pixels).save(selfie)
    assert example("in_process").main(front, selfie, "demo").outcome == "accept"


def test_the_page_that_embeds_names_what_there_is() -> None:
    page = (EXAMPLES / "embed.html").read_text(encoding="utf-8")
    static = Path(__file__).parent.parent / "service" / "pages" / "static"
    for name in ("capture/veridical-capture.js",):
        assert f"/demo/assets/{name}" in page
        assert (static / name).is_file()
    assert "<veridical-capture" in page


def test_every_example_is_listed_and_run() -> None:
    here = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".html")}
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f"`{name}`" in listed for name in here)
    assert all(name.split(".")[0] in tests for name in here)
