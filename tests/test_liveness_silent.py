"""The silent check: vote, gate, doubt. Networks are stand-ins here; their figures are measured."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from veridical.errors import ModelError
from veridical.liveness import FrameScorer, SilentCheck, read_settings
from veridical.liveness.cues import Limits
from veridical.liveness.ensemble import Ensemble
from veridical.liveness.silent import vote
from veridical.models import ModelStore, Session, read_profiles
from veridical.result import ModelRef
from veridical.types import Box, Clip, Face, Image, View

SETTINGS = read_settings()
ENSEMBLE = Ensemble("alone", "baseline", (("net",),))


class Scripted(FrameScorer):
    """Answers given scores in turn."""

    def __init__(self, *scores: float) -> None:
        self._scores = list(scores)
        self.ref = ModelRef("net", "0" * 64)

    def steady(self, image: Image, box: Box) -> float:
        return self(image, box)

    def __call__(self, image: Image, box: Box) -> float:
        return self._scores.pop(0)

    def in_view(self, image: Image, box: Box) -> float:
        return 1.0


class Narrow(Scripted):
    """Wants twice the window the picture offers."""

    def in_view(self, image: Image, box: Box) -> float:
        return 0.5


class FixedCue:
    """A cue that always answers the same value."""

    name = "fixed"
    reason = "fixed_reason"

    def __init__(self, value: float | None) -> None:
        self.value = value

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        return self.value


def face(left: float = 220, top: float = 150, width: float = 100, height: float = 130) -> Face:
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
    placed = points * np.array([width, height], np.float32) + np.array([left, top], np.float32)
    return Face(Box(left, top, left + width, top + height), 0.9, placed.astype(np.float32))


def scene(seed: int = 0) -> Image:
    """A colourful smooth scene with structure and a little noise, as a camera gives."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:480, 0:640].astype(np.float64)
    channels = [
        120 + 50 * np.sin(x / 37 + k) + 30 * np.cos(y / 23 - k) + 20 * np.sin(x * y / 9000)
        for k in range(3)
    ]
    pixels = np.stack(channels, axis=2) + rng.normal(0, 1, (480, 640, 3))
    return Image(np.clip(pixels, 0, 255).astype(np.uint8))


def view(image: Image | None = None, subject: Face | None = None, time_ms: float = 0.0) -> View:
    subject = subject or face()
    return View(image or scene(), (subject,), subject, time_ms=time_ms)


def check(*scores: float, cue: FixedCue | None = None) -> SilentCheck:
    cues = {"fixed": Limits(1.0, 3.0)} if cue else {}
    settings = replace(SETTINGS, cues=cues)
    return SilentCheck({"net": Scripted(*scores)}, ENSEMBLE, settings, [cue] if cue else [])


def test_one_picture_is_one_score() -> None:
    found = check(0.83)([view()])
    assert found.check == "liveness.silent"
    assert found.score == pytest.approx(0.83)
    assert found.reason == ""
    assert found.evidence["ensemble"] == "alone"
    assert found.evidence["assurance"] == "baseline"
    assert found.evidence["views_judged"] == 1
    assert [model.name for model in found.models] == ["net"]


def test_a_single_lucky_frame_does_not_pass_an_attack() -> None:
    found = check(0.02, 0.01, 0.99, 0.03, 0.02)([view(time_ms=t) for t in range(5)])
    assert found.score == pytest.approx(0.02)
    assert found.reason == "presentation_attack"
    assert found.evidence["low_share"] == pytest.approx(0.8)


def test_a_single_unlucky_frame_does_not_fail_an_applicant() -> None:
    found = check(0.95, 0.9, 0.05, 0.92, 0.97, 0.9)([view(time_ms=t) for t in range(6)])
    assert found.score == pytest.approx(0.91)


