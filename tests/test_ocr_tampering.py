import cv2
import numpy as np
import pytest

from veridical.ocr.authentic import RAMPS, least_sharp, suspicion
from veridical.ocr.border import find_border
from veridical.ocr.glare import glare
from veridical.ocr.tampering import jpeg_history, noise_contrast, portrait_edges
from veridical.types import Box, Image

WHOLE = Box(0, 0, 400, 250)
PORTRAIT = Box(250, 40, 370, 200)
NUMBER = Box(20, 205, 240, 235)


def card(noise: float = 2.0, blur: float = 1.2) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """A pale card with writing and a darker portrait, blurred as by a camera."""
    rng = np.random.default_rng(4)
    grey = np.full((250, 400), 225, np.float32)
    grey += cv2.resize(rng.normal(0, 12, (12, 20)).astype(np.float32), (400, 250))
    for row in range(5):
        cv2.putText(
            canvas := grey.astype(np.uint8), "ABCDEFGH", (20, 40 + 35 * row), 0, 0.9, (40,), 2
        )
        grey = canvas.astype(np.float32)
    grey[40:200, 250:370] = 120 + rng.normal(0, 1, (160, 120))
    cv2.putText(canvas := grey.astype(np.uint8), "0123456789", (20, 232), 0, 0.9, (30,), 2)
    seen = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), blur)
    return np.clip(seen + rng.normal(0, noise, seen.shape), 0, 255).astype(np.uint8)


def saved(
    grey: np.ndarray[tuple[int, int], np.dtype[np.uint8]], quality: int
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    read = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert read is not None
    return read.astype(np.uint8)


def test_a_noisy_portrait_stands_out_from_its_card() -> None:
    grey = card()
    honest = noise_contrast(grey, PORTRAIT, WHOLE)
    noisy = grey.astype(np.float32)
    noisy[40:200, 250:370] += np.random.default_rng(1).normal(0, 12, (160, 120))
    altered = noise_contrast(np.clip(noisy, 0, 255).astype(np.uint8), PORTRAIT, WHOLE)
    assert altered > honest + 0.8


def test_a_portrait_pasted_between_two_savings_lacks_the_first() -> None:
    first = saved(card(4.0), 69)
    assert jpeg_history(saved(card(4.0), 96), PORTRAIT, WHOLE) < 0.2
    assert jpeg_history(saved(first, 96), PORTRAIT, WHOLE) < 0.5
    rng = np.random.default_rng(2)
    first[40:200, 250:370] = np.clip(rng.normal(130, 18, (160, 120)), 0, 255).astype(np.uint8)
    assert jpeg_history(saved(first, 96), PORTRAIT, WHOLE) > 0.8


def test_a_sharp_outline_in_a_blurred_picture_stands_out() -> None:
    grey = card(noise=0.5, blur=2.0)
    honest = portrait_edges(grey, PORTRAIT, NUMBER)
    pasted = grey.copy()
    pasted[40:200, 250:370] = 110
    altered = portrait_edges(pasted, PORTRAIT, NUMBER)
    assert honest is not None
    assert altered is not None
    assert altered > 1.5 * honest


def test_without_a_number_the_outline_is_not_judged() -> None:
    assert portrait_edges(card(), PORTRAIT, None) is None


@pytest.mark.parametrize("box", [Box(-50, -50, -10, -10), Box(390, 240, 900, 900), Box(5, 5, 5, 5)])
def test_boxes_outside_the_picture_never_raise(box: Box) -> None:
    grey = card()
    assert noise_contrast(grey, box, WHOLE) == 0
    assert jpeg_history(grey, box, WHOLE) == 0
    portrait_edges(grey, box, NUMBER)
    assert 0 <= glare(Image(np.repeat(grey[:, :, None], 3, 2)), box) <= 1


def test_a_covered_edge_leaves_a_gap() -> None:
    pixels = np.full((400, 600, 3), 60, np.uint8)
    pixels[80:320, 120:500] = 220
    quad = np.array([[120, 80], [500, 80], [500, 320], [120, 320]], np.float32)
    assert max(find_border(Image(pixels), quad).gaps) < 0.1
    covered = pixels.copy()
    cv2.ellipse(covered, (310, 80), (70, 60), 0, 0, 360, (140, 110, 90), -1)
    gaps = find_border(Image(covered), quad).gaps
    assert gaps[0] > 0.25
    assert max(gaps[1:]) < 0.1


@pytest.mark.parametrize("name", sorted(RAMPS))
def test_suspicion_runs_from_none_to_full(name: str) -> None:
    none, full = RAMPS[name]
    assert suspicion(name, none) == 0
    assert suspicion(name, full) in (0.5, 1.0)
    assert suspicion(name, 2 * none - full) == 0


def test_one_smeared_field_stands_out_and_a_blurred_picture_does_not() -> None:
    page = np.full((400, 700), 235, np.uint8)
    boxes = []
    for row, text in enumerate(
        ("MARIA NOAH", "1990 05 06", "ROAD 12 HOUSE 7", "130100199005061234")
    ):
        cv2.putText(page, text, (40, 80 + 90 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (30,), 3)
        boxes.append(Box(30, 40 + 90 * row, 60 + 24 * len(text), 95 + 90 * row))
    smeared = page.copy()
    smeared[125:190] = cv2.GaussianBlur(page, (0, 0), 6)[125:190]
    even = least_sharp(page, boxes)
    blurred = least_sharp(cv2.GaussianBlur(page, (0, 0), 3).astype(np.uint8), boxes)
    uneven = least_sharp(smeared, boxes)
    assert even is not None
    assert blurred is not None
    assert uneven is not None
    assert suspicion("field_blurred", even) == suspicion("field_blurred", blurred) == 0
    assert suspicion("field_blurred", uneven) == 0.5
    assert least_sharp(page, []) is None
