"""The engine's lines stand where ours do: same order of corners, same normal form of text."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.models import ModelStore
from veridical.ocr.paddle import PaddleDetector, PaddleRecogniser, load_paddle_reader
from veridical.result import ModelRef
from veridical.types import Image
from veridical.verification import Settings, load_verifier

REF = ModelRef("net", "00" * 32)
PAGE = Image(np.full((60, 200, 3), 200, np.uint8))


def quad(*points: tuple[float, float]) -> NDArray[np.float32]:
    return np.array(points, np.float32)


def test_a_standing_line_gets_its_long_edge_first() -> None:
    standing = quad((10, 5), (20, 5), (20, 55), (10, 55))
    lying = quad((30, 10), (190, 10), (190, 20), (30, 20))
    asked: list[int] = []

    def find(
        pixels: NDArray[np.uint8], side_px: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert pixels is PAGE.pixels
        asked.append(side_px)
        return np.stack([standing, lying]), np.array([0.6, 0.9], np.float32)

    detector = PaddleDetector(find, REF)
    first, second = detector(PAGE, 416)
    assert asked == [416]
    assert first.quad.tolist() == [[20, 5], [20, 55], [10, 55], [10, 5]]
    np.testing.assert_array_equal(second.quad, lying)
    assert [first.score, second.score] == pytest.approx([0.6, 0.9])
    assert detector.ref is REF


def test_a_picture_without_text_has_no_lines() -> None:
    empty = np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32)
    assert PaddleDetector(lambda *_: empty, REF)(PAGE, 416) == []


def test_a_line_is_cut_out_upright_and_its_text_is_plain() -> None:
    seen: list[NDArray[np.uint8]] = []

    def read(line: NDArray[np.uint8]) -> tuple[str, float, NDArray[np.float32]]:
        seen.append(line)
        return "１㎏", 0.8, np.array([0.2, 0.7], np.float32)

    reading = PaddleRecogniser(read, REF)(PAGE, quad((0, 0), (96, 0), (96, 24), (0, 24)))
    assert seen[0].shape == (48, 192, 3)
    assert reading.text == "1kg"
    assert reading.score == 0.8
    assert reading.scores == (0.8, 0.8, 0.8)
    assert reading.centres == pytest.approx((0.2, 0.7, 0.7))


def test_text_and_places_that_do_not_fit_are_not_let_through() -> None:
    recogniser = PaddleRecogniser(lambda _: ("ab", 0.8, np.array([0.2], np.float32)), REF)
    with pytest.raises(ValueError, match="shorter"):
        recogniser(PAGE, quad((0, 0), (96, 0), (96, 24), (0, 24)))


def test_an_engine_that_is_not_installed_is_said_so(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    with pytest.raises(ModelError) as caught:
        load_paddle_reader(store, store.profile("registry"))
    assert caught.value.code == "engine.missing"


def test_the_setting_puts_the_engine_into_the_verifier(tmp_path: Path) -> None:
    load_verifier(Settings(models_dir=tmp_path, allow_missing=True))
    with pytest.raises(ModelError) as caught:
        load_verifier(Settings(models_dir=tmp_path, ocr_engine="paddleocr"))
    assert caught.value.code == "engine.missing"
