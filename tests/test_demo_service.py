"""The pages and the service understand each other: a bank's own page, and a reviewer's decision."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tests.browser import CHROMIUM, served
from tests.service_house import KEYS, Rules, picture
from tests.test_demo_page import PATIENCE_MS, browser
from veridical.client import Client
from veridical.service.api.auth import SCOPES
from veridical.service.app import create_app
from veridical.store import Database
from veridical.store.tenants import Tenant, add_tenant, issue_api_key
from veridical.transactions import Resources
from veridical.verification.evidence import SigningKey

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install veridical[dev]"
)
from playwright.sync_api import Browser, Page, expect  # noqa: E402

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
)
__all__ = ["browser"]  # the fixture, taken over

EMBEDDING = """<!doctype html><html lang="en"><title>bank</title>
<script type="module" src="{service}/demo/assets/capture/veridical-capture.js"></script>
<script type="module" src="/page.js"></script>
<veridical-capture service="{service}" language="en"></veridical-capture><p id="news"></p></html>"""
SCRIPT = """
const capture = document.querySelector("veridical-capture");
await customElements.whenDefined("veridical-capture");
const started = await (await fetch("/onboarding/start", {method: "POST"})).json();
capture.addEventListener("veridical-result", ({detail}) => {
  document.getElementById("news").textContent = JSON.stringify(detail.transaction);
});
await capture.begin(started);
"""


@dataclass
class Bank:
    """A service, and the page of a bank on another origin."""

    service: str
    page: str
    key: str
    rules: Rules


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    folder = tmp_path_factory.mktemp("bank")
    database = Database(folder / "test.db")
    database.upgrade()
    add_tenant(database, Tenant("bank", 60_000, 64))
    _, key = issue_api_key(database, "bank", tuple(SCOPES), "", None, sandbox=False)
    signing, rules = SigningKey.from_file(folder / "signing.pem"), Rules()
    site = FastAPI()
    with served(site) as page:
        app = create_app(
            rules.build(),
            resources=Resources(database, KEYS, signing),
            policy="selfie",
            snapshots=folder / "galleries",
            capture_origins=[page],
        )
        with served(app) as service:

            @site.get("/")
            def embedding() -> HTMLResponse:
                return HTMLResponse(EMBEDDING.format(service=service))

            @site.get("/page.js")
            def script() -> Response:
                return Response(SCRIPT, media_type="text/javascript")

            @site.post("/onboarding/start")
            def start() -> JSONResponse:
                with Client(service, key) as client:
                    return JSONResponse(dict(client.create(consent_text="1").raw))

            with Client(service) as client:
                while client._http.get("/readyz").status_code != 200:
                    time.sleep(0.02)
            yield Bank(service, page, key, rules)
    database.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_a_page_of_another_origin_embeds_the_capture(bank: Bank, page: Page) -> None:
    page.goto(bank.page)
    page.get_by_role("button", name="Use this picture").click()
    page.get_by_role("button", name="nothing on the back").click()
    # These rules find no face; guidance locks nobody out for that.
    page.get_by_role("button", name="Take the picture").click()
    news = page.locator("#news")
    expect(news).to_contain_text('"outcome":"accept"')
    assert "score" not in news.inner_text()
    with Client(bank.service, bank.key) as client:
        found = client.list_transactions().items[0]
        assert (found.state, found.outcome) == ("completed", "accept")


def test_a_decision_on_the_page_is_signed_into_the_evidence(bank: Bank, page: Page) -> None:
    bank.rules.score, bank.rules.reason = 0.3, "low_score"
    with Client(bank.service, bank.key) as client:
        media = {"document_front": picture(90), "selfie": picture(91)}
        waiting = client.verify(media, policy="selfie", consent_text="1", subject_ref="c-9")
        assert waiting.outcome == "review"
        page.goto(f"{bank.service}/operator#key={bank.key}")
        page.get_by_role("button", name=waiting.id).click()
        expect(page.get_by_text("Reference c-9")).to_be_visible()
        expect(page.locator(".pictures img")).to_have_count(2)
        page.get_by_label("Your name or staff number").fill("staff 117")
        page.get_by_label("Reason", exact=True).fill("Compared with the branch's copy.")
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_text("Decided: rejected, by staff 117.")).to_be_visible()
        assert client.get(waiting.id).final_outcome == "reject"
        assert b"staff 117" in client.evidence(waiting.id)
