"""Specimens of the main page of the PRC driving licence: own drawings, marked, without a seal."""

from collections.abc import Mapping
from datetime import date, timedelta

from numpy.random import Generator

from veridical.rehearsal.specimens.cards import CAPTION, Drawing, Sheet, draw_face, wrapped
from veridical.rehearsal.specimens.fonts import Fonts
from veridical.rehearsal.specimens.people import draw_front
from veridical.types import Image

__all__ = ["DRAWERS", "draw"]

SIZE_MM = (88.0, 60.0)
CLASSES = ("C1", "C2", "B2", "A2", "C1D", "A1A2", "C3", "E")


def draw(
    rng: Generator, fonts: Fonts, portrait: Image | None, known: dict[str, str]
) -> tuple[Mapping[str, str], Drawing]:
    """The page with the portrait.

    Args:
        rng: Source of chance.
        fonts: What to write with.
        portrait: Picture of the holder; a drawn face when None.
        known: Values to print, by name; the others are drawn.
    """
    values = _holder(rng, known)
    sheet = Sheet(SIZE_MM, fonts, rng)
    sheet.text((14.0, 4.8), "中华人民共和国机动车驾驶证", 4.0, pitch_mm=4.6)
    sheet.text((12.0, 9.2), "Driving License of the People's Republic of China", 2.6)
    left = 4.0

    def caption(x: float, y: float, chinese: str, english: str) -> None:
        sheet.text((x, y - 0.9), chinese, 2.3, CAPTION)
        sheet.text((x, y + 1.6), english, 1.5, CAPTION)

    caption(20.0, 14.7, "证号", "License No.")
    sheet.text(
        (31.0, 14.7), values["number"], 3.4, font=fonts.machine, pitch_mm=2.15, field="number"
    )
    caption(left, 21.0, "姓名", "Name")
    sheet.text((12.0, 21.0), values["name"], 3.2, field="name")
    caption(46.0, 21.0, "性别", "Sex")
    sheet.text((53.0, 21.0), values["sex"], 3.2, field="sex")
    caption(60.0, 21.0, "国籍", "Nationality")
    sheet.text((71.0, 21.0), values["nationality"], 3.2, field="nationality")
    caption(left, 27.2, "住址", "Address")
    for row, words in enumerate(wrapped(values["address"], fonts.text, 3.1, 68.0)):
        sheet.text((14.0, 27.2 + 4.2 * row), words, 3.1, field="address")
    caption(34.0, 36.4, "出生日期", "Date of Birth")
    sheet.text((46.0, 36.4), values["birth"], 3.1, field="birth")
    caption(28.0, 42.2, "初次领证日期", "Date of First Issue")
    sheet.text((46.0, 42.2), values["first_issued"], 3.1, field="first_issued")
    caption(34.0, 48.0, "准驾车型", "Class")
    sheet.text((46.0, 48.0), values["vehicle_class"], 3.1, field="vehicle_class")
    caption(left, 55.0, "有效期限", "Valid Period")
    ends = {"long-term": "长期"}.get(values["valid_to"], values["valid_to"])
    sheet.text((17.0, 55.0), f"{values['valid_from']} 至 {ends}", 3.1, field="valid_to")
    sheet.photograph((64.5, 33.5, 85.0, 57.5), portrait or draw_face(rng))
    sheet.mark((5.0, 47.0), 2.6)
    return values, sheet.finish()


def _holder(rng: Generator, known: Mapping[str, str]) -> dict[str, str]:
    """An invented holder."""
    person = draw_front(rng, {name: known[name] for name in PERSON if name in known})
    starts = date(2017, 1, 1) + timedelta(days=int(rng.integers(0, 3200)))
    if (starts.month, starts.day) == (2, 29):
        starts += timedelta(days=1)
    years = int(rng.choice([6, 10, 0], p=[0.4, 0.4, 0.2]))
    first = starts.replace(year=starts.year - int(rng.choice([0, 6, 16])))
    return {
        **{name: person[name] for name in PERSON},
        "nationality": "中国",
        "first_issued": first.isoformat(),
        "vehicle_class": str(rng.choice(CLASSES)),
        "valid_from": starts.isoformat(),
        "valid_to": starts.replace(year=starts.year + years).isoformat() if years else "long-term",
    } | dict(known)


PERSON = ("number", "name", "sex", "address", "birth")
DRAWERS = {"prc_driving": draw}
