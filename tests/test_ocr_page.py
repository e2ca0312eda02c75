from collections.abc import Sequence

import numpy as np
import pytest

from veridical.ocr import Quad
from veridical.ocr.geometry import rotate_points
from veridical.ocr.page import Page, reading_angle, rows_of
from veridical.ocr.text import Reading, TextBox
from veridical.types import Image

BLANK = Image(np.zeros((8, 8, 3), np.uint8))


def box(left: float, top: float, width: float, height: float, angle_deg: float = 0) -> TextBox:
    upright = np.array(
        [[left, top], [left + width, top], [left + width, top + height], [left, top + height]],
        np.float32,
    )
    return TextBox(rotate_points(upright, -angle_deg), 0.9)


def upright_only(_image: Image, _quads: Sequence[Quad]) -> float:
    return 0.0


def on_its_head(_image: Image, _quads: Sequence[Quad]) -> float:
    return 1.0


def unread(_image: Image, _quad: Quad) -> Reading:
    raise AssertionError("nothing may be read")


@pytest.mark.parametrize("angle_deg", [-80, -40, -3, 0, 5, 30, 60, 85])
def test_long_boxes_show_the_direction_of_reading(angle_deg: float) -> None:
    boxes = [box(0, 30 * i, 200, 20, angle_deg) for i in range(3)] + [box(250, 0, 15, 15)]
    assert reading_angle(BLANK, boxes, upright_only) == pytest.approx(angle_deg, abs=0.1)


def test_lines_on_their_head_turn_the_page_by_half() -> None:
    boxes = [box(0, 30 * i, 200, 20, 5) for i in range(3)]
    assert reading_angle(BLANK, boxes, on_its_head) == pytest.approx(-175, abs=0.1)


def test_without_long_boxes_nothing_is_asked() -> None:
    def never(_image: Image, _quads: Sequence[Quad]) -> float:
        raise AssertionError("there is no line to ask about")

    assert reading_angle(BLANK, [box(0, 0, 20, 20)], never) == 0.0


@pytest.mark.parametrize("angle_deg", [0, 30, 90, 180, -120])
def test_rows_run_top_to_bottom_and_left_to_right_whatever_the_turn(angle_deg: float) -> None:
    boxes = [
        box(150, 2, 60, 20, angle_deg),
        box(0, 0, 100, 20, angle_deg),
        box(0, 40, 300, 20, angle_deg),
        box(40, 81, 20, 20, angle_deg),
    ]
    rows = rows_of(Page.of(BLANK, boxes, angle_deg, unread).lines)
    assert [len(row) for row in rows] == [2, 1, 1]
    assert rows[0][0].left < rows[0][1].left


def test_a_sloping_row_stays_together() -> None:
    slope_deg = 4
    boxes = [box(0, 0, 100, 20, slope_deg), box(300, 0, 100, 20, slope_deg)]
    assert len(rows_of(Page.of(BLANK, boxes, 0, unread).lines)) == 1


def test_a_line_is_read_once() -> None:
    calls: list[Quad] = []

    def counting(_image: Image, quad: Quad) -> Reading:
        calls.append(quad)
        return Reading("x", 1.0, (1.0,), (0.5,))

    page = Page.of(BLANK, [box(0, 0, 50, 10)], 0, counting)
    assert page.read(page.lines[0]).text == page.read(page.lines[0]).text == "x"
    assert page.without([]).read(page.lines[0]).text == "x"
    assert len(calls) == 1
