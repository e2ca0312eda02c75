"""Operators see drift as a picture: alerts in words, distributions, reasons, in both languages."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from tests.browser import CHROMIUM, served
from veridical.service.pages.routes import mount

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install veridical[dev]"
)
from playwright.sync_api import Browser, Page, expect  # noqa: E402

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
)

NAME = {"kind": "reason", "name": "face.match", "models": "standard"}
BASE = {
    "n": 5_000,
    "since": "2026-11-01T00:00:00.000Z",
    "until": "2026-11-15T00:00:00.000Z",
    "frozen_at": "2026-11-15T00:00:00.000Z",
}
RISE = {
    "alert": "rise", "reason": "no_face", "value": 12.0, "raise_at": 10.0, "clear_at": 2.0,
    "n": 240, "baseline_n": 5_000, "rate": 0.09, "was": 0.01,
}  # fmt: skip
VIEW = {
    "alerts": [
        {
            **NAME,
            **RISE,
            "id": "drift_1",
            "state": "raised",
            "raised_at": "2026-11-22T01:00:00.000Z",
        }
    ],
    "series": [
        {
            "kind": "score", "name": "face.match", "models": "sface@1", "n": 300, "baseline": BASE,
            "findings": [], "low": 0.0, "high": 1.0, "now": [0, 10, 20, 0], "was": [0, 20, 10, 0],
        },
        {
            **NAME, "n": 480, "baseline": BASE, "findings": [RISE],
            "hours": [
                {"at": "2026-11-22T00:00:00.000Z", "counts": {"pass": 238, "no_face": 2}},
                {"at": "2026-11-22T01:00:00.000Z", "counts": {"pass": 218, "no_face": 22}},
            ],
        },
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=90_000)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(locale="en-GB")
    opened.set_default_timeout(90_000)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    opened.close()
    assert faults == []


def service(answer: dict[str, Any] | None) -> FastAPI:
    app = FastAPI()
    mount(app)

    @app.get("/v1/reviews")
    def reviews() -> dict[str, Any]:
        return {"items": [], "next": None}

    @app.get("/v1/drift")
    def drift() -> JSONResponse:
        return JSONResponse(answer) if answer else JSONResponse({"code": "auth.scope"}, 403)

    return app


def test_alerts_are_said_in_words_and_shown_as_a_picture(page: Page) -> None:
    with served(service(VIEW)) as address:
        page.goto(f"{address}/operator")
        expect(page.get_by_text("1 raised")).to_be_visible()
        said = (
            "“No face was found.” at “Face belongs to the document” has risen from 1.0 % to 9.0 %"
        )
        expect(page.get_by_text(said)).to_be_visible()
        # What rose is drawn first: a line through both hours, and dashed where it used to be.
        expect(page.locator("#drift path.reason")).to_have_count(1)
        expect(page.locator("#drift line.usual")).to_have_count(1)
        page.get_by_label("Distribution or reasons of").select_option(index=1)
        expect(page.locator("#drift path.now")).to_have_count(1)
        expect(page.locator("#drift path.was")).to_have_count(1)
        expect(page.get_by_text("now: 30 observations")).to_be_visible()
        page.get_by_role("button", name="中文").click()
        expect(page.get_by_text("1 项告警")).to_be_visible()


def test_without_alerts_it_stands_back_and_without_counts_it_is_not_there(page: Page) -> None:
    quiet = {**VIEW, "alerts": []}
    with served(service(quiet)) as address:
        page.goto(f"{address}/operator")
        expect(page.get_by_text("nothing unusual")).to_be_visible()
        expect(page.locator("#drift svg")).to_be_hidden()
    for nothing in ({"alerts": [], "series": []}, None):
        with served(service(nothing)) as address:
            page.goto(f"{address}/operator")
            expect(page.get_by_text("Waiting for a decision")).to_be_visible()
            expect(page.locator("#drift")).to_be_hidden()
