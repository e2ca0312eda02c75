"""Cards of other layouts than the common one, glare, and several documents in one picture."""

from datetime import date

import cv2
import numpy as np
import pytest

from veridical.errors import InputError
from veridical.models import ModelStore
from veridical.ocr import Document, DocumentAuthenticCheck, DocumentReadCheck, DocumentReader
from veridical.rehearsal.specimens import (
    Fonts,
    Truth,
    render_mrz,
    render_prc_back,
    render_prc_front,
    system_fonts,
    untrained_fonts,
)
from veridical.rehearsal.specimens.fonts import second_script
from veridical.types import Image

pytestmark = pytest.mark.models
TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def reader(store: ModelStore) -> DocumentReader:
    return DocumentReader.load(store, store.profile("registry"))


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    try:
        return system_fonts()[0]
    except InputError:
        pytest.skip("no Chinese font: install fonts-noto-cjk")


def wrong(document: Document, truth: Truth) -> dict[str, object]:
    return {
        name: document.value(name)
        for name, value in truth.fields.items()
        if document.value(name) != value
    }


@pytest.mark.parametrize("script", ["latin", "hangul", "arabic", "tibetan"])
def test_a_second_script_is_recognised_and_left_out_of_the_fields(
    reader: DocumentReader, fonts: Fonts, script: str
) -> None:
    try:
        second_script(script)
    except InputError as missing:
        pytest.skip(str(missing))
    image, truth = render_prc_front(None, None, 50, fonts=fonts, layout=script)
    document = reader(image, today=TODAY)
    assert document.evidence["layout"] == "second_script"
    assert wrong(document, truth) == {}


def test_the_authority_is_found_over_a_row_in_a_second_script(
    reader: DocumentReader, fonts: Fonts
) -> None:
    image, truth = render_prc_back(None, 50, fonts=fonts, layout="latin")
    document = reader(image, today=TODAY)
    assert document.evidence["layout"] == "second_script"
    assert wrong(document, truth) == {}


def test_a_common_card_is_none_with_a_second_script(reader: DocumentReader, fonts: Fonts) -> None:
    image, truth = render_prc_front(None, None, 50, fonts=fonts)
    document = reader(image, today=TODAY)
    assert document.evidence["layout"] == "resident"
    assert wrong(document, truth) == {}


def test_a_temporary_card_is_recognised_by_its_term_beside_the_portrait(
    reader: DocumentReader, fonts: Fonts
) -> None:
    image, truth = render_prc_front(None, None, 50, fonts=fonts, layout="temporary")
    document = reader(image, today=TODAY)
    assert "temporary_card" in document.warnings
    assert document.evidence["layout"] == "temporary"
    assert wrong(document, truth) == {}


def test_the_title_of_a_temporary_card_is_recognised(reader: DocumentReader, fonts: Fonts) -> None:
    image, _ = render_prc_back(None, 50, fonts=fonts, layout="temporary")
    document = reader(image, today=TODAY)
    assert document.kind == "prc_id_back"
    assert "temporary_card" in document.warnings


def test_glare_over_the_number_is_named_and_the_rest_is_read(
    reader: DocumentReader, fonts: Fonts
) -> None:
    image, truth = render_prc_front(None, None, 900, fonts=fonts)
    left, top, right, bottom = truth.boxes["number"]
    card = np.array([[0, 0], [1, 0], [1, 54 / 85.6], [0, 54 / 85.6]], np.float32)
    matrix = cv2.getPerspectiveTransform(card, truth.quad)
    middle = np.array([[[(left + right) / 2, (top + bottom) / 2]]], np.float32)
    (x0, y0) = cv2.perspectiveTransform(middle, matrix)[0, 0]
    x, y = np.meshgrid(np.arange(image.width), np.arange(image.height))
    spot = 400 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 90**2))
    bright = Image(np.clip(image.pixels + spot[:, :, None], 0, 255).astype(np.uint8))
    document = reader(bright, today=TODAY)
    assert wrong(document, truth) == {"number": None}
    measured = DocumentReadCheck()(document, None, TODAY)
    assert (measured.score, measured.reason) == (0.5, "glare_on_field")
    assert measured.evidence["hidden_by_glare"] == "number"


