"""A camera that sees a face lit by what the page paints: the walk of a live capture in Chromium.

The face is a drawing on a canvas. Its light is read from what the page shows, never from the
challenge; the clip that arrives is held against the colours that were drawn. What the check makes
of lit, unlit and tinted clips is measured on clips of a true frame rate, in test_light_check.py.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx2
import numpy as np
import pytest

from tests.browser import CHROMIUM, chromium_flags, served, write_sound, write_video
from tests.service_house import IN_STEPS, KEYS, POINTS
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.result import Measurement
from veridical.service.app import create_app
from veridical.store import Database
from veridical.store.tenants import Tenant, add_tenant, issue_api_key
from veridical.transactions import Resources
from veridical.types import Clip, Colours
from veridical.verification import CHECKS, Transaction, Verifier, load_policy
from veridical.verification.evidence import SigningKey

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install veridical[dev]"
)
from playwright.sync_api import Browser, Page, Response, expect  # noqa: E402

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
)

PATIENCE_MS = 90_000
POLICY = """
id = "{name}"
version = 1
required = ["face.quality", "capture.present"]
witnesses = [{witnesses}, "liveness.light"]
"""
POLICIES = {"lit": '"voice.digits", "liveness.lips"', "turned": '"liveness.motion"'}
CAMERA = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const painted = () => {
    const part = document.querySelector("veridical-capture")?.shadowRoot?.querySelector(".capture");
    const box = part?.getBoundingClientRect();
    const whole = box && box.width >= innerWidth && box.height >= innerHeight;
    const found = whole ? getComputedStyle(part).backgroundColor.match(/\\d+/g) : null;
    return found ? found.slice(0, 3).map(Number) : [0, 0, 0];
  };
  const lit = (albedo, share) => {
    const light = painted();
    const [r, g, b] = albedo.map((own, i) => Math.min(255, own * (0.7 + share * light[i] / 255)));
    return `rgb(${r} ${g} ${b})`;
  };
  setInterval(() => {
    pen.fillStyle = lit([120, 120, 125], 0.05);
    pen.fillRect(0, 0, 320, 240);
    pen.fillStyle = lit([205, 150, 125], 0.45);
    pen.beginPath();
    pen.ellipse(160, 120, 60, 80, 0, 0, 7);
    pen.fill();
  }, 33);
  const stream = canvas.captureStream(30);
  const sound = wanted.audio ? (await real({ audio: true })).getAudioTracks() : [];
  sound.forEach((track) => stream.addTrack(track));
  return stream;
};
"""
BEGIN = """async ([started, language]) => {
  await import("/demo/assets/capture/veridical-capture.js");
  document.body.replaceChildren(document.createElement("veridical-capture"));
  const element = document.querySelector("veridical-capture");
  element.setAttribute("language", language);
  window.told = {};
  element.addEventListener("veridical-media", ({ detail }) => { window.told = detail; });
  element.begin(started);
}"""


class Seen:
    """A service whose checks note what they were handed."""

    def __init__(self, address: str, key: str, seen: list[Transaction]) -> None:
        self.address, self.key, self.seen = address, key, seen

    def start(self, policy: str) -> dict[str, Any]:
        answer = httpx2.post(
            f"{self.address}/v1/transactions",
            json={"policy": policy, "consent": {"biometrics": True}},
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code == 201, answer.text
        return cast("dict[str, Any]", answer.json())


@pytest.fixture(scope="module")
def service() -> Iterator[Seen]:
    seen: list[Transaction] = []

    def step(check: str) -> Any:  # noqa: ANN401
        def run(analysis: Analysis) -> Measurement:
            if analysis.transaction not in seen:
                seen.append(analysis.transaction)
            return Measurement(check, 1.0, "", IN_STEPS)

        return run

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for policy, witnesses in POLICIES.items():
            text = POLICY.format(name=policy, witnesses=witnesses)
            (folder / f"{policy}.toml").write_text(text, encoding="utf-8")
        database = Database(folder / "s.db")
        database.upgrade()
        add_tenant(database, Tenant("default", 60_000, 64))
        _, key = issue_api_key(
            database,
            "default",
            ("transactions:write", "transactions:read", "policies:write"),
            "",
            None,
        )
        signing = SigningKey.from_file(folder / "signing.pem")
        app = create_app(
            lambda: Verifier(
                {check: step(check) for check in CHECKS},
                Engines.of("registry"),
                POINTS,
                load_policy(str(folder / "lit.toml")),
            ),
            resources=Resources(database, KEYS, signing),
            policy=str(folder / "lit.toml"),
            snapshots=folder / "galleries",
        )
        with served(app) as address:
            while httpx2.get(f"{address}/readyz").status_code != 200:
                time.sleep(0.05)
            stored = httpx2.put(
                f"{address}/v1/policies/turned",
                content=(folder / "turned.toml").read_bytes(),
                headers={"Authorization": f"Bearer {key}", "content-type": "application/toml"},
            )
            assert stored.status_code == 201, stored.text
            yield Seen(address, key, seen)
        database.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("devices")
    camera = write_video(folder / "camera.y4m", [np.zeros((48, 64, 3), np.uint8)])
    tone = np.sin(np.arange(48_000) * 2 * np.pi * 330 / 48_000).astype(np.float32) * 0.3
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=chromium_flags(camera, write_sound(folder / "microphone.wav", tone)),
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, service: Seen) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 900, "height": 700}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.add_init_script(CAMERA)
    face = {"faces": 1, "box": [0.4, 0.3, 0.6, 0.7], "reason": "", "text": ""}
    opened.route("**/v1/guidance/face", lambda route: route.fulfill(json=face))
    opened.goto(f"{service.address}/demo")
    # It is there for its origin alone, and emptied: what it draws itself must be drawn before.
    opened.locator("#consent form").wait_for(state="attached")
    yield opened
    context.close()
    assert faults == []


