"""The figures of `evaluate light` and `motion`, and the light and movement they simulate."""

import random
from pathlib import Path

import numpy as np
import pytest

from tests.light_standins import lit_views, mesh_at
from veridical.evaluation.protocols.light import (
    Filmed,
    held_against,
    light_figures,
    reduced,
    thinned,
)
from veridical.evaluation.protocols.motion import (
    Mover,
    distinguishable,
    followed,
    motion_figures,
)
from veridical.evaluation.protocols.motion import held_against as head_against
from veridical.liveness.light import draw_colours
from veridical.liveness.motion import HeadTrack, draw_turns
from veridical.rehearsal.relight import Lamp, encoded, relight, shaken
from veridical.result import OperatingPoint
from veridical.types import Clip, Colours, Image

RED = Colours(("#ff0000",), (0.0,), 3000.0)
CLIPS = [Filmed(n + 2, Path("clip.mp4"), f"person{n}", "genuine", "") for n in range(4)]


def grey_clip(frames: int = 20) -> Clip:
    image = Image(np.full((120, 160, 3), 120, np.uint8))
    return Clip((image,) * frames, np.arange(frames, dtype=np.float64) * 66.7)


def test_red_light_reddens_the_face_more_than_the_room() -> None:
    clip, lamp = grey_clip(), Lamp(0.3, balance=0, exposure=0)
    lit = relight(clip, [mesh_at()] * 20, RED, lamp).frames[10].pixels.astype(int)
    assert lit[60, 80, 0] > lit[5, 5, 0] > 120
    assert lit[60, 80, 1] == 120
    tinted = relight(clip, [mesh_at()] * 20, RED, Lamp(0.3, even=True, balance=0, exposure=0))
    assert np.ptp(tinted.frames[10].pixels[:, :, 0].astype(int)) == 0


def test_light_comes_late_fades_under_white_balance_and_may_be_inverted() -> None:
    clip = grey_clip(60)
    meshes = [mesh_at()] * 60
    late = relight(clip, meshes, RED, Lamp(0.3, lag_ms=1000, balance=0, exposure=0))
    assert late.frames[10].pixels[60, 80, 0] == 120
    assert late.frames[20].pixels[60, 80, 0] > 130
    balanced = relight(clip, meshes, RED, Lamp(0.3, balance=1, exposure=0))
    early, end = (int(balanced.frames[at].pixels[60, 80, 0]) for at in (5, 59))
    assert end < early
    turned = relight(clip, meshes, RED, Lamp(0.3, inverted=True, balance=0, exposure=0))
    assert turned.frames[10].pixels[60, 80, 0] == 120
    assert turned.frames[10].pixels[60, 80, 2] > 130


def test_clips_are_encoded_shaken_thinned_and_reduced() -> None:
    clip = grey_clip(40)
    again = encoded(clip, 20_000)
    assert len(again.frames) == 40
    assert abs(int(again.frames[20].pixels[60, 80, 1]) - 120) <= 3
    assert shaken(clip, 0.05, random.Random(0)).frames[3].pixels.shape == (120, 160, 3)
    assert 7 < thinned(clip, 8).fps < 9
    assert thinned(clip, 0) is clip
    large = Clip(
        (Image(np.zeros((900, 1200, 3), np.uint8)),) * 4, np.arange(4, dtype=np.float64) * 30.0
    )
    small = reduced(large)
    assert (small.frames[0].width, len(small.frames)) == (400, 2)


def test_ranks_of_a_clip_fixed_before_the_draw_are_even() -> None:
    views = lit_views(draw_colours(6000, random.Random(1)), 0.3)
    rows = held_against("forged", views, 5900, 800, 3)
    values = np.array([float(str(row["p"])) for row in rows])
    assert len(values) == 800
    assert 0.35 < np.median(values) < 0.65
    assert (values <= 0.01).mean() < 0.03
    assert held_against("none", [], 5900, 10, 3) == []


def light_row(unit: int, condition: str, p: float, tone: float = 0.3) -> dict[str, str]:
    score = "" if p > 0.05 else str(-np.log10(p))
    return {"unit": str(unit), "condition": condition, "score": score, "reason": "light_too_weak",
            "p": str(p), "p_room": "", "gain": "0.05", "room_share": "0.2", "uneven": "0.1",
            "tone": str(tone), "cpu_ms": "20"}  # fmt: skip


def test_light_figures_count_what_is_accepted() -> None:
    rows = [light_row(n, "share_4", p) for n, p in enumerate((0.0002, 0.0004, 0.01, 0.3))]
    rows += [light_row(n % 4, "unlit", (n + 1) / 400, 0.1 * (n % 4)) for n in range(400)]
    figures = light_figures(rows, CLIPS, OperatingPoint(3.0, 0.0), 0).figures
    values = {path: value for path, value, *_ in figures.table()}
    assert float(values["accepted share_4"]) == 0.5
    assert float(values["not_assessed share_4"]) == 0.25
    assert float(values["accepted unlit"]) == 0
    assert float(values["p_at_most unlit 0.05"]) == pytest.approx(0.05)
    assert any("simulated" in note for note in figures.sentences())


def test_motion_figures_tell_chance_from_following() -> None:
    turns = draw_turns(source=random.Random(2))
    times_ms = np.arange(0, 9000, 80.0)
    wander = 12 * np.sin(times_ms / 700)[:, None] * (1, 0.3)
    track = HeadTrack(times_ms, wander, 4.0, len(times_ms))
    asked = followed(track, turns, Mover(), random.Random(3))
    assert np.ptp(asked.turned_deg, axis=0).max() > np.ptp(wander, axis=0).max()
    rows = [
        {"unit": "0", **{key: "" if value is None else str(value) for key, value in row.items()}}
        for row in head_against(track, "genuine", random.Random(4))
    ]
    figures = motion_figures(rows, CLIPS, OperatingPoint(2.0, 0.0), 0).figures
    values = {path: value for path, value, *_ in figures.table()}
    assert float(values["accepted unasked"]) < 0.2
    assert float(values["accepted followed"]) > 0.5
    assert distinguishable() > 80 > distinguishable(2)
