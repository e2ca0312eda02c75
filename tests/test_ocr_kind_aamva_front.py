"""Fronts of driving licences of the US and Canada: own drawings, and the barcode beside them."""

from datetime import date

import pytest

from veridical.errors import InputError
from veridical.models import ModelStore
from veridical.ocr import Document, DocumentReadCheck, DocumentReader, Field
from veridical.rehearsal.specimens import render_specimen, system_fonts

TODAY = date(2026, 11, 21)
PRINTED = {
    "number": "D123-4567",
    "surname": "SAMPLE",
    "given_names": "JO ANN",
    "sex": "F",
    "birth": "1990-02-28",
    "issued": "2022-03-04",
    "expiry": "2030-03-04",
    "address": "1 EXAMPLE ST, ANYTOWN, CA 94203",
}
ENCODED = {**PRINTED, "number": "D1234567", "issuer": "CA"}


def side(kind: str, values: dict[str, str], weakest: float = 0.99) -> Document:
    fields = {name: Field(v, 0.99, None, weakest=weakest) for name, v in values.items()}
    return Document(kind, fields)


@pytest.mark.parametrize(
    ("changed", "weakest", "reason"),
    [
        ({}, 0.99, ""),
        ({"number": "D123-4568"}, 0.99, "barcode_mismatch"),
        ({"birth": "1990-02-27"}, 0.99, "barcode_mismatch"),
        ({"surname": "OTTER"}, 0.99, "barcode_mismatch"),
        ({"surname": "OTTER"}, 0.3, "field_unsure"),  # who misread proves nothing
    ],
)
def test_the_print_is_held_against_the_barcode(
    changed: dict[str, str], weakest: float, reason: str
) -> None:
    front = side("aamva_front", PRINTED | changed, weakest)
    judged = DocumentReadCheck()(front, side("aamva_back", ENCODED), TODAY)
    assert judged.reason == reason
    assert judged.score == (0.5 if reason else pytest.approx(0.997))


def test_two_backs_are_one_side_twice() -> None:
    back = side("aamva_back", ENCODED)
    assert DocumentReadCheck()(back, back, TODAY).reason == "same_side_twice"


@pytest.mark.models
def test_a_specimen_is_read_exactly(store: ModelStore) -> None:
    try:
        fonts = system_fonts()[0]
    except InputError:
        pytest.skip("no Chinese font: install fonts-noto-cjk")
    reader = DocumentReader.load(store, store.profile("registry"))
    image, truth = render_specimen("aamva_front", None, 5000, fonts=fonts)
    document = reader(image, today=TODAY)
    assert document.kind == "aamva_front"
    assert {name: document.value(name) for name in truth.fields} == dict(truth.fields)
    assert any("SPECIMEN" in text for text in document.texts)
