"""The light check on faces drawn to answer, or not to answer, what was shown."""

import random
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.light_standins import lit_views
from veridical.liveness.challenge import draw_challenge, with_colours
from veridical.liveness.light import LightCheck
from veridical.liveness.light.report import light_report
from veridical.result import OperatingPoint
from veridical.types import Arrival, Challenge, Colours, Mesh

KEY = bytes(range(32))
CHECK = LightCheck(KEY, draws=999)


def asked(seed: int = 0) -> Challenge:
    return with_colours(draw_challenge(source=random.Random(seed)), random.Random(seed + 1))


def colours_of(challenge: Challenge) -> Colours:
    assert challenge.colours is not None
    return challenge.colours


def test_a_lit_face_passes_and_its_lag_is_found() -> None:
    challenge = asked()
    found = CHECK(lit_views(colours_of(challenge), 0.1, lag_ms=200), challenge)
    assert found.score == pytest.approx(3.0)
    assert 120 <= float(found.evidence["lag_ms"] or 0) <= 280
    assert float(found.evidence["room_share"] or 0) < 0.3
    assert found.evidence["revealed"] == "at_once"


def test_the_same_clip_fails_another_draw() -> None:
    challenge = asked()
    views = lit_views(colours_of(challenge), 0.3, until_ms=11_000)
    scores = [CHECK(views, asked(seed)).score or 0.0 for seed in range(10, 30)]
    assert max(scores) < 3.0
    assert sum(score > 0 for score in scores) <= 5  # about one in twenty by chance


def test_p_values_of_unlit_faces_are_spread_evenly() -> None:
    unlit = [lit_views(colours_of(asked()), 0.0, seed=seed, until_ms=11_000) for seed in (1, 2)]
    found = [CHECK.examine(unlit[seed % 2], asked(seed + 100)) for seed in range(24)]
    values = np.array([one.face.p for one in found if one.face is not None])
    assert len(values) == 24
    assert 0.3 < values.mean() < 0.7
    assert np.quantile(values, 0.9) > 0.7


def test_one_challenge_and_clip_give_one_answer_and_another_key_other_draws() -> None:
    challenge = asked()
    views = lit_views(colours_of(challenge), 0.0)
    first, again = (CHECK.examine(views, challenge).face for _ in range(2))
    other = LightCheck(bytes(32), draws=999).examine(views, challenge).face
    assert first == again
    assert other is not None
    assert first is not None
    assert other.p != first.p
    with pytest.raises(ValueError, match="16 bytes"):
        LightCheck(b"short")(views, challenge)


def test_what_cannot_be_judged_says_why() -> None:
    challenge = asked()
    colours = colours_of(challenge)

    def reason(**changed: object) -> str:
        found = CHECK(lit_views(colours, 0.1, **changed), challenge)  # type: ignore[arg-type]
        assert found.score is None
        return found.reason

    assert CHECK([], None).reason == "light_no_challenge"
    assert CHECK([], Challenge("839217")).reason == "light_no_challenge"
    assert CHECK([], challenge).reason == "too_few_frames"
    assert reason(grey=True) == "colour_missing"
    assert reason(fps=6.0) == "frame_rate_low"
    assert reason(until_ms=4000.0) == "clip_too_short"
    assert reason(lag_ms=1100.0) == "painted_late"
    assert reason(inverted=True) == "light_inverted"
    assert reason(room=1.0) == "light_everywhere"
    unlit = CHECK(lit_views(colours, 0.0, seed=4), challenge)
    assert (unlit.score, unlit.reason) == (None, "light_too_weak")


def test_a_warm_screen_is_still_answered() -> None:
    challenge = asked()
    found = CHECK(lit_views(colours_of(challenge), 0.1, strength=(1, 0.75, 0.3)), challenge)
    assert found.score == pytest.approx(3.0)
    assert float(found.evidence["blue_share"] or 0) < 0.8


def test_slices_that_arrive_late_are_not_assessed() -> None:
    challenge = asked()
    colours = colours_of(challenge)
    views = lit_views(colours, 0.1)
    on_time = [Arrival(t, t + 400) for t in range(500, int(colours.end_ms), 500)]
    found = CHECK(views, challenge, on_time)
    assert found.score == pytest.approx(3.0)
    assert found.evidence["revealed"] == "stepwise"
    late = [*on_time[:-1], replace(on_time[-1], arrived_ms=on_time[-1].arrived_ms + 9000)]
    assert CHECK(views, challenge, late).reason == "slices_late"


def test_the_report_draws_bands_and_loads_nothing() -> None:
    challenge = asked()
    views = lit_views(colours_of(challenge), 0.1)
    page = light_report(
        CHECK.examine(views, challenge),
        CHECK(views, challenge).evidence,
        OperatingPoint(3.0, 0.0),
    )
    assert "<svg" in page
    assert "pass" in page
    assert not re.search(r"(src|href)=.(https?:)?//|@import|url\((?!#)", page)
    none = light_report(CHECK.examine([], None), {}, None)
    assert "light_no_challenge" in none


def test_broken_and_far_meshes_are_no_fault_of_ours() -> None:
    challenge = asked()
    views = lit_views(colours_of(challenge), 0.1)
    mesh = views[0].mesh
    assert mesh is not None
    broken = [replace(view, mesh=Mesh(mesh.points * np.float32(np.nan), 1.0)) for view in views]
    assert CHECK(broken, challenge).score is None
    for points in (mesh.points - 1e6, mesh.points + 1e6, mesh.points * 1e4):
        far = [replace(view, mesh=Mesh(points, 1.0)) for view in views[:20]]
        assert CHECK(far, challenge).reason == "clip_too_short"
