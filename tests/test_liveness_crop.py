"""The window the networks see: golden arithmetic at the picture's edges, and the colour order."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.liveness import FrameScorer, ScorerInput
from veridical.liveness.crop import context, crop, window
from veridical.models.session import Shape
from veridical.result import ModelRef
from veridical.types import Box, Image


def picture(width: int, height: int) -> Image:
    return Image(np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("box", "scale", "expected"),
    [
        # in the middle: 20 x 2 about 50, last pixel inclusive
        (Box(40, 40, 60, 60), 2.0, (30, 30, 71, 71)),
        # a tall box: the longer side counts, and the window stays square
        (Box(45, 40, 55, 60), 2.0, (30, 30, 71, 71)),
        # at the left edge: shifted, not padded, so the width stays
        (Box(0, 40, 20, 60), 2.0, (0, 30, 41, 71)),
        # at the right and bottom edge
        (Box(80, 80, 100, 100), 2.0, (59, 59, 100, 100)),
        # too large for the picture: shrinks to the picture, still square
        (Box(30, 25, 60, 75), 4.0, (0, 0, 100, 100)),
        # fractions are cut, not rounded
        (Box(40.6, 40.6, 60.6, 60.6), 2.0, (30, 30, 71, 71)),
    ],
)
def test_the_window_is_shifted_into_the_picture(
    box: Box, scale: float, expected: tuple[int, int, int, int]
) -> None:
    assert window(picture(100, 100), box, scale) == expected


def test_the_window_of_a_wide_picture_is_square() -> None:
    left, top, right, bottom = window(picture(320, 90), Box(100, 20, 150, 80), 3.0)
    assert (right - left, bottom - top) == (90, 90)
    assert (left, right) == (80, 170)


@given(
    left=st.floats(-40, 150),
    top=st.floats(-40, 90),
    width=st.floats(2, 120),
    height=st.floats(2, 120),
    scale=st.floats(1, 6),
)
def test_the_window_never_leaves_the_picture(
    left: float, top: float, width: float, height: float, scale: float
) -> None:
    x0, y0, x1, y1 = window(picture(160, 90), Box(left, top, left + width, top + height), scale)
    assert 0 <= x0 < x1 <= 160
    assert 0 <= y0 < y1 <= 90
    assert abs((x1 - x0) - (y1 - y0)) <= 1


def test_a_crop_keeps_rgb_and_has_the_asked_side() -> None:
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:, :, 0] = 200
    out = crop(Image(pixels), Box(30, 30, 50, 50), 2.0, 16)
    assert out.shape == (16, 16, 3)
    assert (out[:, :, 0] == 200).all()
    assert not out[:, :, 1:].any()


def test_context_is_that_of_the_tighter_direction() -> None:
    assert context(picture(400, 300), Box(0, 0, 100, 150)) == 2.0


class Recorder:
    """A session that keeps what it was fed and answers fixed logits."""

    ref = ModelRef("recorder", "0" * 64)
    metadata: Mapping[str, str] = MappingProxyType({})
    inputs: Mapping[str, Shape] = MappingProxyType({"input": (1, 3, 8, 8)})

    def __init__(self, *logits: float) -> None:
        self.logits = np.array([logits], np.float32)
        self.fed: list[NDArray[np.generic]] = []

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        self.fed.append(feeds["input"])
        return [self.logits]


def red() -> Image:
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[:, :, 0] = 255
    return Image(pixels)


@pytest.mark.parametrize(("colour", "plane"), [("rgb", 0), ("bgr", 2)])
def test_red_arrives_where_the_card_wants_it(colour: str, plane: int) -> None:
    session = Recorder(0, 0, 0)
    FrameScorer(session, ScorerInput(2.7, 8, colour, 0))(red(), Box(20, 20, 40, 40))
    (blob,) = session.fed
    assert blob.shape == (1, 3, 8, 8)
    assert blob.dtype == np.float32
    assert [bool(blob[0, c].any()) for c in range(3)] == [c == plane for c in range(3)]
    assert blob.max() == 255


@pytest.mark.parametrize(("bona_fide_class", "expected"), [(0, 0.0900), (1, 0.6652), (2, 0.2447)])
def test_uncalibrated_the_score_is_the_softmax_share_of_the_class(
    bona_fide_class: int, expected: float
) -> None:
    scorer = FrameScorer(Recorder(1, 3, 2), ScorerInput(2.7, 8, "bgr", bona_fide_class))
    assert scorer(red(), Box(20, 20, 40, 40)) == pytest.approx(expected, abs=1e-4)


def test_calibration_moves_and_flattens_the_margin() -> None:
    def score(offset: float, scale: float) -> float:
        wants = ScorerInput(2.7, 8, "bgr", 0, offset, scale)
        return FrameScorer(Recorder(5.0, 0.0, -50.0), wants)(red(), Box(20, 20, 40, 40))

    assert score(5.0, 2.0) == pytest.approx(0.5)
    assert score(3.0, 2.0) == pytest.approx(1 / (1 + np.exp(-1)))
    assert score(3.0, 4.0) < score(3.0, 2.0)


@pytest.mark.parametrize("logits", [(float("nan"), 0, 0), (float("inf"), 0, 0)])
def test_a_network_that_answers_no_number_gives_nan(logits: tuple[float, ...]) -> None:
    scorer = FrameScorer(Recorder(*logits), ScorerInput(2.7, 8, "bgr", 0))
    assert np.isnan(scorer(red(), Box(20, 20, 40, 40)))


@pytest.mark.parametrize(
    "values",
    [
        (0.5, 8, "bgr", 0, 0.0, 1.0),
        (2.7, 8, "yuv", 0, 0.0, 1.0),
        (2.7, 8, "bgr", -1, 0.0, 1.0),
        (2.7, 0, "bgr", 0, 0.0, 1.0),
        (2.7, 8, "bgr", 0, 0.0, 0.0),
        (2.7, 8, "bgr", 0, float("nan"), 1.0),
    ],
)
def test_a_card_no_network_can_have_is_refused(
    values: tuple[float, int, str, int, float, float],
) -> None:
    with pytest.raises(ModelError) as caught:
        ScorerInput(*values)
    assert caught.value.code == "model.card"
