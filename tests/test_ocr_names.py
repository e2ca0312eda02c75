"""A small sample of the bank of names and addresses: read right, or doubted."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from veridical.errors import InputError
from veridical.models import ModelStore
from veridical.ocr import DocumentReadCheck, DocumentReader, Quad
from veridical.ocr.chinese import has_twin, simplified_forms
from veridical.ocr.document import SURE_CHARACTER
from veridical.ocr.ink import Claims
from veridical.ocr.page import Page
from veridical.ocr.resident import read_twice
from veridical.ocr.resident_rows import Row, read_rows
from veridical.ocr.text import Reading
from veridical.ocr.written import Written
from veridical.rehearsal.specimens import Fonts, render_prc_front, system_fonts
from veridical.rehearsal.specimens.bank import ADDRESSES, NAMES
from veridical.types import Box, Image

TODAY = date(2026, 1, 1)
SEX, BIRTH = ("性别男民族汉", 0.38), ("出生1990年5月6日", 0.3)


def row(text: str, above: float, start: float = 0.178, end: float = 0.3, **claims: float) -> Row:
    written = Written(text, (0.99,) * len(text), 0.99, Box(0, 0, 10, 10))
    return Row(written, start, end, above, (Claims(**claims),))


def card(*rows: Row) -> list[Row]:
    known = [row(text, above, 0.058) for text, above in (SEX, BIRTH)]
    return sorted([*known, *rows], key=lambda one: -one.above)


def read(*rows: Row) -> dict[str, tuple[str, bool]]:
    """Values, and whether each is believed."""
    found = read_rows(card(*rows))
    return {
        name: (field.value, field.weakest is None or field.weakest >= SURE_CHARACTER)
        for name, field in found.items()
    }


@pytest.mark.parametrize(
    ("text", "value", "sure"),
    [
        ("张三", "张三", True),
        ("阿卜杜合曼・阿卜杜外力", "阿卜杜合曼·阿卜杜外力", True),  # another dot
        ("阿卜杜合曼,阿卜杜", "阿卜杜合曼阿卜杜", False),  # something was left out
        ("米熱古丽·依明", "米热古丽·依明", False),  # a form that the card does not print
        ("李", "李", False),
        ("合曼·", "合曼·", False),
        ("张3三", "张三", False),
    ],
)
def test_what_was_stripped_folded_or_unknown_is_doubted(text: str, value: str, sure: bool) -> None:
    assert read(row(text, 0.46))["name"] == (value, sure)


def test_a_name_with_a_character_that_may_be_its_twin_is_doubted() -> None:
    assert read(replace(row("李吉", 0.46), twin=True))["name"] == ("李吉", False)
    assert read(row("李吉", 0.46))["name"] == ("李吉", True)


def test_a_name_with_its_caption() -> None:
    assert read(row("姓名张三", 0.46, 0.058))["name"] == ("张三", True)
    # A given name may hold the caption's character.
    assert read(row("李名扬", 0.46))["name"] == ("李名扬", True)
    assert read(row("胜各张三", 0.46, 0.058))["name"][1] is False


def test_a_name_of_two_rows() -> None:
    rows = row("阿卜杜合曼·", 0.485), row("阿卜杜外力", 0.435)
    assert read(*rows)["name"] == ("阿卜杜合曼·阿卜杜外力", True)


def test_a_dot_lost_between_two_rows_or_in_one_is_a_doubt() -> None:
    rows = row("艾合木拉提麦提", 0.485), row("热依", 0.435)
    assert read(*rows)["name"] == ("艾合木拉提麦提热依", False)
    assert read(row("阿卜杜合曼阿卜杜", 0.46, hole=0.68))["name"][1] is False
    assert read(row("阿卜杜合曼阿卜杜", 0.46, hole=0.1))["name"][1] is True


def test_a_row_that_was_read_and_not_used_is_a_doubt() -> None:
    assert read(row("某", 0.535), row("张三", 0.46))["name"] == ("张三", False)


def test_the_address_takes_every_row() -> None:
    rows = [row(f"北京市朝阳区某路{n}号", 0.22 - 0.05 * n, end=0.56) for n in range(4)]
    value, sure = read(row("张三", 0.46), *rows)["address"]
    assert value == "".join(f"北京市朝阳区某路{n}号" for n in range(4))
    assert sure


@pytest.mark.parametrize(
    ("changed", "sure"),
    [
        ({}, True),
        ({"ink": 0.5}, False),
        ({"hole": 0.6}, False),
        ({"glare": 0.9}, False),
        ({"ink": 0.1, "hole": 0.1, "glare": 0.1}, True),
    ],
)
def test_what_the_ink_says_is_heard(changed: dict[str, float], sure: bool) -> None:
    first = row("北京市朝阳区某某某路", 0.22, end=0.56)
    last = row("13栋37", 0.17, end=0.3, **changed)
    assert read(row("张三", 0.46), first, last)["address"][1] is sure


def test_a_row_that_ends_early_and_goes_on_is_a_doubt() -> None:
    rows = [row("北京市朝阳区某某某", 0.22, end=0.45), row("路1号院2号楼3单元4", 0.17, end=0.56)]
    assert read(row("张三", 0.46), *rows, row("室", 0.12))["address"][1] is False


@pytest.mark.parametrize(
    ("text", "nation", "sure"),
    [
        ("性别男民族汉", "汉", True),
        ("性别女民族穿青人", "穿青人", True),
        ("性别女民族维吾尔", "维吾尔", True),
        ("性别女民族白某", "白", False),  # something stands behind it
    ],
)
def test_nations(text: str, nation: str, sure: bool) -> None:
    found = read_rows([row("张三", 0.46), row(text, 0.38, 0.058), row(BIRTH[0], 0.3, 0.058)])
    weakest = found["nation"].weakest
    assert found["nation"].value == nation
    assert weakest is not None
    assert (weakest >= SURE_CHARACTER) is sure


def test_the_table_of_traditional_forms() -> None:
    forms = simplified_forms()
    assert [forms[one] for one in "熱強靜黃"] == list("热强静黄")
    # Characters of names that are simplified too, or were taken back in 2013.
    assert not set("乾昇甯堃喆淼") & forms.keys()
    assert not set("热强静黄") & forms.keys()
    assert has_twin("吉")
    assert not has_twin("张")


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    try:
        return system_fonts()[0]
    except InputError:
        pytest.skip("no Chinese font: install fonts-noto-cjk")


@pytest.mark.models
@pytest.mark.parametrize(
    ("field", "kind", "seed"),
    [
        ("name", "two_rows", 1),
        ("name", "dot", 2),
        ("name", "twin", 0),
        ("name", "thin", 4),
        ("address", "four_rows", 5),
        ("address", "ends", 6),
    ],
)
def test_a_sample_of_the_bank(
    store: ModelStore, fonts: Fonts, field: str, kind: str, seed: int
) -> None:
    draw = (NAMES if field == "name" else ADDRESSES)[kind]
    value = draw(np.random.default_rng(seed))
    image, truth = render_prc_front({field: value}, None, seed, fonts=fonts)
    reader = DocumentReader.load(store, store.profile("registry"))
    document = reader(image, today=TODAY)
    right = all(document.value(name) == told for name, told in truth.fields.items())
    assert right or DocumentReadCheck()(document, None, TODAY).score == 0.5


@pytest.mark.parametrize(
    ("again", "doubted"), [("郑劫邈", False), ("郑劼邈", True), ("郑邈", True)]
)
def test_an_unsure_character_is_believed_when_other_crops_say_it_too(
    again: str, doubted: bool
) -> None:
    first, other = reading("郑劫邈", 0.88), reading(again, 0.9)
    seen: list[float] = []

    def read_line(image: Image, quad: Quad) -> Reading:
        seen.append(float(quad[3, 1] - quad[0, 1]))
        return first if len(seen) == 1 else other

    page = Page(Image(np.full((100, 300, 3), 255, np.uint8)), [], 0.0, read_line)
    line = page.strip(20, 200, 50, 30, 0.0)
    written = read_twice(page, [line])
    assert (written.text, written.doubted) == ("郑劫邈", doubted)
    assert len(set(seen)) == len(seen) > 1  # no crop is that of before


def test_a_sure_line_is_read_once() -> None:
    seen: list[Quad] = []

    def read_line(image: Image, quad: Quad) -> Reading:
        seen.append(quad)
        return reading("张三", 0.99)

    page = Page(Image(np.full((100, 300, 3), 255, np.uint8)), [], 0.0, read_line)
    assert not read_twice(page, [page.strip(20, 200, 50, 30, 0.0)]).doubted
    assert len(seen) == 1


def reading(text: str, score: float) -> Reading:
    places = tuple((at + 0.5) / len(text) for at in range(len(text)))
    return Reading(text, score, (score,) * len(text), places)
