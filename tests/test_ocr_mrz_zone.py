from datetime import date

import numpy as np
import pytest

from veridical.ocr import parse_mrz
from veridical.ocr.mrz_zone import Zone
from veridical.ocr.ocrb import OcrbLine
from veridical.ocr.text import Reading

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
