"""Specimens of the residence permit for residents of Hong Kong, Macao and Taiwan: own drawings.

Numbers begin with the regions that these permits have; the mark says that nobody holds them.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from numpy.random import Generator

from veridical.rehearsal.specimens.cards import CARD_MM, Drawing, Sheet, draw_card_front
from veridical.rehearsal.specimens.fonts import Fonts
from veridical.rehearsal.specimens.people import draw_back, draw_front, number_for
from veridical.types import Image

__all__ = ["DRAWERS", "draw_permit_back", "draw_permit_front"]

REGIONS = ("810000", "820000", "830000")


def draw_permit_front(
    rng: Generator, fonts: Fonts, portrait: Image | None, known: dict[str, str]
) -> tuple[Mapping[str, str], Drawing]:
    """The side with the portrait.

    Args:
        rng: Source of chance.
        fonts: What to write with.
        portrait: Picture of the holder; a drawn face when None.
        known: Values to print, by name; the others are drawn.
    """
    values = draw_front(rng, known)
    if "number" not in known:
        region = str(rng.choice(REGIONS))
        values["number"] = number_for(region, values["birth"], values["sex"], rng)
    values.pop("nation")
    return values, draw_card_front(values, portrait, fonts, rng)


def draw_permit_back(
    rng: Generator, fonts: Fonts, portrait: Image | None, known: dict[str, str]
) -> tuple[Mapping[str, str], Drawing]:
    """The side with the term; as `draw_permit_front`."""
    del portrait
    starts = date(2022, 1, 1) + timedelta(days=int(rng.integers(0, 1400)))
    if (starts.month, starts.day) == (2, 29):
        starts += timedelta(days=1)
    letter = str(rng.choice(["H", "M", ""]))
    values = {
        "authority": draw_back(rng)["authority"],
        "valid_from": starts.isoformat(),
        "valid_to": starts.replace(year=starts.year + 5).isoformat(),
        "permit_number": f"{letter}{rng.integers(10**8):08}",
    } | known
    sheet = Sheet(CARD_MM, fonts, rng)
    sheet.text((30.0, 8.5), "中华人民共和国", 4.6, pitch_mm=6.0)
    title = "港澳居民居住证" if values["permit_number"][0] in "HM" else "台湾居民居住证"
    sheet.text((22.0, 18.0), title, 6.0, pitch_mm=8.0)
    sheet.mark((5.0, 26.0), 3.0)
    term = f"{values['valid_from']}-{values['valid_to']}".replace("-", ".")
    parts = term.split(".")
    term = ".".join(parts[:3]) + "-" + ".".join(parts[3:])
    for y, caption, value, field in (
        (33.0, "签发机关", values["authority"], "authority"),
        (40.0, "有效期限", term, "valid_to"),
        (47.0, "通行证号码", values["permit_number"], "permit_number"),
    ):
        sheet.text((18.0, y), caption, 2.9, pitch_mm=3.1)
        sheet.text((36.0, y), value, 3.1, field=field)
    sheet.text((58.0, 47.0), "签发次数 01", 2.9)
    sheet.boxes["valid_from"] = sheet.boxes["valid_to"]
    return values, sheet.finish()


DRAWERS = {"prc_residence_front": draw_permit_front, "prc_residence_back": draw_permit_back}