def test_few_frames_are_judged_by_the_same_rule() -> None:
    assert check(0.9, 0.9, 0.05, 0.9)([view(time_ms=t) for t in range(4)]).score == 0.9
    two_low = check(0.9, 0.05, 0.05, 0.9)([view(time_ms=t) for t in range(4)])
    assert two_low.score == pytest.approx(0.05 + SETTINGS.vote.trail_at_most)


def test_a_clip_of_which_a_third_looks_like_an_attack_is_held_back() -> None:
    found = check(0.9, 0.05, 0.9, 0.9, 0.05, 0.9)([view(time_ms=t) for t in range(6)])
    assert found.score == pytest.approx(0.05 + SETTINGS.vote.trail_at_most)


def test_a_network_that_breaks_passes_nobody() -> None:
    found = check(0.9, math.nan, 0.9)([view(time_ms=t) for t in range(3)])
    assert found.score is None
    assert found.reason == "not_a_number"
    assert not found.assessed


def test_nan_stays_nan_through_fusion_and_vote() -> None:
    pair = Ensemble("pair", "standard", (("a", "b"), ("c",)))
    assert math.isnan(pair.fuse({"a": 0.9, "b": math.nan, "c": 0.9}))
    assert math.isnan(vote([0.9, math.nan, 0.9], SETTINGS.vote))
    assert math.isnan(vote([], SETTINGS.vote))


def test_fusion_takes_a_family_as_one_voice() -> None:
    pair = Ensemble("pair", "standard", (("a", "b"), ("c",)))
    assert pair.fuse({"a": 1.0, "b": 0.5, "c": 0.25}) == pytest.approx(0.5)


def to_grey(image: Image) -> Image:
    grey = image.pixels.mean(axis=2, keepdims=True).astype(np.uint8)
    return Image(np.repeat(grey, 3, axis=2))


def to_sepia(image: Image) -> Image:
    grey = image.pixels.mean(axis=2, keepdims=True)
    return Image(np.clip(grey * np.array([1.0, 0.97, 0.92]), 0, 255).astype(np.uint8))


def to_noisy(image: Image) -> Image:
    noise = np.random.default_rng(1).normal(0, 8, image.pixels.shape)
    return Image(np.clip(image.pixels + noise, 0, 255).astype(np.uint8))


def to_dark(image: Image) -> Image:
    return Image((image.pixels * 0.15).astype(np.uint8))


