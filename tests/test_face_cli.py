"""`veridical face`: exit codes and what is printed."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from veridical.cli import main
from veridical.models import ModelStore


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str | Path
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["veridical", "face", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main()
    output = capsys.readouterr()
    return int(caught.value.code or 0), output.out, output.err


@pytest.mark.models
@pytest.mark.shared
def test_one_person_passes_and_another_does_not(
    store: ModelStore,
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, other = (
        sorted((shared / "data/faces/colour").glob(f"{letter}*.jpg")) for letter in ("A", "G")
    )
    code, out, _ = run(monkeypatch, capsys, "match", first[0], first[1], "--json")
    answer = json.loads(out)
    assert (code, answer["check"], answer["status"], answer["reason"]) == (
        0,
        "face.match",
        "pass",
        "",
    )
    assert answer["score"] >= answer["accept_at"]
    code, out, _ = run(monkeypatch, capsys, "match", first[0], other[0], "--json")
    assert (code, json.loads(out)["reason"]) == (1, "not_mated")


@pytest.mark.models
def test_a_picture_without_a_face_is_not_assessed(
    store: ModelStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "grey.png"
    PIL.Image.fromarray(np.full((300, 300, 3), 128, np.uint8)).save(path)
    code, out, _ = run(monkeypatch, capsys, "quality", path)
    assert code == 1
    assert out.startswith("NOT_ASSESSED  no_face")


@pytest.mark.models
def test_a_file_that_is_no_picture_is_unusable_input(
    store: ModelStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("no picture", encoding="utf-8")
    code, out, err = run(monkeypatch, capsys, "quality", path)
    assert (code, out) == (4, "")
    assert "Traceback" not in err
    assert "[media." in err
