"""A stranger can be verified from a browser: the pages, walked by a real Chromium."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.browser import (
    CHROMIUM,
    ScriptedService,
    chromium_flags,
    served,
    write_sound,
    write_video,
)
from tests.service_house import House
from veridical.liveness import CaptureFacts
from veridical.store.tenants import Look, set_look

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install veridical[dev]"
)
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize, expect  # noqa: E402

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
)

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PATIENCE_MS = 90_000  # the machine may be busy with other things
FRAMES = 30
PHONE: ViewportSize = {"width": 390, "height": 844}


def card_scene() -> np.ndarray:
    """A card with print on it, lying in the frame of the capture page."""
    scene = np.full((480, 640, 3), 70, np.uint8)
    cv2.rectangle(scene, (46, 67), (594, 413), (225, 228, 222), -1)
    for y in range(110, 390, 34):
        cv2.putText(scene, "SPECIMEN 0123456789", (80, y), 0, 0.9, (30, 40, 60), 2, cv2.LINE_AA)
    return scene


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium whose camera shows a card, and whose microphone hears a tone."""
    folder = tmp_path_factory.mktemp("devices")
    scene = card_scene()
    moving = [np.roll(scene, (i % 2, i % 3), (0, 1)) for i in range(FRAMES)]
    camera = write_video(folder / "camera.y4m", moving)
    tone = np.sin(np.arange(48_000 * 2) * 2 * np.pi * 330 / 48_000).astype(np.float32) * 0.3
    microphone = write_sound(folder / "microphone.wav", tone)
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(
            executable_path=CHROMIUM, args=chromium_flags(camera, microphone)
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=DESKTOP, locale="en-GB")
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on which every error of a script, and everything the policy blocks, fails the test."""
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "console",
        lambda m: faults.append(m.text) if re.search("Content.Security|Refused", m.text) else None,
    )
    yield opened
    assert faults == []


LOOK = """async (grey) => (await import("/demo/assets/capture/document.js"))
    .judge(Float32Array.from(grey), 320, 240).hint"""


def consent(page: Page, address: str) -> None:
    page.goto(f"{address}/demo")
    agree(page)


def agree(page: Page) -> None:
    page.get_by_label("I agree that my face").check()
    page.get_by_role("button", name="Start", exact=True).click()


def photograph(page: Page) -> None:
    page.get_by_role("button", name="Use this picture").click()


def read_digits(page: Page) -> None:
    page.get_by_role("button", name="Start reading").click()


def test_the_whole_page_is_walked(page: Page) -> None:
    service = ScriptedService()
    with served(service.app) as address:
        consent(page, address)
        # The card lies in the frame: the picture is taken without a click.
        photograph(page)
        page.get_by_role("button", name="nothing on the back").click()
        read_digits(page)
        expect(page.get_by_role("heading", name="Verified")).to_be_visible()
        expect(page.locator(".timeline")).to_be_visible()
        # Six witnesses, one picture: bars, their sum, and the line it must reach.
        expect(page.locator(".witnesses rect")).to_have_count(6)
        expect(page.locator(".witnesses rect.sum.enough")).to_have_count(1)
        expect(page.locator(".witnesses line.needed")).to_have_count(1)
        # A name from a document is text, whatever it says.
        expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    assert service.created[0]["consent"]["biometrics"] is True
    assert service.submitted[0]["nonce"] == "nonce-1"
    # What the server's check for injected media reads of a capture.
    facts = CaptureFacts.from_metadata(service.submitted[0]["capture"])
    assert (facts.source, facts.width, facts.height) == ("browser", 640, 480)
    assert (facts.returned_nonce, facts.frame_rate) == ("nonce-1", 30.0)
    assert facts.camera_label
    assert facts.recorder_type.startswith("video/webm;codecs=vp9")
    assert set(service.media) == {"document_front", "clip"}
    assert service.headers["clip"]["content-digest"].startswith("sha-256=:")
    assert service.headers["clip"]["authorization"] == "Bearer vu_t_1"
    assert service.guided > 0
    picture = cv2.imdecode(np.frombuffer(service.media["document_front"], np.uint8), 1)
    assert picture is not None
    assert picture.shape[:2] == (480, 640)


def test_a_recording_is_of_a_chosen_kind_and_long_enough(page: Page, tmp_path: Path) -> None:
    service = ScriptedService(required=("clip",), optional=())
    shown: list[list[float]] = []
    page.expose_function("noteShown", lambda times: shown.append(times))
    with served(service.app) as address:
        page.goto(f"{address}/demo")
        page.evaluate(
            "document.addEventListener('veridical-media', (e) => noteShown(e.detail.shown))"
        )
        agree(page)
        read_digits(page)
        expect(page.get_by_role("heading", name="Verified")).to_be_visible()
    clip = tmp_path / "clip.webm"
    clip.write_bytes(service.media["clip"])
    with av.open(str(clip)) as container:
        # Left to itself, Chromium records VP8 at 8 frames a second.
        assert container.streams.video[0].codec_context.name == "vp9"
        times = [frame.time for frame in container.decode(container.streams.video[0])]
    with av.open(str(clip)) as container:
        sound = [frame.to_ndarray() for frame in container.decode(container.streams.audio[0])]
    assert np.abs(np.concatenate(sound, axis=1)).max() > 0.05
    schedule = service.challenge["schedule_ms"]
    assert isinstance(schedule, list)
    assert times[-1] - times[0] > schedule[-1] / 1000 + 1.0
    # No digit is painted before its moment.
    assert len(shown[0]) == len(schedule)
    assert all(painted >= at for painted, at in zip(shown[0], schedule, strict=True))


def test_the_page_sees_what_is_wrong_with_a_document(page: Page) -> None:
    card = card_scene()
    glare = cv2.circle(card.copy(), (300, 240), 60, (255, 255, 255), -1)

    def placed(angle: float, scale: float) -> np.ndarray:
        turn = cv2.getRotationMatrix2D((320, 240), angle, scale)
        return cv2.warpAffine(card, turn, (640, 480), borderValue=(70, 70, 70))

    noise = np.random.default_rng(0).normal(120, 50, card.shape).clip(0, 255).astype(np.uint8)
    scenes = {
        "hold_still": [card, placed(3, 1.0)],
        "fit_frame": [placed(0, 0.6), placed(12, 1.0), cv2.GaussianBlur(noise, (0, 0), 2)],
        "hold_steady": [cv2.GaussianBlur(card, (0, 0), 7)],
        "avoid_glare": [glare],
        "more_light": [(card * 0.15).astype(np.uint8)],
    }
    with served(ScriptedService().app) as address:
        page.goto(f"{address}/demo")
        for hint, pictures in scenes.items():
            for picture in pictures:
                grey = cv2.cvtColor(cv2.resize(picture, (320, 240)), cv2.COLOR_RGB2GRAY)
                assert page.evaluate(LOOK, grey.ravel().tolist()) == hint


def test_a_retry_records_again_and_then_ends(page: Page) -> None:
    service = ScriptedService(("retry", "reject"), required=("clip",), optional=())
    with served(service.app) as address:
        consent(page, address)
        read_digits(page)
        expect(page.get_by_role("heading", name="message for retry")).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        read_digits(page)
        expect(page.get_by_role("heading", name="Not verified")).to_be_visible()
        expect(page.get_by_text("voice.digits:wrong_digits")).to_be_visible()
    assert len(service.submitted) == 2


def test_who_cannot_speak_is_led_to_a_person(page: Page) -> None:
    service = ScriptedService(("review",), required=("clip",), optional=())
    with served(service.app) as address:
        consent(page, address)
        page.get_by_role("button", name="cannot read digits").click()
        page.get_by_role("button", name="I cannot speak").click()
        page.get_by_role("button", name="Take the picture").click()
        expect(page.get_by_role("heading", name="A person will look at it")).to_be_visible()
    assert service.submitted[0]["accommodation"] == "cannot_speak"
    assert "nonce" not in service.submitted[0]
    assert set(service.media) == {"selfie"}


def test_a_refused_camera_is_explained_and_a_file_still_does(
    context: BrowserContext, page: Page, tmp_path: Path
) -> None:
    context.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => "
        "Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    picture = tmp_path / "card.png"
    cv2.imwrite(str(picture), card_scene())
    service = ScriptedService()
    with served(service.app) as address:
        consent(page, address)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("not allowed for this page")
        expect(alert).to_contain_text("permissions next to the address")
        page.locator("input[type=file]").set_input_files(picture)
        photograph(page)
        page.get_by_role("button", name="Choose a file instead").wait_for()
        assert service.media["document_front"] == picture.read_bytes()
        page.get_by_role("button", name="nothing on the back").click()
        # Without a camera there is no recording: the same words, and a way to try again.
        expect(page.get_by_role("alert")).to_contain_text("not allowed for this page")
        expect(page.get_by_role("button", name="Try again")).to_be_enabled()


def test_the_keyboard_suffices_on_a_phone_in_chinese(browser: Browser) -> None:
    service = ScriptedService(required=("selfie",), optional=())
    context = browser.new_context(viewport=PHONE, locale="zh-CN", has_touch=True)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    with served(service.app) as address:
        page.goto(f"{address}/demo")
        expect(page.get_by_role("heading", name="核验您的身份")).to_be_visible()
        page.locator("#agree").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        button = page.get_by_role("button", name="拍照")
        expect(button).to_be_enabled()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="核验通过")).to_be_visible()
        # Nothing is wider than the phone.
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert service.created[0]["locale"] == "zh"
    context.close()


def test_a_key_is_asked_for_and_taken_out_of_the_address(page: Page) -> None:
    service = ScriptedService(required=("selfie",), optional=(), key="vk_secret")
    with served(service.app) as address:
        page.goto(f"{address}/demo")
        page.get_by_label("Access key").fill("vk_wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_role("alert")).to_contain_text("does not accept this key")
        page.goto("about:blank")
        page.goto(f"{address}/demo#key=vk_secret")
        expect(page.get_by_role("heading", name="Verify your identity")).to_be_visible()
        assert "vk_secret" not in page.url


def test_a_reviewer_decides_by_name(page: Page) -> None:
    service = ScriptedService()
    service._outcome = "review"
    with served(service.app) as address:
        page.goto(f"{address}/operator")
        page.get_by_role("button", name="t_1").click()
        expect(page.get_by_role("heading", name="Case t_1")).to_be_visible()
        # Two faces at one scale, large, with the decision beside them.
        faces = page.locator(".faces img")
        expect(faces).to_have_count(2)
        boxes = [faces.nth(i).bounding_box() for i in range(2)]
        assert all(box is not None and box["width"] >= 300 for box in boxes), boxes
        expect(page.locator(".timeline rect.lit")).to_have_count(1)
        page.get_by_role("button", name="On the document: enlarge").click()
        expect(page.locator("dialog img")).to_be_visible()
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_text("Name and reason are needed.")).to_be_visible()
        page.get_by_label("Your name or staff number").fill("Ana, 117")
        page.get_by_role("heading", name="Case t_1").click()
        page.keyboard.press("2")  # a reason that is often given
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_text("as no. 7")).to_be_visible()
        expect(page.get_by_text("Nothing is waiting.")).to_be_visible()
    assert service.reviewed == [
        {
            "operator": "Ana, 117",
            "outcome": "accept",
            "reason": "Same person; poor light or camera.",
        }
    ]


# --- the page for applicants, against the real service with checks by rule ------------------------

RETURN = "https://bank.example/app/"
FACE = {"faces": 1, "box": [0.35, 0.25, 0.65, 0.75], "yaw_deg": 0, "pitch_deg": 0, "reason": "",
        "text": "", "message_code": ""}  # fmt: skip


@pytest.fixture
def address(here: House) -> Iterator[str]:
    app: Any = here.client.app
    with served(app, lifespan="off") as base:  # the house has started it
        app.state.public_url = base
        yield base
        app.state.public_url = ""


def opened(browser: Browser, url: str, **more: Any) -> Page:  # noqa: ANN401
    """A page of its own on a device of its own, whose guidance sees a face."""
    context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB", **more})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()

    def guide(route: Route) -> None:
        route.fulfill(status=200, content_type="application/json", body=json.dumps(FACE))

    page.route("**/v1/guidance/face", guide)
    page.goto(url)
    return page


def test_a_desktop_hands_over_to_a_phone_that_survives_cuts_and_both_see_the_end(
    here: House,
    address: str,
    browser: Browser,
) -> None:
    look = Look("Example Bank", "#0b6e4f", b"", (RETURN,))
    set_look(here.resources.database, here.tenant, look)
    made = here.start(here.key(), consent=None, return_url=RETURN)
    desktop = opened(browser, made["url"])
    desktop.get_by_role("button", name="Go on on another device").click()
    expect(desktop.get_by_alt_text("QR code")).to_be_visible()
    assert "vl_" not in desktop.url  # the secret is out of the address
    link = desktop.locator(".address").text_content()
    phone = opened(browser, link or "", viewport=PHONE, has_touch=True)
    expect(desktop.get_by_role("heading", name="Go on on your other device")).to_be_visible()
    phone.get_by_label("I agree").check()
    phone.get_by_role("button", name="Start", exact=True).click()
    # The network is cut while the card is sent: it is said, and goes on by itself.
    phone.get_by_role("button", name="Use this picture").wait_for()
    phone.context.set_offline(True)
    phone.get_by_role("button", name="Use this picture").click()
    expect(phone.get_by_role("heading", name="The connection is gone")).to_be_visible()
    phone.context.set_offline(False)
    phone.get_by_role("button", name="Use this picture").click()
    phone.get_by_role("button", name="nothing on the back").wait_for()
    expect(desktop.get_by_text("front of the document")).to_be_visible()
    # Reloaded, it goes on where it was, on this device alone.
    phone.reload()
    phone.get_by_role("button", name="nothing on the back").click()
    phone.get_by_role("button", name="Take the picture").click()
    for page in (phone, desktop):
        expect(page.get_by_role("heading", name="Verified")).to_be_visible()
        back = page.get_by_role("link", name="Back to Example Bank")
        assert back.get_attribute("href") == RETURN
    other = opened(browser, link or "")
    expect(other.get_by_role("heading", name="opened already")).to_be_visible()
    for page in (phone, desktop, other):
        page.context.close()


@pytest.mark.parametrize("language", ["ar", "qps-plocm"])
def test_a_page_from_right_to_left_with_long_words_fits_a_phone(
    here: House,
    address: str,
    browser: Browser,
    language: str,
) -> None:
    made = here.start(here.key(), consent=None, policy="spoken")
    page = opened(browser, f"{address}/verify", viewport=PHONE)
    page.evaluate("(one) => sessionStorage.setItem('veridical-language', one)", language)
    page.goto("about:blank")
    page.goto(made["url"])
    page.locator("#agree").check()
    assert page.evaluate("document.documentElement.dir") == "rtl"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # Digits are heard in two languages, whatever the page's own is.
    assert page.locator("#spoken option").count() == 2
    page.locator("button[type=submit]").click()
    page.locator("[data-name=use]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button").filter(has=page.locator("xpath=self::*[@id='stop']")).click()
    page.locator("[data-name=stop-yes]").click()
    page.locator("section.ended.cancelled").wait_for()
    page.context.close()


def test_keys_are_made_and_revoked_on_a_page(here: House, address: str, page: Page) -> None:
    mine = here.key()["Authorization"].removeprefix("Bearer ")
    page.goto(f"{address}/admin#key={mine}")
    page.get_by_label("Person who alone uses it").fill("Ana, 117")
    page.get_by_role("button", name="Make a key").click()
    news = page.locator("#keys .news")
    expect(news).to_contain_text("vk_")
    made = (news.text_content() or "").split()[-1]
    headers = {"Authorization": f"Bearer {made}"}
    assert here.client.get("/v1/policies", headers=headers).status_code == 200
    row = page.locator("#keys tr").filter(has_text="Ana, 117")
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    assert here.client.get("/v1/policies", headers=headers).status_code == 401


def test_the_pages_send_what_their_secret_needs(here: House, tmp_path: Path) -> None:
    answer = here.client.get("/verify")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    body = answer.text
    assert "style=" not in body
    assert "<script>" not in body
