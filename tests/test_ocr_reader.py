"""Reading real pictures with the real models: skipped where these are not here."""

import json
import unicodedata
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest

from veridical.media import read_image
from veridical.models import ModelStore
from veridical.ocr import (
    Document,
    DocumentAuthenticCheck,
    DocumentReadCheck,
    DocumentReader,
    DocumentSpecimenCheck,
)
from veridical.types import Image

pytestmark = [pytest.mark.models, pytest.mark.shared]
TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def reader(store: ModelStore) -> DocumentReader:
    return DocumentReader.load(store, store.profile("registry"))


@pytest.fixture(scope="module")
def documents(shared: Path) -> Path:
    return shared / "data" / "documents"


def rows(documents: Path, index: str, **wanted: str) -> list[Mapping[str, object]]:
    lines = (documents / index).read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def wrong_fields(document: Document, row: Mapping[str, object]) -> list[str]:
    def plain(text: str) -> str:
        return "".join(unicodedata.normalize("NFKC", text).split())

    fields = row["fields"]
    assert isinstance(fields, dict)
    found: dict[str, object] = {name: field.value for name, field in document.fields.items()}
    found["lines"] = list(document.mrz.lines) if document.mrz else []
    return [
        name
        for name, value in fields.items()
        if (
            found["lines"] != value
            if name == "lines"
            else plain(str(found.get(name, ""))) != plain(value)
        )
    ]


@pytest.mark.parametrize("kind", ["prc_id_front", "prc_id_back", "td3"])
@pytest.mark.parametrize("profile", ["clean", "persp", "lowlight"])
def test_renders_of_another_renderer_are_read_exactly(
    reader: DocumentReader, documents: Path, kind: str, profile: str
) -> None:
    row = rows(documents, "renders.jsonl", kind=kind, profile=profile)[0]
    document = reader(read_image(documents / str(row["file"])), today=TODAY)
    assert document.kind == kind
    assert wrong_fields(document, row) == []


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_card_is_read_whichever_way_it_lies(
    reader: DocumentReader, documents: Path, turn: int
) -> None:
    row = rows(documents, "renders.jsonl", kind="prc_id_front", profile="clean")[2]
    image = read_image(documents / str(row["file"]))
    turned = Image(np.ascontiguousarray(np.rot90(image.pixels, -turn)))
    document = reader(turned, today=TODAY)
    assert wrong_fields(document, row) == []
    assert abs((document.rotation_deg - 90 * turn + 180) % 360 - 180) < 15
    assert document.card is not None
    assert document.card.width > document.card.height
    assert document.portrait is not None
    assert document.portrait.height > document.portrait.width


def test_a_specimen_reads_and_says_that_it_is_one(reader: DocumentReader, documents: Path) -> None:
    row = rows(documents, "renders.jsonl", kind="prc_id_front", profile="clean")[1]
    image = read_image(documents / str(row["file"]))
    document = reader(image, today=TODAY)
    assert (DocumentReadCheck()(document, None, TODAY).score or 0) >= 0.7
    assert DocumentSpecimenCheck()(document).score == 0.0
    assert (DocumentAuthenticCheck()(image, document).score or 0) > 0.5


def test_a_grey_copy_is_no_original(reader: DocumentReader, documents: Path) -> None:
    row = rows(documents, "renders.jsonl", kind="prc_id_front", profile="clean")[1]
    image = read_image(documents / str(row["file"]))
    grey = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY)
    copy = Image(np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8))
    measured = DocumentAuthenticCheck()(copy, reader(copy, today=TODAY))
    assert measured.reason == "photocopy"
    assert (measured.score or 0) < 0.3


def test_both_sides_on_one_sheet(reader: DocumentReader, documents: Path) -> None:
    sides = []
    for kind in ("prc_id_front", "prc_id_back"):
        row = rows(documents, "renders.jsonl", kind=kind, profile="clean")[0]
        sides.append(read_image(documents / str(row["file"])).pixels)
    sheet = Image(np.vstack(sides))
    found = reader.read_all(sheet, today=TODAY)
    assert {document.kind for document in found} == {"prc_id_front", "prc_id_back"}


@pytest.mark.parametrize(
    "file", ["td2.jpg", "mrva.jpg", "100_id-rou.jpg", "100_pass-cze2.jpg", "62_pass-aus.png"]
)
def test_public_specimens(reader: DocumentReader, documents: Path, file: str) -> None:
    (row,) = rows(documents, "specimens.jsonl", file=f"specimens/{file}")
    document = reader(read_image(documents / str(row["file"])), today=TODAY)
    assert document.kind == row["kind"]
    assert wrong_fields(document, row) == []


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (64, 64), (480, 640)])
def test_a_picture_without_a_document(reader: DocumentReader, shape: tuple[int, int]) -> None:
    for value in (0, 255):
        assert reader(Image(np.full((*shape, 3), value, np.uint8)), today=TODAY).kind == "none"


def test_mutated_pictures_never_raise(reader: DocumentReader, documents: Path) -> None:
    rng = np.random.default_rng(11)
    sources = [
        cv2.resize(read_image(documents / str(row["file"])).pixels, (320, 240))
        for row in rows(documents, "renders.jsonl")[::8]
    ]
    for number in range(200):
        pixels = sources[number % len(sources)].astype(np.uint8)
        document = reader(Image(mutated(pixels, rng)), today=TODAY)
        DocumentReadCheck()(document, None, TODAY)


def mutated(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture with something done to it that no camera does."""
    kind = int(rng.integers(6))
    if kind == 0:
        left, top = rng.integers(0, 300), rng.integers(0, 220)
        pixels = pixels[top : top + rng.integers(1, 200), left : left + rng.integers(1, 300)]
    elif kind == 1:
        rows = rng.permutation(len(pixels) // 8)
        pixels = pixels.reshape(-1, 8, *pixels.shape[1:])[rows].reshape(pixels.shape)
    elif kind == 2:
        pixels = rng.integers(0, 256, pixels.shape).astype(np.uint8)
    elif kind == 3:
        pixels = np.tile(pixels[:120, :160], (2, 2, 1))
    elif kind == 4:
        pixels = pixels ^ np.uint8(rng.integers(1, 256))
    else:
        size = (int(rng.integers(1, 600)), int(rng.integers(1, 300)))
        pixels = cv2.resize(pixels, size)
    return np.ascontiguousarray(pixels, np.uint8)
