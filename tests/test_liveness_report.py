"""The reviewer's page: self-contained, complete, and free of anything from outside."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from veridical.cli.liveness import app
from veridical.liveness import Examination, FrameJudgement
from veridical.liveness.cues import Limits
from veridical.liveness.report import silent_report
from veridical.models import ModelStore
from veridical.result import Measurement, ModelRef, OperatingPoint
from veridical.types import Box, Face, Image, Mesh, View


def view(time_ms: float) -> View:
    rng = np.random.default_rng(int(time_ms))
    pixels = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
    face = Face(Box(100, 60, 200, 190), 0.9, np.full((5, 2), 120, np.float32))
    points = rng.normal(120, 30, (468, 3)).astype(np.float32)
    return View(Image(pixels), (face,), face, "", Mesh(points, 1.0), time_ms)


def examination(reason: str = "") -> Examination:
    frames = tuple(
        FrameJudgement(view(t), None, "", {"net-a": 0.9, "net-b": 0.7}, 0.8)
        for t in np.linspace(0, 2000, 8)
    )
    cues = {"screen_pattern": 2.5, "flat_motion": None}
    return Examination(frames, 0.8, cues, {"screen_pattern": 0.4}, 0.4, reason)


LIMITS = {"screen_pattern": Limits(2.0, 2.8), "flat_motion": Limits(-0.8, -0.3)}
MEASURED = Measurement(
    "liveness.silent", 0.4, "<b>x</b>", {"views": 8}, (ModelRef("net-a", "ab" * 32),)
)


def test_the_page_needs_nothing_from_outside() -> None:
    page = silent_report(examination(), MEASURED, LIMITS, OperatingPoint(0.6, 0.3))
    for value in re.findall(r'(?:src|href)\s*=\s*"([^"]*)"', page):
        assert value.startswith(("data:", "#")), value
    assert "<script" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!['\"]?(#|data:))", page)


def test_the_page_shows_frames_scores_spectrum_motion_and_cues() -> None:
    page = silent_report(examination(), MEASURED, LIMITS, OperatingPoint(0.6, 0.3))
    assert page.count("data:image/jpeg") == 8
    assert page.count("<svg") == 3
    assert 'class="speaks"' in page
    assert "not looked for" in page
    assert "net-a" in page
    assert "0.400" in page
    assert "review" in page


def test_text_is_escaped() -> None:
    page = silent_report(examination(), MEASURED, LIMITS)
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_what_was_not_assessed_still_has_a_page() -> None:
    blank = Image(np.zeros((40, 60, 3), np.uint8))
    frame = FrameJudgement(View(blank, (), None, "no_face"), None, "no_face", {}, None)
    page = silent_report(
        Examination((frame,), None, {}, {}, None, "no_face"),
        Measurement("liveness.silent", None, "no_face"),
        {},
    )
    assert "not assessed" in page
    assert "<svg" not in page


@pytest.mark.models
def test_the_command_line_says_why_a_landscape_is_not_assessed(
    store: ModelStore, tmp_path: Path
) -> None:
    import cv2

    y, x = np.mgrid[0:240, 0:320]
    pixels = np.stack([x % 256, y % 256, (x + y) % 256], axis=2).astype(np.uint8)
    source, report = tmp_path / "landscape.png", tmp_path / "report.html"
    cv2.imwrite(str(source), pixels)
    ended = CliRunner().invoke(app, ["silent", str(source), "--json", "--report", str(report)])
    assert ended.exit_code == 1
    assert '"reason": "no_face"' in ended.output
    assert '"score": null' in ended.output
    assert "no_face" in report.read_text(encoding="utf-8")