def to_bright(image: Image) -> Image:
    return Image((245 + image.pixels // 26).astype(np.uint8))


def to_tight(image: Image) -> Image:
    return Image(np.ascontiguousarray(image.pixels[140:290, 205:335]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (to_grey, "grey_picture"),
        (to_sepia, "grey_picture"),
        (to_noisy, "too_noisy"),
        (to_dark, "too_dark"),
        (to_bright, "too_bright"),
    ],
)
def test_what_cannot_be_judged_is_not_assessed(
    change: Callable[[Image], Image], reason: str
) -> None:
    found = check(0.99)([view(change(scene()))])
    assert found.score is None
    assert found.reason == reason
    assert found.evidence[f"views_{reason}"] == 1


def test_a_tight_crop_is_not_assessed() -> None:
    found = check(0.99)([view(to_tight(scene()), face(15, 10))])
    assert (found.score, found.reason) == (None, "face_too_close")


def test_a_small_face_is_not_assessed() -> None:
    found = check(0.99)([view(subject=face(width=60, height=78))])
    assert (found.score, found.reason) == (None, "face_too_small")


def test_a_turned_head_is_not_assessed() -> None:
    turned = face()
    turned.points[2, 0] += 40
    found = check(0.99)([view(subject=turned)])
    assert (found.score, found.reason) == (None, "look_straight")


@pytest.mark.parametrize("reason", ["no_face", "multiple_faces"])
def test_a_view_without_a_subject_gives_its_reason(reason: str) -> None:
    found = check()([View(scene(), (), None, reason)])
    assert (found.score, found.reason) == (None, reason)


def test_no_view_at_all_is_no_face() -> None:
    assert check()([]).reason == "no_face"


def test_half_of_the_views_must_be_usable() -> None:
    blind = View(scene(), (), None, "no_face")
    assert check(0.9, 0.9)([view(), blind, view(), blind]).score == pytest.approx(0.9)
    assert check(0.9)([view(), blind, blind]).reason == "no_face"


def test_at_most_the_configured_number_of_views_is_judged() -> None:
    count = SETTINGS.vote.views_at_most
    found = check(*[0.9] * count)([view(time_ms=t) for t in range(15)])
    assert found.evidence["views_judged"] == count
    assert found.evidence["views"] == 15


@pytest.mark.parametrize(
    ("value", "score", "reason"),
    [
        (None, 0.9, ""),
        (math.nan, 0.9, ""),
        (0.5, 0.9, ""),
        (1.1, 0.9, ""),
        (2.0, 0.5, "fixed_reason"),
        (9.0, 0.0, "fixed_reason"),
    ],
)
def test_a_cue_lowers_and_never_raises(value: float | None, score: float, reason: str) -> None:
    found = check(0.9, cue=FixedCue(value))([view()])
    assert found.score == pytest.approx(score)
    assert found.reason == reason
    low = check(0.1, cue=FixedCue(value))([view()])
    assert low.score is not None
    assert low.score <= 0.1


@pytest.mark.parametrize(("score", "told"), [(0.9, 0.7), (0.5, 0.5), (0.1, 0.3)])
def test_what_a_network_cannot_see_makes_it_doubt(score: float, told: float) -> None:
    narrow = SilentCheck({"net": Narrow(score)}, ENSEMBLE, replace(SETTINGS, cues={}))
    found = narrow([view()])
    assert found.score == pytest.approx(told)
    assert found.evidence["in_view"] == 0.5


def test_an_ensemble_without_some_networks_is_worth_less() -> None:
    whole = Ensemble("all", "standard", (("a", "b"), ("c",)))
    assert whole.without(()) is whole
    assert whole.without({"a"}) == Ensemble("all", "baseline", (("b",), ("c",)))
    assert whole.without({"a", "b"}) == Ensemble("all", "baseline", (("c",),))
    assert whole.without({"a", "b", "c"}) is None


@pytest.mark.models
def test_missing_networks_lower_the_assurance(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"minifasnet-v1se"}
    opened = store.session

    def session(name: str) -> Session:
        if name in refused:
            raise ModelError(f"model {name} is not there", "model.missing")
        return opened(name)

    monkeypatch.setattr(store, "session", session)
    found = SilentCheck.load(store, store.profile("standard"))([view()])
    assert found.evidence["assurance"] == "baseline"
    assert [model.name for model in found.models] == ["minifasnet-v2"]
    refused.add("minifasnet-v2")
    with pytest.raises(ModelError) as caught:
        SilentCheck.load(store, store.profile("standard"))
    assert caught.value.code == "model.missing"


def test_limits_must_leave_room_between() -> None:
    with pytest.raises(ValueError, match="above"):
        Limits(1.0, 1.0)


@pytest.mark.parametrize("name", read_profiles())
def test_every_profile_has_its_ensemble(name: str) -> None:
    members = read_profiles()[name].roles["silent"]
    expected = "registry" if name == "registry" else "standard"
    assert SETTINGS.ensemble(members).name == expected


def test_faceplugin_does_not_judge_beside_the_pair() -> None:
    assert "faceplugin-liveness" not in read_profiles()["standard"].models


def test_an_ensemble_of_other_members_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        SETTINGS.ensemble(["faceplugin-liveness", "minifasnet-v2"])
    assert caught.value.code == "model.unknown"


@pytest.mark.models
def test_the_check_loads_from_pulled_models(store: ModelStore) -> None:
    found = SilentCheck.load(store, store.profile("registry"))([view()])
    assert found.evidence["assurance"] == "baseline"
    assert [model.name for model in found.models] == ["faceplugin-liveness"]
    assert found.score is not None
    assert 0 <= found.score <= 1
