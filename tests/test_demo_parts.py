"""What the pages rest on: headers, kept recordings, explanations, certificates."""

import csv
import io
import json
import re
import ssl
import stat
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from veridical.analysis.engines import Engines
from veridical.errors import InputError
from veridical.evaluation.protocols.transactions import read_cases
from veridical.evaluation.request import Request
from veridical.service.pages.qa import About, QaFolder
from veridical.service.pages.routes import mount
from veridical.service.pages.tls import certificate_for
from veridical.transactions.explain import explain
from veridical.types import Audio, Challenge, Clip, Image
from veridical.verification import CHECKS, Transaction, Verifier, load_policy

STATIC = Path(__file__).parent.parent / "service" / "pages" / "static"
ABOUT = {
    "transaction": "t_1",
    "policy": "spoken",
    "attack": "",
    "participant": "p-01",
    "consent": "demo-2026-11",
    "attempt": 1,
    "challenge": {"digits": "4029", "language": "en", "schedule_ms": [700, 1450, 2250, 3000]},
    "shown_ms": [701, 1452, 2251, 3001],
    "language": "en",
}


def jpeg() -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


WEBM = b"\x1a\x45\xdf\xa3" + bytes(300)


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    mount(app, policy="selfie")
    return TestClient(app)


@pytest.mark.parametrize("path", ["/demo", "/operator"])
def test_pages_run_no_script_but_their_own(client: TestClient, path: str) -> None:
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    # Every script and style of the page is a file of ours that is there.
    loaded = re.findall(r'(?:src|href)="(/[^"]+)"', answer.text)
    assert loaded
    for asset in loaded:
        assert client.get(asset).status_code == 200, asset
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=", answer.text)


def test_every_module_finds_what_it_imports(client: TestClient) -> None:
    for path in STATIC.rglob("*.js"):
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"
        asset = f"/demo/assets/{path.relative_to(STATIC)}"
        answer = client.get(asset)
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path",
    ["../routes.py", "..%2froutes.py", "capture/../../qa.py", "none.js", "", "demo.html"],
)
def test_nothing_but_assets_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/demo/assets/{path}").status_code == 404


