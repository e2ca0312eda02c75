from dataclasses import replace
from datetime import date

import pytest

from veridical.ocr import Document, DocumentReadCheck, DocumentSpecimenCheck, Field, parse_mrz
from veridical.ocr.number import check_character
from veridical.ocr.text import Reading

TODAY = date(2026, 11, 21)
PASS_AT, FAIL_BELOW = 0.7, 0.3


def card(region: str = "110105", number_score: float = 0.99, **changed: str) -> Document:
    digits = region + "19900506123"
    values = {
        "name": "张三",
        "sex": "男",
        "nation": "汉",
        "birth": "1990-05-06",
        "address": "北京市朝阳区某路1号",
        "number": digits + check_character(digits),
    } | changed
    fields = {
        name: Field(value, number_score if name == "number" else 0.99, None)
        for name, value in values.items()
    }
    return Document("prc_id_front", fields)


def back() -> Document:
    values = {
        "authority": "北京市公安局朝阳分局",
        "valid_from": "2017-03-04",
        "valid_to": "2037-03-04",
    }
    return Document("prc_id_back", {name: Field(v, 0.99, None) for name, v in values.items()})


def test_a_card_that_fits_passes() -> None:
    measured = DocumentReadCheck()(card(), back(), TODAY)
    assert measured.score is not None
    assert measured.score >= PASS_AT
    assert measured.reason == ""


def test_every_altered_digit_is_a_decisive_failure() -> None:
    number = card().fields["number"].value
    for place in range(18):
        digit = "0" if number[place] == "X" else str((int(number[place]) + 1) % 10)
        altered = card(number=number[:place] + digit + number[place + 1 :])
        measured = DocumentReadCheck()(altered, None, TODAY)
        assert measured.score is not None
        assert measured.score < FAIL_BELOW
        assert measured.reason == "number_check_digit"


def test_a_number_that_was_hard_to_read_is_a_doubt() -> None:
    number = card().fields["number"].value
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    measured = DocumentReadCheck()(card(number=wrong, number_score=0.6), None, TODAY)
    assert measured.score is not None
    assert FAIL_BELOW <= measured.score < PASS_AT


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"birth": "1990-05-07"}, "number_birth_mismatch"),
        ({"sex": "女"}, "number_sex_mismatch"),
    ],
)
def test_what_contradicts_the_number_fails(changed: dict[str, str], reason: str) -> None:
    measured = DocumentReadCheck()(card("110105", 0.99, **changed), None, TODAY)
    assert (measured.score, measured.reason) == (0.0, reason)


def test_a_name_that_was_hard_to_read_is_a_doubt() -> None:
    unsure = Field("张三", 0.99, None, weakest=0.2)
    document = replace(card(), fields=dict(card().fields) | {"name": unsure})
    measured = DocumentReadCheck()(document, None, TODAY)
    assert (measured.score, measured.reason) == (0.5, "field_unsure")
    assert measured.evidence["unsure"] == "name"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"address": "家庄9组77号"}, "address_incomplete"), ({}, "region_unknown")],
)
def test_what_may_have_been_misread_is_a_doubt(changed: dict[str, str], reason: str) -> None:
    document = card("110105" if changed else "101000", 0.99, **changed)
    measured = DocumentReadCheck()(document, None, TODAY)
    assert (measured.score, measured.reason) == (0.5, reason)


def test_an_expired_card_fails() -> None:
    fields = dict(back().fields) | {"valid_to": Field("2025-03-04", 0.99, None)}
    measured = DocumentReadCheck()(card(), replace(back(), fields=fields), TODAY)
    assert (measured.score, measured.reason) == (0.0, "expired")


def test_the_same_side_twice_is_a_doubt() -> None:
    measured = DocumentReadCheck()(card(), card(), TODAY)
    assert (measured.score, measured.reason) == (0.5, "same_side_twice")


@pytest.mark.parametrize(
    ("front", "other", "reason"),
    [
        (None, None, "document_missing"),
        (Document("none"), None, "document_not_found"),
        (Document("none"), back(), "document_not_found"),
        (card(), Document("none"), "document_back_not_found"),
    ],
)
def test_what_cannot_be_judged_says_why(
    front: Document | None, other: Document | None, reason: str
) -> None:
    measured = DocumentReadCheck()(front, other, TODAY)
    assert (measured.score, measured.reason) == (None, reason)


def test_evidence_holds_nothing_personal() -> None:
    document = card(birth="1990-05-07")
    measured = DocumentReadCheck()(document, back(), TODAY)
    shown = " ".join(str(value) for value in measured.evidence.values())
    for side in (document, back()):
        for name, field in side.fields.items():
            assert name == "sex" or field.value not in shown


def test_a_specimen_mark_fails() -> None:
    for text in ("SPECIMEN样本", "样 本".replace(" ", ""), "CIMEN 样", "specimen"):
        measured = DocumentSpecimenCheck()(replace(card(), texts=(text,)))
        assert (measured.score, measured.reason) == (0.0, "specimen_mark")
    assert DocumentSpecimenCheck()(card(), ("SPECIMEN",)).score == 0.0


def test_a_region_never_issued_fails() -> None:
    measured = DocumentSpecimenCheck()(card(region="510100"))
    assert (measured.score, measured.reason) == (0.0, "region_never_issued")


def test_a_card_without_a_sign_is_no_specimen() -> None:
    assert DocumentSpecimenCheck()(card()).score == 1.0
    assert DocumentSpecimenCheck()(Document("none")).score is None


def test_the_state_of_icaos_examples_fails() -> None:
    lines = (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    )
    zone = parse_mrz(
        [Reading(t, 1.0, (1.0,) * 44, tuple(i / 44 for i in range(44))) for t in lines], TODAY
    )
    assert zone is not None
    document = Document(
        "td3", {name: Field(v, 1.0, None) for name, v in zone.fields.items()}, mrz=zone
    )
    assert DocumentSpecimenCheck()(document).reason == "example_state"
