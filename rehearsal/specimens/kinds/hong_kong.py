"""Specimens of the Hong Kong identity card: own drawings, marked, without emblem or pattern."""

from collections.abc import Mapping
from datetime import date, timedelta

from numpy.random import Generator

from veridical.ocr.kinds.hong_kong import check_character
from veridical.rehearsal.specimens.cards import CAPTION, CARD_MM, Drawing, Sheet, draw_face
from veridical.rehearsal.specimens.fonts import Fonts
from veridical.types import Image

__all__ = ["DRAWERS", "draw"]


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


LETTERS = "ABCDEFGHKPRSVYZ"
SYLLABLES = words("Tai Siu Wing Ka Man Wai Chi Kin Mei Yee Ho Lai Kwok Sze Ming Fung")
SURNAMES = words("CHAN WONG LEE CHEUNG LAU HO LAM NG TANG YIP KWOK TSANG")
TRADITIONAL = words("陳 黃 李 張 劉 何 林 吳 鄧 葉 郭 曾")
GIVEN = words("大 小 永 嘉 文 偉 志 健 美 儀 浩 麗 國 詩 明 鳳")


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
    values = _holder(rng) | known
    sheet = Sheet(CARD_MM, fonts, rng)
    sheet.text((14.0, 4.2), "香港永久性居民身份證", 3.3, CAPTION)
    sheet.text((14.0, 8.2), "HONG KONG PERMANENT IDENTITY CARD", 2.4, CAPTION)
    sheet.photograph((4.0, 13.0, 26.0, 41.0), portrait or draw_face(rng))
    sheet.text((31.0, 14.0), values["name"], 4.2, pitch_mm=4.6, field="name")
    latin = f"{values['surname']}, {values['given_names']}"
    sheet.text((31.0, 19.2), latin, 3.0, field="surname")
    sheet.text((31.0, 27.0), "出生日期 Date of Birth", 2.2, CAPTION)
    year, month, day = values["birth"].split("-")
    sheet.text((31.0, 30.6), f"{day}-{month}-{year}", 3.2, field="birth")
    sheet.text((54.0, 30.6), {"F": "女 F", "M": "男 M"}[values["sex"]], 3.2, field="sex")
    sheet.text((31.0, 38.0), "簽發日期 Date of Issue", 2.2, CAPTION)
    year, month, day = values["issued"].split("-")
    sheet.text((31.0, 41.6), f"{day}-{month}-{year[2:]}", 3.2, field="issued")
    number = values["number"]
    face = fonts.text.at(4.0 * 12.0)
    pitch = 2.3
    sheet.text(
        (65.5 - pitch * (len(number) - 1) / 2 - face.getlength("0") / 24, 47.2),
        number,
        4.0,
        pitch_mm=pitch,
        field="number",
    )
    sheet.mark((4.0, 48.6), 3.0)
    return values, sheet.finish()


def _holder(rng: Generator) -> dict[str, str]:
    """An invented holder; the number's check character is right."""
    letters = "".join(rng.choice(list(LETTERS), size=1 + int(rng.random() < 0.15)))
    number = f"{letters}{rng.integers(0, 1_000_000):06}"
    surname = int(rng.integers(len(SURNAMES)))
    given = rng.choice(len(SYLLABLES), size=int(rng.integers(1, 3)), replace=False)
    birth = date(1950, 1, 1) + timedelta(days=int(rng.integers(0, 20000)))
    return {
        "name": TRADITIONAL[surname] + "".join(GIVEN[one] for one in given),
        "surname": SURNAMES[surname],
        "given_names": " ".join(SYLLABLES[one] for one in given),
        "sex": str(rng.choice(["F", "M"])),
        "birth": birth.isoformat(),
        "issued": (date(2018, 12, 1) + timedelta(days=int(rng.integers(0, 2000)))).isoformat(),
        "number": f"{number}({check_character(number)})",
    }


DRAWERS = {"hk_id": draw}
