"""Cues without a network: each finds its sign in a made case, and is silent where there is none."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.liveness import read_settings
from veridical.liveness.cues import (
    ALL_CUES,
    EyeMotion,
    FlatMotion,
    FrozenFrames,
    HeldFrame,
    LoopedFrames,
    OnePlane,
    ScreenPattern,
    SecondFace,
)
from veridical.liveness.cues.flat import homography_residual
from veridical.liveness.cues.screen import peak_strength, spectrum
from veridical.types import Box, Clip, Face, Image, Mesh, View

LIMITS = read_settings().cues
BOX = Box(200, 120, 400, 380)
FACE = Face(BOX, 0.9, np.array([[260, 210], [340, 210], [300, 260], [270, 310], [330, 310]], "f4"))


def room(seed: int = 0) -> NDArray[np.float64]:
    """A textured picture of 640 x 480 with the spectrum of natural scenes and sensor noise."""
    rng = np.random.default_rng(seed)
    total = np.zeros((480, 640, 3))
    for size in (6, 15, 40, 100):
        part = rng.normal(0, 160 / size**0.5, (size * 3 // 4 + 1, size, 3)).astype(np.float32)
        total += cv2.resize(part, (640, 480), interpolation=cv2.INTER_CUBIC)
    return 120 + total + rng.normal(0, 1.5, total.shape)


def image(pixels: NDArray[np.floating]) -> Image:
    return Image(np.clip(pixels, 0, 255).astype(np.uint8))


def view(
    pixels: NDArray[np.floating], mesh: NDArray[np.floating] | None = None, t: float = 0
) -> View:
    found = Mesh(mesh.astype(np.float32), 1.0) if mesh is not None else None
    return View(image(pixels), (FACE,), FACE, "", found, t)


def on_display(
    pixels: NDArray[np.float64], pitch_px: float, angle_deg: float
) -> NDArray[np.float64]:
    """The columns of a display, seen at an angle."""
    y, x = np.mgrid[0:480, 0:640]
    along = x * np.cos(np.deg2rad(angle_deg)) + y * np.sin(np.deg2rad(angle_deg))
    return np.asarray(pixels * (1 + 0.12 * np.cos(2 * np.pi * along / pitch_px))[:, :, None])


@pytest.mark.parametrize(("pitch_px", "angle_deg"), [(2.9, 12), (4.3, 35), (7.0, 60)])
def test_a_displays_columns_stand_out_of_the_spectrum(pitch_px: float, angle_deg: float) -> None:
    plain, shown = room(), on_display(room(), pitch_px, angle_deg)
    cue = ScreenPattern()
    bare, striped = cue([view(plain)], None), cue([view(shown)], None)
    assert bare is not None
    assert striped is not None
    assert LIMITS["screen_pattern"].cap(bare) == 1.0
    assert LIMITS["screen_pattern"].cap(striped) == 0.0


def test_block_edges_on_the_axes_are_no_screen() -> None:
    blocks = room()
    blocks[::8] += 12
    blocks[:, ::8] += 12
    strength = peak_strength(image(blocks), BOX)
    assert strength is not None
    assert LIMITS["screen_pattern"].cap(strength) == 1.0


def test_blur_hides_a_screen_which_is_why_silence_proves_nothing() -> None:
    shown = cv2.GaussianBlur(on_display(room(), 2.9, 12), (0, 0), 2.5)
    strength = peak_strength(image(np.asarray(shown, np.float64)), BOX)
    assert strength is not None
    assert LIMITS["screen_pattern"].cap(strength) == 1.0


def test_a_small_face_has_no_spectrum() -> None:
    assert spectrum(image(room()), Box(10, 10, 50, 57)) is None
    assert ScreenPattern()([], None) is None


def head(rng: np.random.Generator) -> NDArray[np.float64]:
    """468 points on the front of an ellipsoid, the outer eye corners where they belong."""
    angle, height = rng.uniform(-1.3, 1.3, 468), rng.uniform(-1, 1, 468)
    points = np.stack([80 * np.sin(angle), 110 * height, -80 * np.cos(angle)], axis=1)
    points[33], points[263] = (-45, -35, -60), (45, -35, -60)
    return points


def turned(points: NDArray[np.float64], yaw: float, roll: float) -> NDArray[np.float64]:
    cos, sin = np.cos(yaw), np.sin(yaw)
    points = points @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    cos, sin = np.cos(roll), np.sin(roll)
    return np.asarray(points @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]))


def aside(by: float) -> NDArray[np.float64]:
    return np.array([by, 0.0, 0.0])


def photographed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seen from 600 px away, in the middle of the face box."""
    depth = 600 / (600 + points[:, 2:])
    return np.column_stack([points[:, :2] * depth + (300, 250), points[:, 2]])


