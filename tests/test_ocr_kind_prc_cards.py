"""Driving licences, residence permits and travel permits of Taiwan, on own drawings."""

from datetime import date

import pytest

from veridical.errors import InputError
from veridical.models import ModelStore
from veridical.ocr import Document, DocumentReader, Field, check_character, holder_number, kind_of
from veridical.ocr.kinds.prc_driving import class_of, person_in
from veridical.ocr.validate import validate
from veridical.ocr.written import Written
from veridical.rehearsal.specimens import Fonts, render_specimen, system_fonts
from veridical.types import Box

TODAY = date(2026, 1, 1)
NUMBER = "110101199003072" + "31"
NUMBER += check_character(NUMBER)


@pytest.fixture(scope="module")
def reader(store: ModelStore) -> DocumentReader:
    return DocumentReader.load(store, store.profile("registry"))


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    try:
        return system_fonts()[0]
    except InputError:
        pytest.skip("no Chinese font: install fonts-noto-cjk")


@pytest.mark.models
@pytest.mark.parametrize(
    "kind",
    ["prc_driving", "prc_residence_front", "prc_residence_back", "prc_taiwan_permit"],
)
def test_a_specimen_is_read_exactly(reader: DocumentReader, fonts: Fonts, kind: str) -> None:
    image, truth = render_specimen(kind, None, 5001, "perspective", fonts=fonts)
    document = reader(image, today=TODAY)
    assert document.kind == kind
    assert {name: document.value(name) for name in truth.fields} == dict(truth.fields)


def document(kind: str, **values: str) -> Document:
    return Document(kind, {n: Field(v, 0.99, None, weakest=0.99) for n, v in values.items()})


LICENCE = {
    "number": NUMBER,
    "name": "张三",
    "sex": "男",
    "nationality": "中国",
    "address": "北京市东城区某路1号",
    "birth": "1990-03-07",
    "first_issued": "2012-05-06",
    "vehicle_class": "C1",
    "valid_from": "2018-05-06",
    "valid_to": "2028-05-06",
}


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({}, ""),
        ({"valid_to": "long-term"}, ""),
        ({"valid_to": "2024-05-06", "valid_from": "2018-05-06"}, "expired"),
        ({"valid_to": "2027-05-06"}, "term_not_legal"),
        ({"valid_from": "2020-02-29", "valid_to": "2030-02-28"}, ""),
        ({"valid_from": "2020-02-29", "valid_to": "2033-02-28"}, "term_not_legal"),
        ({"first_issued": "2019-01-01"}, "term_not_legal"),
        ({"birth": "1990-03-08"}, "number_birth_mismatch"),
        ({"sex": "女"}, "number_sex_mismatch"),
        ({"number": NUMBER[:-1] + ("1" if NUMBER[-1] != "1" else "2")}, "number_check_digit"),
    ],
)
def test_a_licence_is_held_to_its_rules(changed: dict[str, str], finding: str) -> None:
    found = validate(document("prc_driving", **(LICENCE | changed)), TODAY)
    assert found == ((finding,) if finding else ())


def test_a_licence_is_its_holders() -> None:
    assert holder_number(document("prc_driving", **LICENCE)) == NUMBER


@pytest.mark.parametrize(
    ("region", "permit", "same"),
    [
        ("810000", "H12345678", True),
        ("820000", "M12345678", True),
        ("830000", "12345678", True),
        ("810000", "M12345678", False),
        ("830000", "H12345678", False),
    ],
)
def test_a_residence_permit_names_the_travel_permit_of_its_region(
    region: str, permit: str, same: bool
) -> None:
    digits = region + "19880304023"
    front = document("prc_residence_front", number=digits + check_character(digits))
    back = document("prc_residence_back", permit_number=permit)
    found = kind_of("prc_residence_front").compare(front, back)
    assert found == ([] if same else ["front_back_mismatch"])


def test_a_residence_permit_is_valid_for_five_years() -> None:
    def back(ends: str) -> Document:
        return document(
            "prc_residence_back",
            authority="北京市公安局东城分局",
            valid_from="2024-02-29",
            valid_to=ends,
            permit_number="H12345678",
        )

    assert validate(back("2029-02-28"), TODAY) == ()
    assert validate(back("2034-02-28"), TODAY) == ("term_not_legal",)


@pytest.mark.parametrize(("number", "kept"), [("12345678", "12345678"), ("1234567801", "12345678")])
def test_the_number_of_a_permit_of_taiwan(number: str, kept: str) -> None:
    assert holder_number(document("prc_taiwan_permit", number=number)) == kept


@pytest.mark.parametrize(
    ("parts", "name", "sure"),
    [(["张三"], "张三", True), (["姓名", "张三"], "张三", True), (["张三", "性护"], "张三", False)],
)
def test_a_licence_s_name_is_one_part(parts: list[str], name: str, sure: bool) -> None:
    row = [Written(text, (0.99,) * len(text), 0.99, Box(0, 0, 9, 9)) for text in (*parts, "男")]
    found = person_in(row, len(parts))["name"]
    assert (found.value, found.weakest == 0.0) == (name, not sure)


@pytest.mark.parametrize(
    ("text", "sure"), [("C1", True), ("A1A2", True), ("C1E", False), ("F", False), ("C9", False)]
)
def test_classes_that_are_none_or_look_alike_are_doubted(text: str, sure: bool) -> None:
    written = Written(text, (0.99,) * len(text), 0.99, Box(0, 0, 9, 9))
    assert (class_of(written).weakest == 0.99) is sure
