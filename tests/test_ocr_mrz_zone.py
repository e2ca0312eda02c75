from datetime import date

import cv2
import numpy as np
import pytest

from veridical.ocr import parse_mrz
from veridical.ocr.mrz_zone import Zone
from veridical.ocr.ocrb import OcrbLine, lean_of, sheared
from veridical.ocr.text import Reading
from veridical.types import Image

TODAY = date(2026, 11, 21)
CHARACTERS = ("", *"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<")


def zone_of(*lines: str) -> Zone:
    readings = [
        Reading(t, 0.95, (0.95,) * len(t), tuple(i / len(t) for i in range(len(t)))) for t in lines
    ]
    mrz = parse_mrz(readings, TODAY)
    assert mrz is not None
    return Zone(mrz, ())


def test_lines_of_fillers_pass_check_digits_but_are_no_zone() -> None:
    # As a reader of OCR-B makes of lines in another script.
    zone = zone_of("P<" + "<" * 42, "<" * 9 + "0" + "<" * 32 + "<0")
    assert sum(zone.mrz.checks.values()) >= 2
    assert not zone.certain
    assert not zone.complete


def test_a_zone_with_dates_is_one_even_if_a_check_digit_fails() -> None:
    zone = zone_of(
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898907C36UTO7408122F1204159ZE184226B<<<<<10",
    )
    assert zone.certain
    assert not zone.complete


def line_of(text: str, pitch: int, lost: tuple[int, ...] = ()) -> OcrbLine:
    """What a net answers for a line at an even pitch, blind at some characters."""
    steps = len(text) * pitch
    probability = np.full((steps, len(CHARACTERS)), 0.001, np.float32)
    probability[:, 0] = 0.96
    for place, character in enumerate(text):
        middle = place * pitch + pitch // 2
        certain = 0.3 if place in lost else 0.9
        probability[middle, CHARACTERS.index(character)] = certain
        probability[middle, 0] = 0.95 - certain
    return OcrbLine(probability, CHARACTERS)


def test_the_best_path_reads_a_clear_line() -> None:
    text = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
    assert line_of(text, 5).read().text == text
    assert line_of(text, 5).read_exactly(44).text == text


@pytest.mark.parametrize("lost", [(30,), (28, 35, 40), (6, 29)])
def test_an_exact_length_brings_lost_characters_back(lost: tuple[int, ...]) -> None:
    text = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
    line = line_of(text, 5, lost)
    assert len(line.read().text) == 44 - len(lost)
    assert line.read_exactly(44).text == text


def test_only_what_can_stand_in_a_place_is_read_there() -> None:
    line = line_of("P<UTO5MITH<<ANNA", 5)
    middle = 5 * 5 + 2
    line.probability[middle, CHARACTERS.index("5")] = 0.6
    line.probability[middle, CHARACTERS.index("S")] = 0.3
    line.probability[middle, 0] = 0.02
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
    read = line.read()
    assert read.text == "P<UTO5MITH<<ANNA"
    bound = line.within(read, ("", "", *[letters] * 14))
    assert bound.text == "P<UTOSMITH<<ANNA"
    # Among the letters there is hardly another one.
    assert bound.scores[5] > 0.85
    assert bound.scores[0] == read.scores[0]


@pytest.mark.parametrize("lean", [-0.4, 0.0, 0.3])
def test_the_lean_of_a_line_is_seen_and_undone(lean: float) -> None:
    drawn = np.full((60, 700, 3), 255, np.uint8)
    for place, text in enumerate("P<UTOHILTFLD<<HELENE"):
        at = (40 + 30 * place, 42)
        cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    matrix = np.array([[1, -lean, lean * 30], [0, 1, 0]], np.float32)
    leaning = cv2.warpAffine(drawn, matrix, (700, 60), borderValue=(255, 255, 255))
    image = Image(leaning.astype(np.uint8))
    quad = np.array([[20, 10], [680, 10], [680, 50], [20, 50]], np.float32)
    assert lean_of(image, [quad]) == pytest.approx(lean, abs=0.11)
    assert lean_of(image, [sheared(quad, lean)]) == pytest.approx(0, abs=0.11)
