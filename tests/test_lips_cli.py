"""`veridical lips`: the answer, its exit code and its page."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from veridical.cli import app
from veridical.models import ModelStore
from veridical.voiceprint.whisper import Whisper

pytestmark = [pytest.mark.models, pytest.mark.shared]


@pytest.fixture(scope="module")
def clip(shared: Path, store: ModelStore) -> tuple[Path, str]:
    """A clip of a speaker the networks never saw, and its sentence."""
    folder = shared / "data" / "lips"
    if not folder.is_dir():
        pytest.skip("no lips data in shared/")
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["speaker"] == "grid_s22")
    return folder / row["file"], row["text"]


def test_the_answer_names_every_part(
    clip: tuple[Path, str], store: ModelStore, tmp_path: Path
) -> None:
    file, text = clip
    page = tmp_path / "timeline.html"
    asked = ["lips", str(file), "--phrase", text, "--json", "--report", str(page)]
    result = CliRunner().invoke(app, asked)
    answer = json.loads(result.stdout)
    assert answer["check"] == "liveness.lips"
    assert answer["evidence"]["mouth_seen"] == 1.0
    assert answer["evidence"]["text_z"] is not None
    # "Lay blue by sea to again" is what Whisper base writes: two words of six in doubt.
    heard = all(store.has(name) for name in Whisper.models)
    content = pytest.approx(2 / 3, abs=0.01)
    assert answer["evidence"]["content"] == (content if heard else None)
    assert set(answer["models"]) == {"lips-sync", "lips-read"}
    assert result.exit_code == (0 if answer["status"] == "pass" else 1)
    assert page.read_text(encoding="utf-8").count("<svg") == 1


def test_a_schedule_file_must_hold_times(clip: tuple[Path, str], tmp_path: Path) -> None:
    schedule = tmp_path / "s.json"
    schedule.write_text('{"times": 3}', encoding="utf-8")
    asked = ["lips", str(clip[0]), "--digits", "839217", "--schedule", str(schedule)]
    result = CliRunner().invoke(app, asked)
    assert getattr(result.exception, "code", "") == "challenge.malformed"