def test_an_unchanged_asset_is_not_sent_twice(client: TestClient) -> None:
    first = client.get("/demo/assets/page.css")
    again = client.get("/demo/assets/page.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_text_is_there_in_both_languages() -> None:
    english, chinese = (STATIC / "page-texts.js").read_text(encoding="utf-8").split("  zh: {")
    keys = [set(re.findall(r'^    "?([\w.]+)"?: "', part, re.M)) for part in (english, chinese)]
    assert keys[0] == keys[1]
    assert len(keys[0]) > 40


def test_every_text_that_is_asked_for_is_there() -> None:
    texts = (STATIC / "page-texts.js").read_text("utf-8")
    known = set(re.findall(r'^    "?([\w.]+)"?: "', texts, re.M))
    # What applicants read is in files by language: tests/test_page_languages.py.
    known |= json.loads((STATIC / "capture/languages/en.json").read_text("utf-8")).keys()
    asked = set()
    for path in (*STATIC.rglob("*.js"), *STATIC.glob("*.html")):
        asked |= set(re.findall(r'\btext\("([\w.]+)"', path.read_text(encoding="utf-8")))
        asked |= set(re.findall(r'data-text="(\w+)"', path.read_text(encoding="utf-8")))
    assert asked <= known


def test_the_page_is_told_what_checks_and_their_evidence_are_called(client: TestClient) -> None:
    labels = client.get("/demo/labels.json").json()
    assert labels["en"]["check_face.match"] == "Face belongs to the document"
    assert labels["zh"]["short_recording.alone"] == "单人"
    assert labels["en"]["evidence_liveness.silent.cue_*"] == "Sign"
    assert labels["en"].keys() == labels["zh"].keys() >= {f"check_{check}" for check in CHECKS}
    # Said once: a script that names a check would go on naming it when the catalogue does not.
    for path in STATIC.rglob("*.js"):
        assert not re.search(r'"check_\w+\.\w+":', path.read_text(encoding="utf-8")), path.name


def test_the_page_is_told_the_reasons_and_its_policy(client: TestClient) -> None:
    assert client.get("/demo/config.json").json() == {
        "qa": False,
        "policy": "selfie",
        "scripts": ["consent-en", "consent-zh"],
    }
    assert client.get("/demo/reasons.json").json()["no_face"]["zh"] == "未检测到人脸。"


def test_without_a_folder_nothing_is_kept(client: TestClient) -> None:
    assert client.post("/demo/qa", data={"about": "{}"}).status_code in (404, 405)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_genuine_recording_goes_into_every_index(tmp_path: Path) -> None:
    folder = QaFolder(tmp_path / "qa")
    about = About.of(json.dumps(ABOUT))
    kept = folder.keep(about, {"document_front": jpeg(), "clip": WEBM})
    qa = tmp_path / "qa"
    assert (qa / kept / "clip.webm").read_bytes() == WEBM
    assert rows(qa / "silent.csv") == [
        {
            "file": f"{kept}/clip.webm",
            "label": "bona_fide",
            "species": "",
            "presentation": kept,
            "group": "p-01",
        }
    ]
    assert rows(qa / "lips.csv")[0]["label"] == "genuine"
    assert rows(qa / "digits.csv")[0]["digits"] == "4029"
    assert rows(qa / "consent.csv")[0]["text_version"] == "demo-2026-11"
    # `veridical evaluate transactions` reads it as it is.
    (case,) = read_cases(Request(qa / "transactions.jsonl", tmp_path / "out"))
    assert (case.expected, case.attack, case.policy) == ("accept", "", "spoken")
    assert set(case.media) == {"document_front", "clip"}
    assert stat.S_IMODE((qa / kept).stat().st_mode) == 0o700
    assert stat.S_IMODE((qa / "consent.csv").stat().st_mode) == 0o600


def test_an_attack_is_labelled_by_its_species(tmp_path: Path) -> None:
    folder = QaFolder(tmp_path)
    folder.keep(About.of(json.dumps({**ABOUT, "attack": "screen"})), {"clip": WEBM})
    assert rows(tmp_path / "silent.csv")[0]["species"] == "screen"
    assert rows(tmp_path / "lips.csv")[0]["label"] == "screen"
    assert not (tmp_path / "digits.csv").exists()
    row = json.loads((tmp_path / "transactions.jsonl").read_text())
    assert (row["expect"], row["attack"]) == ({"outcome": "reject"}, "screen")


def test_an_altered_document_says_nothing_about_the_face(tmp_path: Path) -> None:
    folder = QaFolder(tmp_path)
    about = About.of(json.dumps({**ABOUT, "attack": "document"}))
    folder.keep(about, {"document_front": jpeg(), "selfie": jpeg()})
    assert not (tmp_path / "silent.csv").exists()
    assert json.loads((tmp_path / "transactions.jsonl").read_text())["attack"] == "document"


def test_who_withdraws_is_removed_everywhere(tmp_path: Path) -> None:
    folder = QaFolder(tmp_path)
    gone = folder.keep(About.of(json.dumps(ABOUT)), {"clip": WEBM})
    stays = folder.keep(About.of(json.dumps({**ABOUT, "participant": "p-02"})), {"clip": WEBM})
    assert folder.forget("p-01") == 1
    assert not (tmp_path / gone).exists()
    assert all(gone not in path.read_text() for path in tmp_path.glob("*.*"))
    assert rows(tmp_path / "silent.csv")[0]["presentation"] == stays
    assert folder.forget("p-01") == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"participant": "../../etc"}, "qa.malformed"),
        ({"participant": "Ana Example"}, "qa.malformed"),
        ({"policy": "a/b"}, "qa.malformed"),
        ({"attack": "unknown"}, "qa.malformed"),
        ({"challenge": {"digits": "12"}}, "qa.malformed"),
    ],
)
def test_a_label_that_is_none_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(InputError) as caught:
        About.of(json.dumps({**ABOUT, **change}))
    assert caught.value.code == code
    assert "etc" not in str(caught.value)


def test_only_media_are_kept(tmp_path: Path) -> None:
    folder, about = QaFolder(tmp_path), About.of(json.dumps(ABOUT))
    for media, code in (({}, "qa.no_media"), ({"clip": b"#!/bin/sh"}, "qa.not_media")):
        with pytest.raises(InputError) as caught:
            folder.keep(about, media)
        assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_an_explanation_says_what_is_known_and_null_for_the_rest() -> None:
    verifier = Verifier({}, Engines.of(), {}, load_policy("selfie"))
    frame = Image(np.full((48, 64, 3), 90, np.uint8))
    times = np.arange(0, 1200, 40, dtype=np.float64)
    clip = Clip((frame,) * 30, times, Audio(np.zeros(16_000, np.float32), 16_000))
    challenge = Challenge("4029", "en", (100.0, 300.0, 500.0, 700.0))
    transaction = Transaction("t", document_front=frame, clip=clip, challenge=challenge)
    analysis = verifier.analyse(transaction)
    found = explain(analysis, verifier.judge(analysis))
    timeline = found["timeline"]
    assert isinstance(timeline, dict)
    assert timeline["digits"][1] == {"word": "0", "shown_ms": 300.0, "heard_ms": None}
    assert timeline["lips"] == {"times_ms": [], "opening": []}
    pictures = found["pictures"]
    assert isinstance(pictures, list)
    assert [picture["kind"] for picture in pictures] == ["document_front"] + ["clip"] * 4
    assert json.dumps(found)
    still = verifier.analyse(Transaction("t", selfie=frame))
    assert explain(still, verifier.judge(still))["timeline"] is None


def test_a_certificate_names_the_host_and_is_kept(tmp_path: Path) -> None:
    made = certificate_for("192.168.1.20", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert certificate_for("192.168.1.20", tmp_path).fingerprint == made.fingerprint
    first = made.fingerprint
    assert certificate_for("192.168.1.21", tmp_path).fingerprint != first
