"""A script is read before a browser's camera, segment by segment, and its timeline is shown."""

from pathlib import Path

import pytest

from tests.browser import CHROMIUM, served
from tests.service_house import KEYS, Rules
from veridical.analysis.engines import Engines
from veridical.consent_recording import RecordingVerifier
from veridical.consent_recording.settings import recording_settings
from veridical.service.app import create_app
from veridical.store import Database
from veridical.store.tenants import Tenant, add_tenant
from veridical.transactions import Resources
from veridical.verification import load_policy
from veridical.verification.evidence import SigningKey

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Page, expect  # noqa: E402

from tests.test_demo_page import browser, context, page  # noqa: E402

__all__ = ["browser", "context", "page"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def test_a_script_is_recorded_and_its_timeline_shown(page: Page, tmp_path: Path) -> None:
    database = Database(tmp_path / "desk.db")
    database.upgrade()
    add_tenant(database, Tenant("default", 60_000, 64))
    signing = SigningKey.from_file(tmp_path / "signing.pem")
    judge = RecordingVerifier(Engines.of(), {}, load_policy("recording"), recording_settings())
    app = create_app(
        Rules().build(),
        resources=Resources(database, KEYS, signing),
        policy="selfie",
        open_to_everyone=True,
        recordings=lambda: judge,
    )
    with served(app) as address:
        page.goto(f"{address}/demo")
        page.get_by_label("What is checked").select_option("recording")
        page.locator("#script").select_option("consent-en")
        page.get_by_label("I agree that my face").check()
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_text("nobody is telling me")).to_be_visible()
        page.wait_for_timeout(700)
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("Read these digits aloud")).to_be_visible()
        page.wait_for_timeout(700)
        page.get_by_role("button", name="Next").click()
        page.wait_for_timeout(700)
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("yes I agree / no I do not agree")).to_be_visible()
        page.wait_for_timeout(700)
        page.get_by_role("button", name="Finish").click()
        # Without models nothing can be judged, and a person is to look at it.
        expect(page.get_by_role("heading", name="A person will look at it")).to_be_visible()
        expect(page.get_by_role("img", name="Timeline")).to_be_visible()
        assert page.locator("svg.chart rect.segment").count() == 4
        starts = page.locator(".said p.small").all_inner_texts()
        assert [line.split(" · ")[0] for line in starts] == ["identity", "code", "risk", "agree"]
        page.screenshot(path=tmp_path / "result.png", full_page=True)
    database.close()
