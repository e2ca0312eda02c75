"""The movement check on heads that follow a course, or another one."""

import random
from dataclasses import dataclass

import numpy as np
import pytest

from tests.light_standins import mesh_at, noise
from veridical.liveness.challenge import draw_movement
from veridical.liveness.motion import HeadTrack, MotionCheck, head_track
from veridical.liveness.motion.check import _fit, expected
from veridical.liveness.motion.course import (
    DIRECTIONS,
    courses,
    draw_many,
    draw_turns,
    entropy_bits,
)
from veridical.types import Box, Challenge, Face, Image, Mesh, Turns, View

CHECK = MotionCheck(bytes(32), draws=999)


def asked(seed: int = 0) -> tuple[Challenge, Turns]:
    challenge = draw_movement(source=random.Random(seed))
    assert challenge.turns is not None
    return challenge, challenge.turns


def moved(turns: Turns, *, delay_ms: float = 600, fps: float = 12, relief: float = 6.0,
          turn_deg: float = 25.0, seed: int = 0) -> HeadTrack:  # fmt: skip
    times_ms = np.arange(0, turns.end_ms + 200, 1000 / fps)
    course = expected(turns, 200)
    cells = np.arange(200) * 100.0 + delay_ms
    turned = np.stack([np.interp(times_ms, cells, course[:, axis]) for axis in (0, 1)], 1)
    turned = turned * (turn_deg, 0.6 * turn_deg)
    turned[:, 0] += noise(seed, len(times_ms))
    return HeadTrack(times_ms, turned, relief, len(times_ms))


def test_a_head_that_follows_its_course_passes() -> None:
    challenge, turns = asked()
    found = CHECK(moved(turns), challenge)
    assert found.score is not None
    assert found.score >= 2.0
    assert 400 <= float(found.evidence["delay_ms"] or 0) <= 800


def test_a_head_that_follows_another_course_passes_as_chance_would() -> None:
    track = moved(asked()[1])
    scores = [CHECK(track, asked(seed)[0]).score for seed in range(1, 101)]
    passed = sum(score is not None and score >= 2.0 for score in scores)
    assert passed <= 5  # one of a hundred on average


def test_the_mirrored_course_does_not_pass() -> None:
    challenge, turns = asked()
    track = moved(turns)
    mirrored = HeadTrack(track.times_ms, track.turned_deg * (-1, 1), 6.0, track.frames)
    assert (CHECK(mirrored, challenge).score or 0) < 2.0


def test_what_cannot_be_judged_says_why() -> None:
    challenge, turns = asked()
    assert CHECK(moved(turns), None).reason == "motion_no_challenge"
    assert CHECK(None, Challenge("839217")).reason == "motion_no_challenge"
    assert CHECK(None, challenge).reason == "no_face"
    assert CHECK(moved(turns, turn_deg=3), challenge).reason == "head_still"
    assert CHECK(moved(turns, fps=4), challenge).reason == "frame_rate_low"
    short = moved(turns)
    part = slice(0, 30)
    cut = HeadTrack(short.times_ms[part], short.turned_deg[part], 6.0, 30)
    assert CHECK(cut, challenge).reason == "clip_too_short"
    hidden = HeadTrack(short.times_ms, short.turned_deg, 6.0, 999, ("multiple_faces",))
    assert CHECK(hidden, challenge).reason == "multiple_faces"


def test_a_flat_face_that_turns_along_the_course_does_not_pass() -> None:
    challenge, turns = asked()
    found = CHECK(moved(turns, relief=0.4), challenge)
    assert (found.score, found.reason) == (0.0, "flat_motion")


@dataclass(frozen=True)
class Posed:
    yaw_deg: float
    pitch_deg: float


def views_of(meshes: list[Mesh]) -> list[View]:
    image = Image(np.zeros((8, 8, 3), np.uint8))
    face = Face(Box(0, 0, 8, 8), 1.0, np.zeros((5, 2), np.float32))
    return [View(image, (face,), face, "", mesh, 100.0 * i) for i, mesh in enumerate(meshes)]


def test_a_solid_head_shows_relief_and_a_card_none() -> None:
    turns = [0.0] * 7 + [20.0] * 3
    solid = views_of([mesh_at(turn) for turn in turns])
    told = iter(turns)
    track = head_track(solid, lambda _: Posed(next(told), 0.0))
    assert track.relief is not None
    assert track.relief > 5
    flat = mesh_at().points
    narrow = np.array([np.cos(np.radians(20)), 1, 1], np.float32)
    card = views_of([Mesh(flat * narrow if turn else flat, 1.0) for turn in turns])
    told = iter(turns)
    track = head_track(card, lambda _: Posed(next(told), 0.0))
    assert track.relief == pytest.approx(0, abs=0.1)
    assert head_track([], lambda _: Posed(0, 0)).relief is None


def test_courses_keep_their_rule_and_others_are_drawn_alike() -> None:
    drawn = [draw_turns(source=random.Random(seed)) for seed in range(500)]
    for one in drawn:
        assert all(a != b for a, b in zip(one.directions, one.directions[1:], strict=False))
        assert np.diff(one.starts_ms).min() >= 2000
    assert {one.directions[0] for one in drawn} == {*DIRECTIONS}
    ways, starts = draw_many(3, 5000, np.random.default_rng(0))
    assert (np.diff(ways, axis=1) != 0).all()
    assert starts[:, 0].min() == 6
    assert starts[:, 0].max() == 20
    assert entropy_bits() > 15
    with pytest.raises(ValueError, match="2 to 4"):
        draw_turns(5)


def test_a_course_looked_up_fits_as_the_same_course_drawn_out() -> None:
    ways, starts = draw_many(3, 50, np.random.default_rng(1))
    cells = 90
    chance = np.random.default_rng(2)
    moved = chance.normal(size=(4, cells, 2))
    moved -= moved.mean(1, keepdims=True)
    moved /= np.linalg.norm(moved, axis=(1, 2), keepdims=True)
    whole = courses(ways, starts, cells).astype(np.float64)
    whole -= whole.mean(1, keepdims=True)
    flat = whole.reshape(50, -1)
    drawn = flat / np.linalg.norm(flat, axis=1, keepdims=True) @ moved.reshape(4, -1).T
    assert _fit(ways, starts, moved) == pytest.approx(drawn, abs=1e-5)
