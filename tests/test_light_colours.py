"""Colours: what is drawn, how chance enters, and that no change of them is a flash."""

import json
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from veridical.errors import InputError
from veridical.liveness.challenge import (
    challenge_of,
    draw_challenge,
    draw_movement,
    with_colours,
)
from veridical.liveness.light.colours import (
    CELL_MS,
    HUES,
    draw_colours,
    draw_many,
    entropy_bits,
    linear,
    luminance,
)
from veridical.types import Challenge, Colours, Turns


def test_no_change_of_two_hues_is_a_flash() -> None:
    lights = [luminance(hue) for hue in HUES]
    assert max(lights) - min(lights) < 0.1 * max(lights)  # WCAG 2.2: a flash changes by a tenth
    for hue in HUES:  # and a red flash needs a red of four fifths
        assert linear(hue)[0] < 0.8 * linear(hue).sum()


def test_hues_stand_apart_in_what_skin_answers() -> None:
    contrast = np.array([linear(hue)[[0, 2]] - linear(hue)[1] for hue in HUES])
    apart = np.linalg.norm(contrast[:, None] - contrast[None], axis=2)
    assert apart[~np.eye(len(HUES), dtype=bool)].min() > 0.3


def test_colours_change_twice_a_second_at_most_and_never_to_themselves() -> None:
    chance = random.Random(1)
    for _ in range(300):
        drawn = draw_colours(8450, chance)
        assert drawn.starts_ms[0] == 0
        assert drawn.end_ms == 8400
        assert all(500 <= b - a <= 900 for a, b in pairwise(drawn.starts_ms))
        assert all(a != b for a, b in pairwise(drawn.shown))


def test_others_are_drawn_by_the_same_rule() -> None:
    many = draw_many(60, 20_000, np.random.default_rng(2))
    single = [draw_colours(6000, random.Random(seed)) for seed in range(3000)]
    firsts = Counter(HUES.index(drawn.shown[0]) for drawn in single)
    assert np.bincount(many[:, 0], minlength=6) / 20_000 == pytest.approx(1 / 6, abs=0.02)
    assert max(firsts.values()) < 600
    changes = (many[:, 1:] != many[:, :-1]).sum(1)
    assert changes.mean() == pytest.approx(np.mean([len(one.shown) - 1 for one in single]), abs=0.1)
    first_change = (many != many[:, :1]).argmax(1)
    assert np.bincount(first_change, minlength=10)[5:10] / 20_000 == pytest.approx(0.2, abs=0.02)


def test_colours_are_drawn_apart_from_the_digits() -> None:
    asked = draw_challenge(source=random.Random(3))
    first, second = (with_colours(asked, random.Random(seed)) for seed in (1, 2))
    assert first.digits == second.digits == asked.digits
    assert first.colours != second.colours
    assert first.colours is not None
    assert first.colours.end_ms >= asked.schedule_ms[-1] + 1400
    assert entropy_bits(first.colours.end_ms) > 30


@pytest.mark.parametrize(
    "asked",
    [
        with_colours(draw_challenge("zh", source=random.Random(1)), random.Random(2)),
        with_colours(draw_movement(source=random.Random(3)), random.Random(4)),
        Challenge("839217"),
        Challenge("", phrase="lay blue at f two now"),
    ],
)
def test_a_challenge_survives_json(asked: Challenge) -> None:
    assert challenge_of(json.loads(json.dumps(asked.as_json()))) == asked


def test_a_challenge_of_an_earlier_version_is_read() -> None:
    kept = {
        "digits": "839217",
        "language": "en",
        "schedule_ms": [900, 1800, 2700, 3600, 4500, 5400],
    }
    assert challenge_of(kept).colours is None


@pytest.mark.parametrize(
    "told",
    [
        {"digits": "839217", "colours": {"shown": ["red"], "starts_ms": [0], "end_ms": 500}},
        {"digits": "839217", "colours": {"shown": ["#ff0000"], "starts_ms": [], "end_ms": 500}},
        {"digits": "839217", "colours": {"shown": ["#ff0000"], "starts_ms": [9], "end_ms": 9}},
        {"digits": "839217", "colours": ["#ff0000"]},
        {"turns": {"directions": ["back"], "starts_ms": [0], "end_ms": 500}},
        {"turns": {"directions": ["left"], "starts_ms": [float("nan")], "end_ms": 500}},
        {"digits": "839217", "odd": 1},
        {},
    ],
)
def test_a_malformed_challenge_is_refused_with_its_code(told: dict[str, object]) -> None:
    with pytest.raises(InputError) as refused:
        challenge_of(told)
    assert refused.value.code == "challenge.malformed"


def test_lengths_nobody_can_use_are_refused() -> None:
    for duration_ms in (1000, 60_000):
        with pytest.raises(ValueError, match="3 to 30 s"):
            draw_colours(duration_ms)
    with pytest.raises(ValueError, match="schedule or turns"):
        with_colours(Challenge("839217"))
    assert Colours(("#00ff00",), (0.0,), CELL_MS).draw == 1
    assert Turns(("left",), (0.0,), 500.0).draw == 1
