"""Specimens of the mainland travel permits of Hong Kong and Macao, and of Taiwan: own drawings."""

from collections.abc import Mapping
from datetime import date, timedelta

from numpy.random import Generator

from veridical.rehearsal.specimens.cards import CAPTION, CARD_MM, Drawing, Sheet, draw_face
from veridical.rehearsal.specimens.fonts import Fonts
from veridical.rehearsal.specimens.people import WORDS
from veridical.types import Image

__all__ = ["DRAWERS", "draw", "draw_taiwan"]


def draw(
    rng: Generator, fonts: Fonts, portrait: Image | None, known: dict[str, str]
) -> tuple[Mapping[str, str], Drawing]:
    """The side with the portrait.

    Args:
        rng: Source of chance.
        fonts: What to write with.
        portrait: Picture of the holder; a drawn face when None.
        known: Values to print, by name; the others are drawn.
    """
    return _drawn(_holder(rng) | known, "港澳居民来往内地通行证", rng, fonts, portrait)


def draw_taiwan(
    rng: Generator, fonts: Fonts, portrait: Image | None, known: dict[str, str]
) -> tuple[Mapping[str, str], Drawing]:
    """As `draw`, of a resident of Taiwan."""
    values = _holder(rng) | {"number": f"{rng.integers(0, 10**8):08}"} | known
    return _drawn(values, "台湾居民来往大陆通行证", rng, fonts, portrait)


def _drawn(
    values: Mapping[str, str], title: str, rng: Generator, fonts: Fonts, portrait: Image | None
) -> tuple[Mapping[str, str], Drawing]:
    sheet = Sheet(CARD_MM, fonts, rng)
    sheet.text((34.24 - 4.3 * len(title) / 2, 4.7), title, 4.0, pitch_mm=4.3)
    sheet.photograph((3.5, 12.0, 25.5, 43.5), portrait or draw_face(rng))
    left = 30.0
    for y, words in ((11.2, "姓名"), (21.8, "出生日期"), (29.0, "有效期限"), (36.2, "签发机关")):
        sheet.text((left, y), words, 1.9, CAPTION)
    sheet.text((58.0, 21.8), "性别", 1.9, CAPTION)
    sheet.text((left, 14.4), values["name"], 3.3, field="name")
    sheet.text((left, 18.4), f"{values['surname']}, {values['given_names']}", 2.7, field="surname")
    sheet.text((left, 25.0), values["birth"].replace("-", "."), 2.9, field="birth")
    sheet.text((58.0, 25.0), {"M": "男", "F": "女"}[values["sex"]], 2.9, field="sex")
    term = f"{values['valid_from']}_{values['valid_to']}".replace("-", ".").replace("_", "-")
    sheet.text((left, 32.2), term, 2.9, field="valid_to")
    sheet.text((left, 39.4), values["authority"], 2.9, field="authority")
    number = values["number"]
    sheet.text(
        (68.48 - 2.5 * len(number) / 2, 49.2), number, 3.4, font=fonts.machine, pitch_mm=2.5,
        field="number",
    )  # fmt: skip
    sheet.mark((4.0, 49.2), 3.0)
    return values, sheet.finish()


def _holder(rng: Generator) -> dict[str, str]:
    """An invented holder."""
    starts = date(2018, 1, 1) + timedelta(days=int(rng.integers(0, 2500)))
    if (starts.month, starts.day) == (2, 29):
        starts += timedelta(days=1)
    years = int(rng.choice([5, 10], p=[0.2, 0.8]))
    ends = starts.replace(year=starts.year + years) - timedelta(days=1)
    birth = date(1950, 1, 1) + timedelta(days=int(rng.integers(0, 20000)))
    given = rng.choice(WORDS["latin_given"], size=1)
    return {
        "name": str(rng.choice(WORDS["surnames"]))
        + "".join(rng.choice(WORDS["given"], size=int(rng.integers(1, 3)))),
        "surname": str(rng.choice(WORDS["latin_surnames"])),
        "given_names": str(given[0]),
        "birth": birth.isoformat(),
        "sex": str(rng.choice(["M", "F"])),
        "valid_from": starts.isoformat(),
        "valid_to": ends.isoformat(),
        "authority": "公安部出入境管理局",
        "number": f"{rng.choice(['H', 'M'])}{rng.integers(0, 10**8):08}",
    }


DRAWERS = {"prc_home_return": draw, "prc_taiwan_permit": draw_taiwan}
