"""Several pictures of one document: each field from where it was read best."""

from datetime import date

import pytest

from veridical.ocr import Document, DocumentReadCheck, Field, best_of, check_character

TODAY = date(2026, 1, 1)
DIGITS = "11010119900307231"
NUMBER = DIGITS + check_character(DIGITS)
OTHER = "11010119900307233" + check_character("11010119900307233")
VALUES = {
    "name": "张三",
    "sex": "男",
    "nation": "汉",
    "birth": "1990-03-07",
    "address": "北京市东城区某路1号",
    "number": NUMBER,
}


def reading(weak: dict[str, float] | None = None, **changed: str | None) -> Document:
    values = {name: value for name, value in (VALUES | changed).items() if value is not None}
    fields = {n: Field(v, 0.99, None, weakest=(weak or {}).get(n, 0.98)) for n, v in values.items()}
    return Document("prc_id_front", fields)


def test_what_one_picture_hides_another_shows() -> None:
    glare = reading({"address": 0.0}, name=None)
    best = best_of([glare, reading({"nation": 0.1}), Document("none")], TODAY)
    assert {name: field.value for name, field in best.fields.items()} == VALUES
    assert best.warnings == ()
    assert best.evidence["pictures"] == 2
    assert DocumentReadCheck()(best, None, TODAY).reason == ""


def test_an_unsure_value_gives_way_to_a_sure_one() -> None:
    best = best_of([reading({"name": 0.4}, name="张王"), reading()], TODAY)
    assert best.value("name") == "张三"
    assert best.warnings == ()


def test_two_sure_values_are_a_doubt() -> None:
    best = best_of([reading(name="张王"), reading()], TODAY)
    assert best.evidence["differing"] == "name"
    assert "field_unsure" in best.warnings


def test_other_holders_and_other_kinds_are_left_out() -> None:
    best = best_of([reading(), reading(number=OTHER, name="李四"), Document("td3")], TODAY)
    assert best.value("name") == "张三"
    assert best.evidence["pictures"] == 1


@pytest.mark.parametrize("count", [1, 3])
def test_pictures_of_nothing_are_none(count: int) -> None:
    assert best_of([Document("none")] * count, TODAY).kind == "none"


def test_findings_are_those_of_the_whole() -> None:
    expired = Document("prc_id_back", {"valid_to": Field("2025-01-01", 0.99, None, weakest=0.9)})
    best = best_of([expired, Document("prc_id_back", expired.fields)], TODAY)
    assert set(best.warnings) == {"expired", "fields_missing"}
