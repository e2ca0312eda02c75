"""Does the page for applicants come to its end, wherever it is cut off?

    python research/benchmarks/cut_pages.py [--runs 20] [--seed 20261201]

Chromium with a fake camera walks `/verify` against the real service with checks by rule. At a random
moment of each run the network is cut for 1.5 s, or the page is reloaded. Last, taps are counted
without a cut.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.browser import CHROMIUM, chromium_flags, served, write_sound, write_video
from tests.service_house import KEYS, Rules, bearer
from tests.test_demo_page import FACE, card_scene
from veridical.service.api.auth import SCOPES
from veridical.service.app import create_app
from veridical.store import Database
from veridical.store.tenants import Tenant, add_tenant, issue_api_key
from veridical.transactions import Resources
from veridical.verification.evidence import SigningKey

LONGEST_S = {"selfie": 3.2, "spoken": 13.0}
"""How long a run takes at least, by policy: a later cut would come after the end."""
PRESSED = ("use", "skip", "light_on", "start", "retry")
CUT_S, PATIENCE_S = 1.5, 110.0


def walked(page: Page, cut_s: float, kind: str) -> tuple[str, bool, int]:
    """Press what is offered to the end; what stands there, whether it was cut before, and the taps."""
    began, cut, back_at, taps = time.monotonic(), False, 0.0, 0
    while time.monotonic() - began < PATIENCE_S:
        now = time.monotonic() - began
        if not cut and now >= cut_s:
            cut = True
            if kind == "reload":
                page.reload(wait_until="domcontentloaded")
            else:
                page.context.set_offline(True)
                back_at = now + CUT_S
        if back_at and now >= back_at:
            page.context.set_offline(False)
            back_at = 0.0
        try:
            if page.locator("section.ended").count():
                return page.locator("section.ended h2").text_content() or "", cut, taps
            if page.locator("#agree").is_visible():
                page.check("#agree", timeout=2000)
                page.locator("button[type=submit]").click(timeout=2000)
                taps += 2
            for name in PRESSED:
                button = page.locator(f"[data-name={name}]:not([disabled])").first
                if button.is_visible():
                    button.click(timeout=2000)
                    taps += 1
                    break
        except Error:
            pass  # what was to be pressed is gone: the page was cut
        time.sleep(0.15)
    return "no end", cut, taps


def opened(browser: Browser, url: str) -> Page:
    """The page on a phone of its own, whose guidance sees a face."""
    page = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB").new_page()
    page.route("**/v1/guidance/face", lambda route: route.fulfill(
        status=200, content_type="application/json", body=json.dumps(FACE)))  # fmt: skip
    page.goto(url)
    page.wait_for_selector("#agree")
    return page


def main() -> None:
    """Walk, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20261201)
    wanted = parser.parse_args()
    chance = random.Random(wanted.seed)  # noqa: S311
    folder = Path(tempfile.mkdtemp())
    database = Database(folder / "service.db")
    database.upgrade()
    add_tenant(database, Tenant("bank", 60_000, 64))
    resources = Resources(database, KEYS, SigningKey.from_file(folder / "signing.pem"))
    app = create_app(
        Rules().build("spoken"), resources=resources, policy="spoken", snapshots=folder
    )
    # A sandbox: the fake camera shows every transaction the same picture.
    _, key = issue_api_key(database, "bank", tuple(SCOPES), sandbox=True)
    scene = card_scene()
    camera = write_video(
        folder / "c.y4m", [np.roll(scene, (i % 2, i % 3), (0, 1)) for i in range(20)]
    )
    tone = np.sin(np.arange(96_000) * 2 * np.pi * 330 / 48_000).astype(np.float32) * 0.3
    flags = chromium_flags(camera, write_sound(folder / "m.wav", tone))
    ends, cuts = [], 0
    with served(app) as base, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)

        def start(policy: str) -> str:
            body: dict[str, Any] = {"policy": policy}
            answer = httpx2.post(f"{base}/v1/transactions", json=body, headers=bearer(key))
            return str(answer.json()["url"])

        for run in range(wanted.runs):
            kind, policy = ("offline", "reload")[run % 2], ("selfie", "spoken")[run % 4 // 2]
            page = opened(browser, start(policy))
            at_s = chance.uniform(0.2, LONGEST_S[policy])
            end, cut, taps = walked(page, at_s, kind)
            page.context.close()
            ends.append(end)
            cuts += cut
            print(f"{policy} {kind} at {at_s:.1f} s: {end}, {taps} taps", flush=True)
        print(f"verified {ends.count('Verified')} of {wanted.runs}, cut before the end in {cuts}")
        print(
            "taps without a cut, card and clip:",
            walked(opened(browser, start("spoken")), 1e9, "")[2],
        )
        browser.close()


if __name__ == "__main__":
    main()
