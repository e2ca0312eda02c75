"""PaddleOCR's own code and ours read the same out of the same two networks."""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from veridical.errors import ModelError
from veridical.media import read_image
from veridical.models import ModelStore
from veridical.models.engines import PaddleText
from veridical.ocr import DocumentReader, TextDetector, TextRecogniser
from veridical.ocr.geometry import crop_quad, edge_lengths
from veridical.ocr.paddle import PaddleDetector, PaddleRecogniser, load_paddle_text, reader_over
from veridical.ocr.text import LINE_HEIGHT_PX

SIDE_PX = 960
LONG_LINE = 1.5
"""A detector does not know the direction of a line shorter than this: neither reading counts."""
NEAR_LINES = 0.5
"""Middles nearer than this share of a line's height lie on one line."""
TODAY = date(2026, 11, 21)
PROFILES = ("clean", "persp", "jpeg", "lowlight")


@pytest.fixture(scope="module")
def engine(store: ModelStore) -> Iterator[PaddleText]:
    try:
        text = load_paddle_text(store, store.profile("registry"))
    except ModelError as error:
        pytest.skip(str(error))
    yield text
    text.close()


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[Mapping[str, object]]:
    """One front, back and passport of four profiles, with what is printed on them."""
    lines = (shared / "data/documents/renders.jsonl").read_text(encoding="utf-8").splitlines()
    found: dict[tuple[str, str], Mapping[str, object]] = {}
    for row in map(json.loads, lines):
        if row["profile"] in PROFILES:
            path = shared / "data" / "documents" / row["file"]
            found.setdefault((row["kind"], row["profile"]), row | {"path": path})
    return list(found.values())


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def test_both_find_the_same_lines(
    store: ModelStore, engine: PaddleText, pictures: list[Mapping[str, object]]
) -> None:
    ours = TextDetector(store.session("ppocrv6-det-small"))
    theirs = PaddleDetector(engine.find, ours.ref)
    both, seen = 0, 0
    for row in pictures:
        image = read_image(Path(str(row["path"])))
        middles = np.array([box.quad.mean(0) for box in theirs(image, SIDE_PX)])
        for box in ours(image, SIDE_PX):
            apart = np.linalg.norm(middles - box.quad.mean(0), axis=1).min()
            both += bool(apart < NEAR_LINES * edge_lengths(box.quad)[1])
            seen += 1
    assert seen >= 100
    assert both >= 0.95 * seen


def test_both_read_the_same_in_a_line(
    store: ModelStore, engine: PaddleText, pictures: list[Mapping[str, object]]
) -> None:
    find = TextDetector(store.session("ppocrv6-det-small"))
    ours = TextRecogniser(store.session("ppocrv6-rec-small"))
    theirs = PaddleRecogniser(engine.read, ours.ref)
    same, lines, apart = 0, 0, []
    for row in pictures:
        image = read_image(Path(str(row["path"])))
        for box in find(image, SIDE_PX):
            length, height = edge_lengths(box.quad)
            if length < LONG_LINE * height:
                continue
            one, other = ours(image, box.quad), theirs(image, box.quad)
            lines += 1
            if plain(one.text) == plain(other.text):
                same += 1
            if one.text == other.text and one.text:
                # How far a character lies off in the other's eyes, in heights of the line.
                shift = np.abs(np.subtract(one.centres, other.centres)).max()
                apart.append(float(shift) * length / height)
    assert lines >= 100
    assert same >= 0.95 * lines
    assert np.median(apart) < 0.5


def test_both_read_the_same_fields(
    store: ModelStore, engine: PaddleText, pictures: list[Mapping[str, object]]
) -> None:
    profile = store.profile("registry")
    readers = DocumentReader.load(store, profile), reader_over(engine, store, profile)
    same, fields = 0, 0
    for row in pictures:
        image = read_image(Path(str(row["path"])))
        one, other = (reader(image, today=TODAY) for reader in readers)
        values = [{n: plain(f.value) for n, f in d.fields.items()} for d in (one, other)]
        fields += len(values[0])
        same += sum(values[1].get(name) == value for name, value in values[0].items())
    assert fields >= 60
    assert same >= 0.95 * fields


def test_the_engine_outlives_a_question_it_cannot_answer(engine: PaddleText) -> None:
    with pytest.raises(ModelError) as caught:
        engine.find(np.zeros((0, 3), np.uint8), SIDE_PX)
    assert caught.value.code == "engine.failed"
    text, score, centres = engine.read(np.full((LINE_HEIGHT_PX, 96, 3), 255, np.uint8))
    assert (text, score, len(centres)) == ("", 0.0, 0)


def test_every_character_has_its_place(
    store: ModelStore, engine: PaddleText, pictures: list[Mapping[str, object]]
) -> None:
    image = read_image(Path(str(pictures[0]["path"])))
    boxes = TextDetector(store.session("ppocrv6-det-small"))(image, SIDE_PX)
    for box in boxes:
        text, _, centres = engine.read(crop_quad(image, box.quad, LINE_HEIGHT_PX))
        assert len(text) == len(centres)
        assert (np.diff(centres) > 0).all()