def living(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """A head that turns a little and opens its mouth."""
    rest = head(rng)
    jaw = (rest[:, 1] > 40)[:, None] * np.array([0.0, 1.0, 0.0])
    moments = np.linspace(0, 2 * np.pi, 12)
    return [
        photographed(turned(rest + 6 * (1 - np.cos(3 * t)) * jaw, 0.12 * np.sin(t), 0.03))
        for t in moments
    ]


def on_paper(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """One still of that head on a sheet that is tilted and moved."""
    sheet = photographed(head(rng))
    sheet[:, :2] -= (300, 250)
    sheet[:, 2] = 0
    moments = np.linspace(0, 2 * np.pi, 12)
    return [
        photographed(turned(sheet, 0.3 * np.sin(t), 0.08 * np.cos(2 * t)) + aside(9 * np.sin(t)))
        for t in moments
    ]


def seen(meshes: list[NDArray[np.float64]], span_ms: float = 2200) -> list[View]:
    blank = np.zeros((480, 640, 3))
    times = np.linspace(0, span_ms, len(meshes))
    return [view(blank, mesh, float(t)) for mesh, t in zip(meshes, times, strict=True)]


def test_a_photograph_moves_as_a_plane_and_a_face_does_not() -> None:
    rng = np.random.default_rng(5)
    jitter = [mesh + rng.normal(0, 0.1, mesh.shape) for mesh in on_paper(rng)]
    flat, alive = FlatMotion()(seen(jitter), None), FlatMotion()(seen(living(rng)), None)
    assert flat is not None
    assert alive is not None
    assert LIMITS["flat_motion"].cap(alive) == 1.0
    # A person looks at it: the cue alone refuses nobody.
    assert 0.4 <= LIMITS["flat_motion"].cap(flat) < 0.6


def test_flat_motion_says_nothing_of_a_person_who_sits_still() -> None:
    rng = np.random.default_rng(6)
    rest = head(rng)
    still = [
        photographed(turned(rest, 0.004 * np.sin(t), 0.002)) + rng.normal(0, 0.1, rest.shape)
        for t in np.linspace(0, 2 * np.pi, 12)
    ]
    assert FlatMotion()(seen(still), None) is None


@pytest.mark.parametrize("count", [2, 4])
def test_flat_motion_needs_views(count: int) -> None:
    assert FlatMotion()(seen(living(np.random.default_rng(1))[:count]), None) is None


def test_flat_motion_needs_time() -> None:
    assert FlatMotion()(seen(living(np.random.default_rng(1)), span_ms=400), None) is None


def test_a_homography_leaves_no_residual_and_noise_does() -> None:
    rng = np.random.default_rng(2)
    plane = rng.uniform(0, 100, (40, 2))
    lifted = np.column_stack([plane, np.ones(40)])
    matrix = np.array([[1.1, 0.2, 5], [-0.1, 0.9, 9], [1e-3, -5e-4, 1]])
    mapped = lifted @ matrix.T
    target = mapped[:, :2] / mapped[:, 2:]
    assert homography_residual(plane, target) < 1e-6
    noisy = target + rng.normal(0, 1, target.shape)
    assert homography_residual(plane, noisy) == pytest.approx(2**0.5, rel=0.25)


def shifted(pixels: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    matrix = np.array([[1, 0, by], [0, 1, 0]])
    return np.asarray(
        cv2.warpAffine(pixels, matrix, (640, 480), borderMode=cv2.BORDER_REFLECT_101), np.float64
    )


def before_the_room(move_room: Callable[[float], float]) -> list[View]:
    """A flat face that sways sideways, before a room that moves as told."""
    rng = np.random.default_rng(3)
    still, mesh = room(3), photographed(head(rng))
    views = []
    for i in range(12):
        sway = 14 * np.sin(i * 1.3)
        noise = rng.normal(0, 1, still.shape)
        moved = mesh + aside(sway)
        views.append(view(shifted(still, move_room(sway)) + noise, moved, i * 200.0))
    return views


def test_a_room_that_moves_with_the_face_is_on_the_same_sheet() -> None:
    value = OnePlane()(before_the_room(lambda sway: sway), None)
    assert value is not None
    assert value > 0.85


@pytest.mark.parametrize("share", [0.0, -0.5, 0.4])
def test_a_room_that_moves_otherwise_is_a_room(share: float) -> None:
    value = OnePlane()(before_the_room(lambda sway: share * sway), None)
    assert value is not None
    assert LIMITS["one_plane"].cap(value) == 1.0


@pytest.mark.parametrize("tilt_deg", [0, 11, -16])
def test_the_rim_of_a_device_closes_around_the_face(tilt_deg: float) -> None:
    blurred = np.asarray(cv2.GaussianBlur(room(7), (0, 0), 6), np.float64)
    corners = np.array([[-150, -190], [150, -190], [150, 190], [-150, 190]], np.float64)
    cos, sin = np.cos(np.deg2rad(tilt_deg)), np.sin(np.deg2rad(tilt_deg))
    rim = (corners @ np.array([[cos, sin], [-sin, cos]]) + BOX.centre).astype(np.int32)
    held = cv2.polylines(blurred.copy(), [rim], isClosed=True, color=(20, 20, 20), thickness=9)
    framed = HeldFrame()([view(np.asarray(held, np.float64))], None)
    assert framed == 4
    assert LIMITS["held_frame"].cap(framed) < 0.4


def test_a_door_beside_the_head_is_no_device() -> None:
    wall = np.asarray(cv2.GaussianBlur(room(7), (0, 0), 6), np.float64)
    wall[:, 100:110] = wall[:, 480:490] = wall[40:50] = 20
    sides = HeldFrame()([view(wall)], None)
    assert sides is not None
    assert 2 <= sides <= 3
    assert LIMITS["held_frame"].cap(sides) > 0.6
    assert HeldFrame()([], None) is None


def test_pictures_of_two_sizes_are_no_clip() -> None:
    views = before_the_room(lambda sway: sway)
    small = View(image(room()[:400]), views[1].faces, views[1].subject, "", views[1].mesh, 200.0)
    assert OnePlane()([views[0], small, *views[2:4], small, small, *views[6:8]], None) is None


def test_frozen_and_looped_need_a_clip() -> None:
    for cue in (FrozenFrames(), LoopedFrames()):
        assert cue([view(room())], None) is None


def test_frozen_and_looped_frames_are_told_apart() -> None:
    frames = [image(shifted(room(4), 3.0 * i)) for i in range(30)]
    rng = np.random.default_rng(0)
    noisy = [image(f.pixels + rng.normal(0, 2, f.pixels.shape)) for f in frames]
    frozen = Clip((*noisy[:5], *[noisy[5]] * 25), np.linspace(0.0, 2900.0, 30))
    looped = Clip((*noisy[:15], *noisy[:15]), np.linspace(0.0, 2900.0, 30))
    still, again = FrozenFrames()([], frozen), LoopedFrames()([], looped)
    assert still == pytest.approx(2400)
    assert again == pytest.approx(1400)
    assert LoopedFrames()([], frozen) == 0
    assert FrozenFrames()([], looped) == 0


def test_a_second_face_is_told_by_its_size() -> None:
    other = Face(Box(0, 0, 100, 130), 0.9, FACE.points)
    both = View(image(room()), (FACE, other), FACE)
    alone = view(room())
    assert SecondFace()([both, both, alone], None) == pytest.approx(0.5)
    assert SecondFace()([both, alone, alone], None) == 0
    assert SecondFace()([], None) is None


def test_a_blink_moves_the_eyes() -> None:
    meshes = on_paper(np.random.default_rng(6))
    for mesh in meshes:
        for upper, lower, left, right in ((159, 145, 33, 133), (386, 374, 362, 263)):
            mesh[left, :2], mesh[right, :2] = (250, 200), (280, 200)
            mesh[upper, :2], mesh[lower, :2] = (265, 195), (265, 205)
    stares = EyeMotion()(seen(meshes), None)
    meshes[4][[159, 386], 1] = 204
    blinks = EyeMotion()(seen(meshes), None)
    assert stares == pytest.approx(0)
    assert blinks is not None
    assert blinks < -0.25
    assert EyeMotion()(seen(meshes[:3]), None) is None


def test_every_limit_belongs_to_a_cue_and_names_are_unique() -> None:
    names = [cue.name for cue in ALL_CUES]
    assert len(set(names)) == len(names)
    assert set(LIMITS) <= set(names)