def test_both_sides_on_one_picture_are_front_and_back(reader: DocumentReader, fonts: Fonts) -> None:
    front, told_front = render_prc_front(None, None, 7, fonts=fonts)
    back, told_back = render_prc_back(None, 8, fonts=fonts)
    sheet = Image(np.ascontiguousarray(np.vstack([front.pixels, back.pixels])))
    one, other = reader.both_sides(sheet, today=TODAY)
    assert other is not None
    assert wrong(one, told_front) == wrong(other, told_back) == {}
    assert DocumentAuthenticCheck()(sheet, one).reason != "several_documents"


def test_one_side_alone_has_no_other(reader: DocumentReader, fonts: Fonts) -> None:
    image, _ = render_prc_front(None, None, 7, fonts=fonts)
    front, back = reader.both_sides(image, today=TODAY)
    assert (front.kind, back) == ("prc_id_front", None)


def test_one_document_and_all_documents_agree(reader: DocumentReader, fonts: Fonts) -> None:
    front, _ = render_prc_front(None, None, 7, "perspective", fonts=fonts)
    back, _ = render_prc_back(None, 8, "small", fonts=fonts)
    sheet = Image(np.ascontiguousarray(np.vstack([front.pixels, back.pixels])))
    for image in (front, back, sheet):
        one, (first, *_) = reader(image, today=TODAY), reader.read_all(image, today=TODAY)
        assert (one.kind, one.fields, one.warnings) == (first.kind, first.fields, first.warnings)


def test_two_holders_documents_in_one_picture_are_told(
    reader: DocumentReader, fonts: Fonts
) -> None:
    card, _ = render_prc_front(None, None, 7, fonts=fonts)
    passport, _ = render_mrz("td3", None, 8, fonts=fonts)
    sheet = Image(np.ascontiguousarray(np.vstack([card.pixels, passport.pixels])))
    document = reader(sheet, today=TODAY)
    assert document.evidence["other_documents"] == 1
    measured = DocumentAuthenticCheck()(sheet, document)
    assert measured.evidence["several_documents"] == 1
    assert (measured.score or 0) <= 0.5


@pytest.mark.parametrize(
    ("seed", "profile"),
    [
        (500_275, "small"),  # the address ends in two characters of which the detector sees half
        (500_515, "small"),  # a filler in the caption makes another number that agrees with itself
        (500_980, "glare"),  # a speck beside the name reads as a character
    ],
)
def test_what_was_once_misread_on_a_front(
    reader: DocumentReader, fonts: Fonts, seed: int, profile: str
) -> None:
    image, truth = render_prc_front(None, None, seed, profile, fonts=fonts)
    document = reader(image, today=TODAY)
    assert wrong(document, truth) == {} or DocumentReadCheck()(document, None, TODAY).score == 0.5


@pytest.mark.parametrize(
    ("kind", "seed", "profile"),
    [
        ("td1", 500_288, "perspective"),
        ("td2", 500_289, "perspective"),
        ("td3", 500_366, "perspective"),
        ("td1", 500_958, "small"),
    ],
)
def test_oblique_print_seen_from_a_side_is_set_upright(
    reader: DocumentReader, kind: str, seed: int, profile: str
) -> None:
    try:
        oblique = untrained_fonts()[0]
    except InputError as missing:
        pytest.skip(str(missing))
    image, truth = render_mrz(kind, None, seed, profile, fonts=oblique)
    document = reader(image, today=TODAY)
    assert document.mrz is not None
    assert list(document.mrz.lines) == truth.fields["lines"]
