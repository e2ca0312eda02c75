"""The Mainland Travel Permit for Hong Kong and Macao Residents, on own drawings."""

from datetime import date

import pytest

from veridical.errors import InputError
from veridical.models import ModelStore
from veridical.ocr import Document, DocumentReader, Field, holder_number
from veridical.ocr.validate import validate
from veridical.rehearsal.specimens import Fonts, render_specimen, system_fonts

TODAY = date(2026, 11, 21)


def permit(weakest: float = 0.99, **changed: str) -> Document:
    values = {
        "surname": "CHAN",
        "given_names": "TAIMAN",
        "birth": "1990-05-06",
        "sex": "M",
        "valid_from": "2020-03-01",
        "valid_to": "2030-02-28",
        "authority": "公安部出入境管理局",
        "number": "H12345678",
    } | changed
    fields = {name: Field(v, 0.99, None, weakest=weakest) for name, v in values.items()}
    return Document("prc_home_return", fields)


@pytest.mark.parametrize(
    ("starts", "ends", "legal"),
    [
        ("2020-03-01", "2030-02-28", True),
        ("2020-11-05", "2025-11-04", True),
        ("2020-02-29", "2030-02-28", True),
        ("2020-11-05", "2030-11-05", False),
        ("2020-11-05", "2028-11-04", False),
    ],
)
def test_terms(starts: str, ends: str, legal: bool) -> None:
    found = validate(permit(valid_from=starts, valid_to=ends), date(2024, 1, 1))
    assert found == (() if legal else ("term_not_legal",))


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("H12345678", "H12345678"),
        ("M1234567803", "M12345678"),  # two digits count renewals
        ("HA1234567", "HA1234567"),  # a holder without Chinese nationality
        ("K12345678", ""),
        ("H1234567", ""),
    ],
)
def test_the_number_for_life_is_the_holders(number: str, kept: str) -> None:
    assert holder_number(permit(number=number)) == kept


def test_an_unsure_number_is_nobodys() -> None:
    assert holder_number(permit(weakest=0.4)) == ""


@pytest.mark.models
@pytest.mark.parametrize("profile", ["clean", "perspective", "rotation"])
def test_a_specimen_is_read_exactly(store: ModelStore, profile: str) -> None:
    try:
        fonts: Fonts = system_fonts()[0]
    except InputError:
        pytest.skip("no Chinese font: install fonts-noto-cjk")
    reader = DocumentReader.load(store, store.profile("registry"))
    image, truth = render_specimen("prc_home_return", None, 11, profile, fonts=fonts)
    document = reader(image, today=TODAY)
    assert document.kind == "prc_home_return"
    assert {name: document.value(name) for name in truth.fields} == dict(truth.fields)
    assert document.portrait is not None
    assert any("SPECIMEN" in text for text in document.texts)
