import numpy as np
import pytest

from veridical.ocr import Quad
from veridical.ocr.page import Page
from veridical.ocr.text import Reading, TextBox
from veridical.ocr.visual_zone import compare_visual
from veridical.types import Image

FIELDS = {"document_number": "AB1234567", "surname": "MUSTER"}


def page_with(*texts: str) -> Page:
    """A page with one printed line a text, and two lines of a zone below."""

    def box(top: float, width: float) -> TextBox:
        corners = [[0, top], [width, top], [width, top + 20], [0, top + 20]]
        return TextBox(np.array(corners, np.float32), 0.9)

    words = {40 * i + 10: text for i, text in enumerate(texts)}

    def reads(_image: Image, quad: Quad) -> Reading:
        text = words[round(float(quad[:, 1].mean()))]
        return Reading(text, 1.0, (1.0,) * len(text), (0.5,) * len(text))

    boxes = [box(40 * i, 120) for i in range(len(texts))] + [box(500, 600), box(540, 600)]
    return Page.of(Image(np.zeros((8, 8, 3), np.uint8)), boxes, 0.0, reads)


@pytest.mark.parametrize(
    ("print_", "found"),
    [
        ("AB1234567", "agrees"),
        ("No. AB 1234567", "agrees"),
        ("ABI234S67", "agrees"),
        ("AB1234967", "differs"),
        ("AB1294967", "differs"),
        ("AB1294997", "not_seen"),
        ("01 JAN 2030", "not_seen"),
        ("AB12345", "not_seen"),
    ],
)
def test_a_printed_number_is_compared_with_the_zones(print_: str, found: str) -> None:
    page = page_with("UTOPIA", print_)
    assert compare_visual(page, page.lines[-2:], FIELDS)["visual_number"] == found


def test_a_surname_is_looked_for_but_never_said_to_differ() -> None:
    for text, found in (("MUSTER", "agrees"), ("MUSTEN", "not_seen")):
        page = page_with(text)
        assert compare_visual(page, page.lines[-2:], FIELDS)["visual_surname"] == found
