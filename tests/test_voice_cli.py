"""`veridical voice ...` from files."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from veridical.cli import app
from veridical.cli.exits import Exit
from veridical.errors import ModelError
from veridical.models import ModelStore
from veridical.models.session import OnnxSession


def run(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["voice", *map(str, words)])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def takes(store: ModelStore, shared: Path) -> dict[str, list[Path]]:
    """Three recordings each of two speakers."""
    folder = shared / "data" / "voice"
    with (folder / "speech.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        speaker: [folder / row["file"] for row in rows if row["speaker"] == speaker][1:4]
        for speaker in ("ls_1688", "ls_1998")
    }


def test_an_enrolled_voice_is_told_from_another(
    takes: dict[str, list[Path]], tmp_path: Path
) -> None:
    template = tmp_path / "voice.json"
    code, said = run("enrol", *takes["ls_1688"][:2], "--out", template)
    assert code == Exit.DONE, said
    assert template.stat().st_mode & 0o077 == 0
    code, said = run("match", template, takes["ls_1688"][2], "--json")
    assert json.loads(said)["status"] == "pass"
    assert code == Exit.DONE
    code, said = run("match", template, takes["ls_1998"][0], "--json")
    assert json.loads(said)["status"] == "fail"
    assert json.loads(said)["reason"] == "not_mated"
    assert code == Exit.NOT_ACCEPTED


def test_a_template_carries_its_language(takes: dict[str, list[Path]], tmp_path: Path) -> None:
    template = tmp_path / "voice.json"
    run("enrol", *takes["ls_1688"][:2], "--language", "en", "--out", template)
    code, said = run("match", template, takes["ls_1688"][2], "--language", "zh", "--json")
    assert code == Exit.NOT_ACCEPTED
    assert json.loads(said)["status"] == "not_assessed"
    assert json.loads(said)["reason"] == "other_language"
    code, said = run("match", template, takes["ls_1688"][2], "--language", "en", "--json")
    assert code == Exit.DONE, said


def test_without_the_optional_models_a_statement_is_not_assessed(
    takes: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelStore, "session", _without("whisper-base-encoder"))
    code, said = run("statement", takes["ls_1688"][0], "--text", "anything", "--json")
    assert code == Exit.NOT_ACCEPTED
    assert '"reason": "model_missing"' in said


def _without(name: str) -> Callable[[ModelStore, str], OnnxSession]:
    had = ModelStore.session

    def session(self: ModelStore, wanted: str) -> OnnxSession:
        if wanted == name:
            raise ModelError(f"model {name} is not here", "model.missing")
        return had(self, wanted)

    return session


def test_speech_that_is_no_digits_does_not_pass(takes: dict[str, list[Path]]) -> None:
    code, said = run("digits", takes["ls_1688"][0], "--digits", "839217", "--json")
    assert json.loads(said)["status"] == "fail"
    assert code == Exit.NOT_ACCEPTED
