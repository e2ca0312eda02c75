"""The Hong Kong identity card, on own drawings."""

from dataclasses import replace
from datetime import date

import pytest

from veridical.errors import InputError
from veridical.models import ModelStore
from veridical.ocr import Document, DocumentReadCheck, DocumentReader, Field, holder_number
from veridical.ocr.kinds.hong_kong import check_character, is_consistent, number_in
from veridical.ocr.validate import validate
from veridical.ocr.written import Written
from veridical.rehearsal.specimens import Fonts, render_specimen, system_fonts
from veridical.types import Box

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("number", "check"), [("A123456", "3"), ("AB123456", "9"), ("AB987654", "3"), ("E364912", "5")]
)
def test_the_check_character_of_published_examples(number: str, check: str) -> None:
    assert check_character(number) == check


def test_every_single_change_of_a_digit_is_caught() -> None:
    for number in ("A123456", "WX123456"):
        whole = f"{number}({check_character(number)})"
        assert is_consistent(whole)
        for place in range(len(number) - 6, len(number)):
            for digit in set("0123456789") - {number[place]}:
                assert not is_consistent(whole[:place] + digit + whole[place + 1 :])


def card(number: str) -> Document:
    values = {
        "surname": "CHAN",
        "given_names": "Tai Man",
        "sex": "M",
        "birth": "1990-05-06",
        "number": number,
    }
    return Document("hk_id", {name: Field(value, 0.99, None) for name, value in values.items()})


def test_a_card_that_fits_passes_and_an_altered_digit_fails() -> None:
    assert validate(card("A123456(3)"), TODAY) == ()
    assert holder_number(card("A123456(3)")) == "A123456(3)"
    altered = card("A123465(3)")
    assert holder_number(altered) == ""
    measured = DocumentReadCheck()(altered, None, TODAY)
    assert (measured.score, measured.reason) == (0.0, "number_check_digit")


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
@pytest.mark.parametrize("profile", ["clean", "perspective", "rotation"])
def test_a_specimen_is_read_exactly(reader: DocumentReader, fonts: Fonts, profile: str) -> None:
    image, truth = render_specimen("hk_id", None, 11, profile, fonts=fonts)
    document = reader(image, today=TODAY)
    assert document.kind == "hk_id"
    assert {name: document.value(name) for name in truth.fields} == dict(truth.fields)
    assert document.portrait is not None
    assert any("SPECIMEN" in text for text in document.texts)


@pytest.mark.models
def test_a_letter_for_a_digit_is_mended_and_listed(reader: DocumentReader, fonts: Fonts) -> None:
    # Behind a letter a digit is taken for one: H81... is read HB1...
    fields = {"number": f"H813050({check_character('H813050')})"}
    image, _ = render_specimen("hk_id", fields, 1008, "clean", fonts=fonts)
    document = reader(image, today=TODAY)
    assert document.value("number") == fields["number"]


@pytest.mark.models
def test_an_altered_number_is_told(reader: DocumentReader, fonts: Fonts) -> None:
    image, _ = render_specimen("hk_id", {"number": "A123465(3)"}, 12, fonts=fonts)
    document = reader(image, today=TODAY)
    assert document.kind == "hk_id"
    assert "number_check_digit" in document.warnings


def test_a_reading_without_the_holders_number_lacks_it() -> None:
    fields = {k: v for k, v in card("A123456(3)").fields.items() if k != "number"}
    assert "fields_missing" in validate(replace(card(""), fields=fields), TODAY)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("A123456(3)", "A123456(3)"),
        ("A1234563", "A123456(3)"),
        ("4dDLNA1234563", None),  # another document's number, whose digits agree by chance
    ],
)
def test_a_number_without_its_brackets_stands_alone(text: str, number: str | None) -> None:
    plain = text.replace(" ", "")
    found = number_in(Written(plain, (0.99,) * len(plain), 0.99, Box(0, 0, 9, 9)))
    assert (found.value if found else None) == number
