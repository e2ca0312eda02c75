"""The whole way with real models: from a browser's fake camera to a signed verdict."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from tests.browser import CHROMIUM, chromium_flags, served, write_sound, write_video
from tests.service_house import KEYS
from veridical.media import read_clip
from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.service.app import create_app
from veridical.store import Database
from veridical.store.tenants import Tenant, add_tenant
from veridical.transactions import Resources
from veridical.types import Image
from veridical.verification import Settings, load_verifier
from veridical.verification.evidence import SigningKey

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install veridical[dev]"
)
from playwright.sync_api import Page, ViewportSize, expect  # noqa: E402

pytestmark = [
    pytest.mark.models,
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
    ),
]

PATIENCE_MS = 180_000
SIZE: ViewportSize = {"width": 1100, "height": 900}
Frame = NDArray[np.uint8]


@contextmanager
def running(policy: str, folder: Path) -> Iterator[str]:
    """A service with the real chain, open to this machine; answers its address."""
    database = Database(folder / "test.db")
    database.upgrade()
    add_tenant(database, Tenant("default", 60_000, 64))
    signing = SigningKey.from_file(folder / "signing.pem")
    settings = Settings(policy=policy)
    app = create_app(
        lambda: load_verifier(settings),
        resources=Resources(database, KEYS, signing),
        policy=policy,
        open_to_everyone=True,
        snapshots=folder / "galleries",
        qa_dir=folder / "qa",
    )
    with served(app) as address:
        yield address
    database.close()


@contextmanager
def looking_at(frames: list[Frame], sound: NDArray[np.float32], folder: Path) -> Iterator[Page]:
    """A page in a Chromium whose camera and microphone give these."""
    camera = write_video(folder / "camera.y4m", frames)
    microphone = write_sound(folder / "microphone.wav", sound)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=chromium_flags(camera, microphone)
        )
        page = browser.new_page(viewport=SIZE, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield page
        browser.close()


def standing_before_it(image: Image) -> list[Frame]:
    """Head and shoulders as a camera on a stand sees them.

    Every frame is the same, since which of them the page takes is chance, and the score of this
    photograph of a photograph moves by .04 with a shift of two pixels.
    """
    height, width = image.height // 2 * 2, image.width // 2 * 2
    return [image.pixels[:height, :width]] * 12  # not resized: that leaves a pattern as screens do


def verdict_of(page: Page, address: str, document: Path, start: str) -> str:
    """Walk the page to its end; the outcome as it shows it."""
    page.goto(f"{address}/demo")
    page.get_by_label("I agree that my face").check()
    page.get_by_label("I also agree").check()
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("input[type=file]").set_input_files(document)
    page.get_by_role("button", name="Use this picture").click()
    page.get_by_role("button", name="nothing on the back").click()
    if start == "Start reading":  # by the light of the screen
        page.get_by_role("button", name="Brightness is up, go on").click()
    page.get_by_role("button", name=start).click()
    page.locator("#result[data-outcome]:visible").wait_for()
    page.locator("#explanation[data-done]").wait_for()
    return str(page.locator("#result").get_attribute("data-outcome"))


@pytest.fixture
def card(samples: dict[str, Sample], tmp_path: Path) -> Path:
    front = samples["genuine"].transaction.document_front
    assert front is not None
    path = tmp_path / "card.png"
    PIL.Image.fromarray(front.pixels).save(path)
    return path


Ending = Callable[[str], str]


@pytest.mark.parametrize(("name", "outcome"), [("genuine", "accept"), ("recaptured", "reject")])
def test_a_genuine_run_is_accepted_and_a_replayed_screen_is_not(
    name: str,
    outcome: str,
    samples: dict[str, Sample],
    card: Path,
    store: ModelStore,
    tmp_path: Path,
) -> None:
    selfie = samples[name].transaction.selfie
    assert selfie is not None
    silence = np.zeros(48_000, np.float32)
    with (
        running("demo", tmp_path) as address,
        looking_at(standing_before_it(selfie), silence, tmp_path) as page,
    ):
        assert verdict_of(page, address, card, "Take the picture") == outcome
        expect(page.get_by_text("specimen_allowed")).to_be_visible()
        expect(page.locator(".pictures img")).to_have_count(2)  # card and selfie
        expect(page.locator(".faces img")).to_have_count(2)  # portrait and applicant, at one scale
        page.get_by_label("Participant").fill("p-01")
        page.get_by_role("button", name="Save").click()
        page.locator("#qa[data-saved]").wait_for()
        page.screenshot(path=tmp_path / "result.png", full_page=True)
    assert (tmp_path / "qa" / "silent.csv").read_text().count("selfie.jpg") == 1


@pytest.mark.shared
def test_a_recording_made_earlier_does_not_answer_new_digits(
    card: Path, store: ModelStore, shared: Path, tmp_path: Path
) -> None:
    earlier = next(iter(sorted((shared / "data/lips/real").glob("*grid*.mp4"))), None)
    if earlier is None:
        pytest.skip("no recording of a speaker in shared/")
    clip = read_clip(earlier)
    assert clip.audio is not None
    step = (len(clip.frames) - 1) / (clip.duration_ms * 30 / 1000)
    frames = [
        np.asarray(cv2.resize(clip.frames[round(i * step)].pixels, (640, 480)), np.uint8)
        for i in range(int(clip.duration_ms * 30 / 1000))
    ]
    with (
        running("spoken", tmp_path) as address,
        looking_at(frames, clip.audio.samples, tmp_path) as page,
    ):
        assert verdict_of(page, address, card, "Start reading") in ("reject", "retry", "review")
        assert page.locator(".timeline circle").count() == 6
