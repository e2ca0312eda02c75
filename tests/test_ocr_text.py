import cv2
import numpy as np
import pytest

from veridical.ocr.geometry import bounds, crop_quad, edge_lengths, rotate_points, turn_quad
from veridical.ocr.text import boxes_of, decode_ctc
from veridical.types import Image


def one_hot(classes: list[int], count: int = 4) -> np.ndarray:
    answer = np.full((len(classes), count), 0.01, np.float32)
    answer[np.arange(len(classes)), classes] = 0.9
    return answer


def test_ctc_merges_repeats_and_drops_blanks() -> None:
    reading = decode_ctc(one_hot([0, 1, 1, 0, 1, 2, 2, 0]), ["", "a", "b", "c"])
    assert reading.text == "aab"
    assert reading.scores == pytest.approx((0.9, 0.9, 0.9))
    assert reading.centres == pytest.approx((2 / 8, 4.5 / 8, 6 / 8))


def test_an_empty_line_has_no_score() -> None:
    reading = decode_ctc(one_hot([0, 0, 0]), ["", "a", "b", "c"])
    assert (reading.text, reading.score, reading.scores) == ("", 0.0, ())


def test_full_width_digits_become_digits() -> None:
    assert decode_ctc(one_hot([1, 2, 3]), ["", "１", "㎏", "Ｘ"]).text == "1kgX"


def test_a_band_of_ink_gives_one_grown_box() -> None:
    ink = np.zeros((100, 200), np.float32)
    ink[40:50, 20:180] = 0.9
    (box,) = boxes_of(ink, 0.5)
    along, down = edge_lengths(box.quad)
    # Shrunken by the net, grown back by area * 1.5 / perimeter on each side.
    grow = 160 * 10 * 1.5 / (2 * 170)
    assert along == pytest.approx(159 + 2 * grow, abs=3)
    assert down == pytest.approx(9 + 2 * grow, abs=3)
    assert box.score == pytest.approx(0.9)


def test_pale_ink_gives_no_box() -> None:
    ink = np.zeros((100, 200), np.float32)
    ink[40:50, 20:180] = 0.4
    assert boxes_of(ink, 0.5) == []


@pytest.mark.parametrize("angle_deg", [0, 17, 90, 133, 180, -45, -90])
def test_a_turned_quad_starts_where_the_text_does(angle_deg: float) -> None:
    upright = np.array([[0, 0], [80, 0], [80, 10], [0, 10]], np.float32)
    turned = rotate_points(upright, -angle_deg)
    for start in range(4):
        again = turn_quad(np.roll(turned, start, 0), angle_deg)
        assert np.allclose(rotate_points(again, angle_deg), upright, atol=1e-3)


def test_a_crop_is_laid_flat() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    cv2.rectangle(pixels, (40, 90), (159, 109), (255, 0, 0), -1)
    turn = cv2.getRotationMatrix2D((100, 100), -30, 1)
    turned = cv2.warpAffine(pixels, turn, (200, 200)).astype(np.uint8)
    corners = np.array([[40, 90, 1], [160, 90, 1], [160, 110, 1], [40, 110, 1]], np.float32)
    quad = (corners @ turn.T).astype(np.float32)
    flat = crop_quad(Image(turned), quad, 40)
    assert flat.shape == (40, 240, 3)
    assert (flat[4:-4, 4:-4, 0] > 240).all()


def test_a_crop_outside_the_picture_is_black_and_does_not_raise() -> None:
    image = Image(np.full((20, 20, 3), 9, np.uint8))
    quad = np.array([[500, 500], [600, 500], [600, 520], [500, 520]], np.float32)
    assert not crop_quad(image, quad, 32).any()
    assert bounds(quad).width == 100
