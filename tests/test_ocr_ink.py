"""Ink that no character claims: on drawn lines whose reading is known, whole or with one lost."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from veridical.errors import InputError
from veridical.ocr.ink import claims_of, upper_stroke_longer
from veridical.ocr.page import Line, Page
from veridical.ocr.text import Reading
from veridical.rehearsal.specimens import Fonts, system_fonts
from veridical.types import Image

SIZE = 40
LEFT, TOP, HEIGHT = 30, 20, 52


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    try:
        return system_fonts()[0]
    except InputError:
        pytest.skip("no Chinese font: install fonts-noto-cjk")


def drawn(fonts: Fonts, text: str) -> tuple[Page, Line, Reading]:
    """A line of text with a reading whose centres are where the characters are."""
    face = fonts.text.at(SIZE)
    sheet = Pillow.new("RGB", (900, 92), (238, 236, 240))
    draw = ImageDraw.Draw(sheet)
    draw.text((LEFT, TOP + HEIGHT / 2), text, (25, 25, 30), face, anchor="lm")
    right = LEFT + face.getlength(text)
    middles = [
        face.getlength(text[:at]) + face.getlength(character) / 2
        for at, character in enumerate(text)
    ]
    centres = tuple(middle / (right - LEFT) for middle in middles)
    reading = Reading(text, 1.0, (1.0,) * len(text), centres)
    page = Page(Image(np.asarray(sheet).copy()), [], 0.0, lambda *_: reading)
    return page, page.strip(LEFT, right, TOP + HEIGHT / 2, HEIGHT, 0.0), reading


def without(reading: Reading, place: int) -> Reading:
    kept = [at for at in range(len(reading.text)) if at != place]
    return replace(
        reading,
        text="".join(reading.text[at] for at in kept),
        scores=tuple(reading.scores[at] for at in kept),
        centres=tuple(reading.centres[at] for at in kept),
    )


@pytest.mark.parametrize(
    "text", ["河南省郑州市开元区中", "山北路79号19幢2055", "人民路932号13栋37F", "马佳"]
)
def test_a_whole_reading_leaves_nothing_over(fonts: Fonts, text: str) -> None:
    claims = claims_of(*drawn(fonts, text), before=20, after=60)
    assert claims.ink < 0.15
    assert claims.hole < 0.2
    assert claims.glare == 0


@pytest.mark.parametrize(
    "text", ["河南省郑州市开元区中", "山北路79号19幢2055", "人民路932号13栋37F"]
)
def test_a_character_that_was_passed_over_leaves_ink_or_a_hole(fonts: Fonts, text: str) -> None:
    page, line, reading = drawn(fonts, text)
    for place in range(len(text)):
        claims = claims_of(page, line, without(reading, place), before=20, after=60)
        narrow_inside = text[place].isascii() and 0 < place < len(text) - 1
        assert narrow_inside or claims.ink > 0.2 or claims.hole > 0.25, text[place]


def test_ink_behind_a_box_that_is_too_short_is_seen(fonts: Fonts) -> None:
    page, line, reading = drawn(fonts, "河南省郑州市开元区中")
    share = reading.centres[-2] + 0.05
    short = page.strip(LEFT, LEFT + share * line.width, line.y, HEIGHT, 0.0)
    centres = tuple(centre / share for centre in reading.centres[:-1])
    lost = Reading(reading.text[:-1], 1.0, (1.0,) * 9, centres)
    assert claims_of(page, short, lost, before=0, after=60).ink > 0.5


def test_a_character_burnt_out_leaves_a_hole_or_glare(fonts: Fonts) -> None:
    page, line, reading = drawn(fonts, "河南省郑州市开元区中")
    pixels = page.image.pixels.copy()
    middle = LEFT + reading.centres[4] * line.width
    cv2.circle(pixels, (int(middle), TOP + HEIGHT // 2), 24, (255, 255, 255), -1)
    burnt = Page(Image(pixels), [], 0.0, lambda *_: reading)
    assert claims_of(burnt, line, without(reading, 4), before=0, after=60).hole > 0.25
    behind = Page(Image(page.image.pixels.copy()), [], 0.0, lambda *_: reading)
    end = int(LEFT + reading.centres[-1] * line.width) - 20
    behind.image.pixels[:, end:] = 255
    share = reading.centres[-2] + 0.05
    short = behind.strip(LEFT, LEFT + share * line.width, line.y, HEIGHT, 0.0)
    centres = tuple(centre / share for centre in reading.centres[:-1])
    lost = Reading(reading.text[:-1], 1.0, (1.0,) * 9, centres)
    assert claims_of(behind, short, lost, before=0, after=60).glare > 0.3


def test_bright_paper_is_no_glare(fonts: Fonts) -> None:
    page, line, reading = drawn(fonts, "河南省郑州市开元区中")
    bright = page.image.pixels.copy()
    bright[bright.min(axis=2) > 200] = 255
    white = Page(Image(bright), [], 0.0, lambda *_: reading)
    assert claims_of(white, line, reading, before=0, after=60).glare < 0.3


def test_the_bars_tell_a_character_from_its_twin() -> None:
    try:
        every = system_fonts()
    except InputError:
        pytest.skip("no Chinese font: install fonts-noto-cjk")
    for font in every:
        page, line, reading = drawn(font, "多吉")
        assert upper_stroke_longer(page, line, reading.centres[1]), font.text.name
        if not font.text.name.startswith(("Noto", "LXGW")):
            continue  # has no such character
        page, line, reading = drawn(font, "李𠮷")
        assert not upper_stroke_longer(page, line, reading.centres[1]), font.text.name


def test_a_line_without_characters_claims_nothing(fonts: Fonts) -> None:
    page, line, _ = drawn(fonts, "马")
    claims = claims_of(page, line, Reading("", 0.0, (), ()), before=0, after=0)
    assert (claims.ink, claims.hole, claims.glare) == (0, 0, 0)
