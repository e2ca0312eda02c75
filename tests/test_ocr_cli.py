import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from veridical.cli import app
from veridical.errors import InputError
from veridical.models import ModelStore

pytestmark = [pytest.mark.models]
runner = CliRunner()


def test_a_card_is_printed_as_json_and_drawn(
    store: ModelStore, shared: Path, tmp_path: Path
) -> None:
    assert store.has("ocrb-line")
    folder = shared / "data" / "documents"
    lines = (folder / "renders.jsonl").read_text(encoding="utf-8").splitlines()
    row = next(r for r in map(json.loads, lines) if r["kind"] == "prc_id_front")
    drawn = tmp_path / "drawn.jpg"
    words = ["document", "read", str(folder / row["file"]), "--json", "--annotated", str(drawn)]
    result = runner.invoke(app, words)
    (document,) = json.loads(result.stdout)
    assert document["kind"] == "prc_id_front"
    assert document["fields"]["number"]["value"] == row["fields"]["number"]
    assert document["fields"]["number"]["source"] == "read"
    # Its region was never issued: done, but not without a finding.
    assert document["warnings"] == ["region_never_issued"]
    assert result.exit_code == 1
    original, picture = cv2.imread(str(folder / row["file"])), cv2.imread(str(drawn))
    assert original is not None
    assert picture is not None
    assert picture.shape == original.shape
    assert np.abs(picture.astype(int) - original).max() > 100


def test_a_picture_without_a_document_says_so(store: ModelStore, tmp_path: Path) -> None:
    assert store.has("ocrb-line")
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((60, 80, 3), 128, np.uint8))
    result = runner.invoke(app, ["document", "read", str(path)])
    assert result.exit_code == 1
    assert "no document found" in result.stdout


def test_an_unknown_kind_is_an_error_of_use(tmp_path: Path) -> None:
    result = runner.invoke(app, ["document", "read", str(tmp_path / "a.jpg"), "--kind", "td9"])
    assert isinstance(result.exception, InputError)
    assert result.exception.code == "usage.document_kind"


def test_a_text_file_is_no_picture(store: ModelStore, tmp_path: Path) -> None:
    assert store.has("ocrb-line")
    path = tmp_path / "words.jpg"
    path.write_text("no picture", encoding="utf-8")
    result = runner.invoke(app, ["document", "read", str(path)])
    assert isinstance(result.exception, InputError)
