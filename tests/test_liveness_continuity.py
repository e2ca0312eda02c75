"""One unbroken take: cuts, insertions and blends are seen, honest motion and gaps are not."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.liveness.continuity import ContinuityCheck, ContinuitySettings
from veridical.types import Box, Clip, Face, Image, Mesh, View

FPS = 25.0
HEIGHT, WIDTH = 144, 192
FACE = np.random.default_rng(5).normal(0, 30, (468, 3)).astype(np.float32)


def world(seed: int) -> NDArray[np.float32]:
    """A picture with structure at all scales, larger than a frame."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(60, 190, (12, 15, 3)).astype(np.float32)
    rows = np.linspace(0, 11, HEIGHT + 40).astype(int)
    columns = np.linspace(0, 14, WIDTH + 40).astype(int)
    fine = rng.normal(0, 12, (HEIGHT + 40, WIDTH + 40, 3)).astype(np.float32)
    return np.asarray(coarse[rows][:, columns] + fine, np.float32)


def take(count: int, seed: int = 0, start: float = 0.0) -> list[NDArray[np.uint8]]:
    """Frames of a camera that sways over a picture, with sensor noise."""
    picture, rng = world(seed), np.random.default_rng(seed + 1)
    frames = []
    for index in range(count):
        t = start + index / FPS
        x, y = int(20 + 9 * np.sin(2.1 * t)), int(20 + 7 * np.sin(1.3 * t + 1))
        shown = picture[y : y + HEIGHT, x : x + WIDTH] + rng.normal(0, 2, (HEIGHT, WIDTH, 3))
        frames.append(np.clip(shown, 0, 255).astype(np.uint8))
    return frames


def clip_of(frames: list[NDArray[np.uint8]], times_ms: NDArray[np.float64] | None = None) -> Clip:
    times = np.arange(len(frames)) * 1000 / FPS if times_ms is None else times_ms
    return Clip(tuple(map(Image, frames)), times)


def followed(clip: Clip, shifts: NDArray[np.float64] | None = None) -> list[View]:
    """A head in the middle, moved aside by so many pixels in each frame."""
    views = []
    for index, (image, time_ms) in enumerate(zip(clip.frames, clip.times_ms, strict=True)):
        aside = 0.0 if shifts is None else float(shifts[index])
        points = FACE + np.array([WIDTH / 2 + aside, HEIGHT / 2, 0], np.float32)
        face = Face(Box(60, 40, 130, 110), 0.9, points[[33, 263, 1, 61, 291], :2].copy())
        views.append(View(image, (face,), face, "", Mesh(points, 0.99), float(time_ms)))
    return views


@pytest.fixture(scope="module")
def check() -> ContinuityCheck:
    return ContinuityCheck(ContinuitySettings.read())


def test_an_unbroken_take_shows_no_sign(check: ContinuityCheck) -> None:
    clip = clip_of(take(120))
    measured = check(clip, followed(clip))
    assert measured.score == 1.0
    assert measured.reason == ""


def test_a_cut_between_two_takes_leaves_nothing(check: ContinuityCheck) -> None:
    clip = clip_of(take(60) + take(60, start=0.7))
    measured = check(clip, followed(clip))
    assert measured.score == 0.0
    assert measured.reason == "picture_jumps"
    assert measured.evidence["at_ms"] == 60 * 40


def test_one_frame_of_something_else_is_odd(check: ContinuityCheck) -> None:
    frames = take(120)
    frames[57] = take(1, seed=9)[0]
    measured = check(clip_of(frames), followed(clip_of(frames)))
    assert measured.score == 0.0
    assert isinstance(measured.evidence["sign_odd_frame"], float)
    assert measured.evidence["sign_odd_frame"] > 5


def test_a_jump_of_the_head_alone_counts(check: ContinuityCheck) -> None:
    clip = clip_of(take(120))
    measured = check(clip, followed(clip, np.where(np.arange(120) < 60, 0.0, 30.0)))
    assert measured.score == 0.0
    assert measured.reason == "head_jumps"


@pytest.mark.parametrize("missing", [4, 8, 12])
@pytest.mark.parametrize("how", ["stamped", "standing"])
def test_frames_lost_by_a_busy_device_are_no_cut(
    check: ContinuityCheck, missing: int, how: str
) -> None:
    frames = take(120)
    lost = np.arange(50, 50 + missing)
    if how == "stamped":
        kept = np.delete(np.arange(120), lost)
        clip = clip_of([frames[i] for i in kept], kept * 1000 / FPS)
    else:
        clip = clip_of([frames[49] if i in lost else frames[i] for i in range(120)])
    measured = check(clip, followed(clip))
    assert measured.score == 1.0
    assert measured.evidence["gaps"] == 1


def test_gaps_do_not_hide_a_cut_at_every_word(check: ContinuityCheck) -> None:
    pieces = [take(20, seed=turn) for turn in range(8)]
    kept = [i for i in range(8 * 22) if i % 22 < 20]
    clip = clip_of([frame for piece in pieces for frame in piece], np.array(kept) * 1000 / FPS)
    measured = check(clip, followed(clip))
    assert measured.reason == "jumps_over_gaps"
    assert measured.score == 0.0


def test_another_person_after_the_jump() -> None:
    clip = clip_of(take(60) + take(60, seed=9))
    people = {id(frame): (1.0 if i < 60 else -0.2) for i, frame in enumerate(clip.frames)}

    def embed(views: Sequence[View]) -> NDArray[np.float32]:
        return np.array([[people[id(v.image)], 1 - people[id(v.image)]] for v in views], np.float32)

    measured = ContinuityCheck(ContinuitySettings.read(), embed)(clip, followed(clip))
    assert isinstance(measured.evidence["sign_person_changes"], float)
    assert measured.evidence["sign_person_changes"] > 0.5


def test_few_frames_are_not_judged(check: ContinuityCheck) -> None:
    clip = clip_of(take(5))
    measured = check(clip, followed(clip))
    assert measured.score is None
    assert measured.reason == "too_few_frames"


def test_without_a_face_the_picture_is_still_followed(check: ContinuityCheck) -> None:
    clip = clip_of(take(60) + take(60, start=0.7))
    assert check(clip, ()).score == 0.0
