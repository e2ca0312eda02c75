"""Recordings assembled from clips of people who speak, judged by the real models."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from veridical.analysis.engines import Engines
from veridical.cli import app
from veridical.consent_recording import (
    Recording,
    RecordingResult,
    RecordingVerifier,
    SegmentTimes,
    Span,
    load_recording_verifier,
    parse_script,
    result_to_json,
)
from veridical.consent_recording.report import recording_report
from veridical.media import read_clip
from veridical.models import ModelStore
from veridical.rehearsal.recording import write_clip
from veridical.result import Status
from veridical.types import Audio, Clip, Image
from veridical.verification.settings import Settings

pytestmark = [pytest.mark.models, pytest.mark.shared]

SIDE_PX, FPS, RATE_HZ = 200, 25, 16_000


@dataclass(frozen=True)
class Sentence:
    clip: Clip
    text: str

    @property
    def samples(self) -> np.ndarray:
        assert self.clip.audio is not None
        return np.resize(self.clip.audio.samples, len(self.clip.frames) * RATE_HZ // FPS)


@pytest.fixture(scope="module")
def verifier(store: ModelStore) -> RecordingVerifier:
    made = load_recording_verifier(
        Settings(allow_missing=True), engines=Engines.open(Settings(), store)
    )
    if made.missing:
        pytest.skip(f"models are missing: {sorted(made.missing)}")
    return made


@pytest.fixture(scope="module")
def sentences(shared: Path) -> list[Sentence]:
    """Three of one person, then one of another."""
    with (shared / "data/lips/index.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["text_source"].startswith("file")]
    own = [r for r in rows if r["speaker"] == "grid_s1" and r["text"].startswith("place")][:3]
    other = [r for r in rows if r["speaker"].startswith("grid_s2")][:1]
    folder = shared / "data/lips"
    return [Sentence(read_clip(folder / row["file"]), row["text"]) for row in (*own, *other)]


def recorded(path: Path, parts: Sequence[Sentence], sounds: Sequence[Sentence] = ()) -> Path:
    """Join sentences; the sound may be that of others."""
    frames = [
        Image(np.asarray(cv2.resize(frame.pixels, (SIDE_PX, SIDE_PX)), np.uint8))
        for part in parts
        for frame in part.clip.frames
    ]
    times = np.arange(len(frames), dtype=np.float64) * (1000.0 / FPS)
    sound = np.concatenate([part.samples for part in sounds or parts])
    write_clip(path, Clip(tuple(frames), times, Audio(sound, RATE_HZ)), "synthetic")
    return path


def judged(
    verifier: RecordingVerifier, video: Path, statement: str, answer: str, split_s: float
) -> RecordingResult:
    script = parse_script(
        f"""
id = "test"
version = 1
language = "en"
[[segments]]
id = "read"
kind = "statement"
text = "{statement}"
[[segments]]
id = "agree"
kind = "question"
text = "Do you agree?"
accept = ["{answer}"]
refuse = ["no I refuse"]
""".encode(),
        "test",
    )
    times = SegmentTimes({"read": Span(0.0, split_s), "agree": Span(split_s, split_s + 3.0)})
    return verifier.verify(Recording("test", video, script, times))


def status(result: RecordingResult, check: str) -> Status:
    return next(r.status for r in result.verdict.results if r.check == f"recording.{check}")


@pytest.fixture(scope="module")
def genuine(
    verifier: RecordingVerifier,
    sentences: list[Sentence],
    tmp_path_factory: pytest.TempPathFactory,
) -> RecordingResult:
    path = recorded(tmp_path_factory.mktemp("real") / "genuine.mp4", sentences[:3])
    text = f"{sentences[0].text} {sentences[1].text}"
    return judged(verifier, path, text, sentences[2].text, 6.0)


def test_one_person_who_reads_is_seen_and_heard(genuine: RecordingResult) -> None:
    for check in ("presence", "alone", "same_person", "liveness", "speaker", "lips"):
        assert status(genuine, check) is Status.PASS, check
    assert status(genuine, "digits") is Status.NOT_ASSESSED
    assert status(genuine, "answers") is not Status.FAIL
    statements = next(r for r in genuine.verdict.results if r.check == "recording.statements")
    assert statements.score is not None
    assert statements.score > 0.7


def test_the_page_shows_what_was_said_and_loads_nothing(genuine: RecordingResult) -> None:
    page = recording_report(result_to_json(genuine), "video.mp4", "zh")
    assert "录制复核" in page
    assert 'src="video.mp4"' in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "place" in page


def test_another_person_s_answer_is_found_where_it_is(
    verifier: RecordingVerifier, sentences: list[Sentence], tmp_path: Path
) -> None:
    own, other = sentences[:2], sentences[3]
    path = recorded(tmp_path / "switched.mp4", [*own, other])
    result = judged(verifier, path, f"{own[0].text} {own[1].text}", other.text, 6.0)
    assert status(result, "same_person") is Status.FAIL
    switched = [e for e in result.timeline if e.moment.kind == "person_switched"]
    assert switched[0].moment.start_s == pytest.approx(6.0, abs=1.0)
    assert status(result, "speaker") is not Status.PASS


def test_the_command_line_says_no_and_writes_the_page(
    sentences: list[Sentence], verifier: RecordingVerifier, tmp_path: Path
) -> None:
    path = recorded(tmp_path / "short.mp4", sentences[:1])
    script = tmp_path / "script.toml"
    script.write_text(
        'id = "s"\nversion = 1\nlanguage = "en"\n[[segments]]\nid = "one"\nkind = "statement"\n'
        'text = "I agree to nothing of the kind whatsoever"\n',
        encoding="utf-8",
    )
    report = tmp_path / "out.html"
    ended = CliRunner().invoke(
        app,
        ["recording", "verify", str(path), "--script", str(script), "--report", str(report)],
    )
    assert ended.exit_code == 1
    assert "statement_missing" in ended.output
    assert 'src="short.mp4"' in report.read_text(encoding="utf-8")