def contrast(clip: Clip, colours: Colours, late_ms: float) -> float:
    """How far the face's red less green follows that of the screen, -1..1."""
    times = np.asarray(clip.times_ms)
    face = np.array([frame.pixels[90:150, 130:190].mean((0, 1)) for frame in clip.frames])
    inside = (times > 700) & (times < colours.end_ms)
    at = np.searchsorted(colours.starts_ms, times[inside] - late_ms, side="right") - 1
    shown = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours.shown])
    screen = shown[np.maximum(at, 0)]
    return float(np.corrcoef(face[inside, 0] - face[inside, 1], screen[:, 0] - screen[:, 1])[0, 1])


def handed(page: Page, kind: str) -> None:
    """Wait until the page has made a medium."""
    for _ in range(PATIENCE_MS // 100):
        if page.evaluate("window.told.kind") == kind:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"no {kind} was made")


def begin(page: Page, service: Seen, policy: str, language: str = "en") -> dict[str, Any]:
    started = service.start(policy)
    page.evaluate(BEGIN, [started, language])
    return started


def of(service: Seen, started: dict[str, Any]) -> Transaction:
    return next(one for one in service.seen if one.id == started["id"])


def test_a_live_capture_is_lit_told_in_steps_and_sent_while_it_is_made(
    page: Page, service: Seen
) -> None:
    answers: list[Response] = []
    page.on("response", lambda one: answers.append(one) if "/slices/" in one.url else None)
    started = begin(page, service, "lit")
    page.get_by_role("button", name="Brightness is up").click()
    page.get_by_role("button", name="Start reading").click()
    page.locator(".capture.lit").wait_for()
    assert page.locator(".capture.lit").bounding_box() == {
        "x": 0, "y": 0, "width": 900, "height": 700,
    }  # fmt: skip
    handed(page, "clip")
    expect(page.locator(".capture.lit")).to_have_count(0)
    while not any(one.id == started["id"] for one in service.seen):
        page.wait_for_timeout(50)
    found = of(service, started)
    slices = [answer.json() for answer in answers]
    assert found.clip is not None
    assert found.challenge is not None
    assert found.challenge.colours is not None
    # What was told grew with every slice, and was whole at the end.
    told = [len(one["colours"]["shown"]) for one in slices]
    assert told == sorted(told)
    assert told[0] < told[-1] == len(found.challenge.colours.shown)
    assert slices[-1]["digits"] == found.challenge.digits
    # When each arrived is the server's word, and what each shows is read in the clip itself.
    assert len(found.arrivals) == len(slices) > 4
    shown = [one.until_ms for one in found.arrivals]
    assert shown == sorted(shown)
    assert shown[-1] == found.clip.times_ms[-1]
    assert found.metadata["exposure"]
    assert int(found.metadata["slices"]) == len(slices)
    # The camera saw what the page painted: the face follows the colours that were drawn.
    follows = [contrast(found.clip, found.challenge.colours, late) for late in range(0, 500, 50)]
    assert max(follows) > 0.7


def test_turns_are_shown_by_arrows_and_nothing_is_spoken(page: Page, service: Seen) -> None:
    started = begin(page, service, "turned", "zh")
    page.get_by_role("button", name="亮度已调高").click()
    page.get_by_role("button", name="开始", exact=True).click()
    page.locator(".arrow:not([hidden])").wait_for()
    handed(page, "clip")
    while not any(one.id == started["id"] for one in service.seen):
        page.wait_for_timeout(50)
    found = of(service, started)
    assert found.challenge is not None
    assert found.challenge.turns is not None
    assert found.challenge.digits == ""
    assert page.evaluate("window.told.challenge.turns.directions") == list(
        found.challenge.turns.directions
    )


def test_who_must_not_see_changing_colours_is_shown_none(page: Page, service: Seen) -> None:
    begin(page, service, "lit")
    page.get_by_role("button", name="Changing colours are not good for me").click()
    page.get_by_role("button", name="Take the picture").click()
    handed(page, "selfie")
    expect(page.locator(".capture.lit")).to_have_count(0)


def test_a_connection_that_breaks_is_a_retry(page: Page, service: Seen) -> None:
    begin(page, service, "lit")
    page.route("**/slices/2*", lambda route: route.abort())
    page.get_by_role("button", name="Brightness is up").click()
    page.get_by_role("button", name="Start reading").click()
    expect(page.get_by_text("The connection broke off while recording.")).to_be_visible()
    page.unroute("**/slices/2*")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="Start reading").click()
    handed(page, "clip")
