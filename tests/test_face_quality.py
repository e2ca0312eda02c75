"""Quality: every aspect falls with what harms it, and the applicant is told the right thing."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.face_standins import RuleSession, face_at, mean_colour, plain, turned_head, view_of
from veridical.face import FaceDetector, FaceEmbedder, FaceMesher, FaceQualityCheck, look
from veridical.face.components import Component, _Crop, _sharpness, measure_components
from veridical.face.quality import ADVICE, WEIGHTS, advice, ask_again, unified_quality
from veridical.face.recogniser import Recogniser, RecogniserInput
from veridical.media import read_image
from veridical.models import ModelStore, read_card
from veridical.types import Image, View
from veridical.verification import reasons

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels], Pixels]

NOBODY = View(plain(1, 2, 3), (), None, "no_face")
FACE = face_at(50, 50, 200)
VIEW = view_of(plain(150, 120, 100), FACE)


def by_name(view: View) -> dict[str, Component]:
    return {component.name: component for component in measure_components(view)}


def test_the_same_aspects_come_with_and_without_a_mesh() -> None:
    bare = by_name(view_of(plain(150, 120, 100), FACE))
    meshed = by_name(view_of(plain(150, 120, 100), FACE, mesh=turned_head()))
    assert list(bare) == list(meshed)
    assert bare["yaw"].quality is None
    assert meshed["yaw"].quality == pytest.approx(100, abs=0.1)
    for component in (*bare.values(), *meshed.values()):
        assert component.quality is None or 0 <= component.quality <= 100, component


def test_every_weighted_aspect_is_measured_and_every_advice_has_its_texts() -> None:
    measured = {*by_name(view_of(plain(9, 9, 9), FACE)), "recognisability"}
    assert WEIGHTS.keys() <= measured
    assert ADVICE.keys() <= WEIGHTS.keys()
    assert set(ADVICE.values()) | {"too_bright"} <= reasons().keys()


@pytest.mark.parametrize(
    ("aspect", "better", "worse"),
    [
        ("yaw", turned_head(5), turned_head(35)),
        ("pitch", turned_head(0, 5), turned_head(0, -30)),
        ("roll", turned_head(0, 0, 3), turned_head(0, 0, 30)),
    ],
)
def test_a_turned_head_costs_its_aspect(aspect: str, better: object, worse: object) -> None:
    good, bad = (
        by_name(view_of(plain(150, 120, 100), FACE, mesh=mesh))[aspect].quality  # type: ignore[arg-type]
        for mesh in (better, worse)
    )
    assert good is not None
    assert bad is not None
    assert good > bad + 10


def test_a_head_at_the_side_costs_its_centring_and_no_more() -> None:
    middle = turned_head()
    aside = replace(middle, points=middle.points + np.array([130, 0, 0], np.float32))
    good, bad = (by_name(view_of(plain(9, 9, 9), FACE, mesh=mesh)) for mesh in (middle, aside))
    assert (good["centring"].quality, bad["centring"].quality) == (100, 0)
    assert bad["head_size"].raw == pytest.approx(good["head_size"].raw, rel=1e-4)


def test_a_second_face_shows_in_its_aspect() -> None:
    alone = by_name(view_of(plain(9, 9, 9), FACE))["single_face"]
    beside = by_name(view_of(plain(9, 9, 9), FACE, face_at(0, 0, 100)))["single_face"]
    assert (alone.quality, beside.quality) == (100, pytest.approx(50))


def test_one_hopeless_aspect_sinks_the_whole() -> None:
    good = [Component(name, 1.0, 90.0) for name in WEIGHTS]
    assert unified_quality(good) > 30
    for name in ("sharpness", "yaw", "luminance_mean", "lower_face_visible"):
        spoilt = [Component(c.name, c.raw, 0.0 if c.name == name else c.quality) for c in good]
        assert unified_quality(spoilt) < 1
        assert advice(VIEW, spoilt) == ADVICE[name] or name == "luminance_mean"


def test_aspects_that_were_not_assessed_do_not_count() -> None:
    assert (
        unified_quality([Component("sharpness", None, None), Component("yaw", 0.0, 100.0)]) == 100
    )


@pytest.mark.parametrize(("raw", "code"), [(0.1, "too_dark"), (0.9, "too_bright")])
def test_poor_brightness_is_named_by_its_side(raw: float, code: str) -> None:
    found = [Component("luminance_mean", raw, 5.0), Component("yaw", 0.0, 99.0)]
    assert advice(VIEW, found) == code


def test_a_face_from_the_side_is_told_to_look_straight_and_not_to_come_closer() -> None:
    near = [Component("inter_eye_distance", 20.0, 1.0), Component("yaw", 30.0, 75.0)]
    assert advice(VIEW, near) == "face_too_small"
    side = replace(turned_head(), presence=0.1)
    assert advice(view_of(plain(150, 120, 100), FACE, mesh=side), near) == "look_straight"
    squeezed = replace(FACE, points=FACE.points * np.array([0.2, 1.0], np.float32))
    assert advice(view_of(plain(150, 120, 100), squeezed), near) == "look_straight"


def test_who_is_hardly_recognised_is_told_what_is_really_poor_or_to_look_straight() -> None:
    fair = [Component("inter_eye_distance", 57.0, 35.0), Component("luminance_mean", 0.6, 95.0)]
    assert ask_again(VIEW, fair) == "look_straight"
    assert ask_again(VIEW, [*fair, Component("eyes_visible", 0.2, 10.0)]) == "face_covered"


def test_without_a_face_quality_is_not_assessed() -> None:
    check = FaceQualityCheck()
    for views in (NOBODY, [NOBODY, NOBODY], [], [NOBODY, NOBODY, view_of(plain(9, 9, 9), FACE)]):
        measurement = check(views)
        assert measurement.score is None
        assert measurement.reason == "no_face"


def test_a_clip_is_as_good_as_its_middle_view_and_evidence_stays_small() -> None:
    views = [view_of(plain(150, 120, 100), FACE, mesh=turned_head(yaw)) for yaw in (0, 0, 50, 0, 0)]
    clip, best = FaceQualityCheck()(views), FaceQualityCheck()(views[0])
    assert clip.score == pytest.approx(best.score)
    for key, value in clip.evidence.items():
        assert value is None or isinstance(value, int | float), key


def test_a_recogniser_adds_its_own_view() -> None:
    check = FaceQualityCheck(
        FaceEmbedder(
            Recogniser(RuleSession(mean_colour), RecogniserInput(poor_length=0, good_length=400))
        )
    )
    bright, dim = (check(view_of(plain(v, v, v), FACE)) for v in (160, 60))
    assert bright.evidence["recognisability_raw"] > dim.evidence["recognisability_raw"]  # type: ignore[operator]
    assert bright.models
    assert not FaceQualityCheck()(view_of(plain(9, 9, 9), FACE)).models


def test_a_card_without_measured_lengths_leaves_recognisability_open() -> None:
    card = read_card("auraface-v1")
    assert "poor_length" not in card.parameters
    check = FaceQualityCheck(FaceEmbedder.from_card(RuleSession(mean_colour), card))
    measurement = check(view_of(plain(160, 120, 90), FACE))
    assert measurement.evidence["recognisability"] is None
    assert measurement.score is not None
    assert measurement.score == FaceQualityCheck()(view_of(plain(160, 120, 90), FACE)).score


def blur(strength: float) -> Change:
    return lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), strength), np.uint8)


def darker(gain: float) -> Change:
    return lambda pixels: (pixels * gain).astype(np.uint8)


def smaller(scale: float) -> Change:
    def change(pixels: Pixels) -> Pixels:
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    return change


def side_light(rest: float) -> Change:
    def change(pixels: Pixels) -> Pixels:
        width = pixels.shape[1]
        lit = 1 / (1 + np.exp((np.arange(width) - width / 2) / 8))
        return (pixels * (lit * (1 - rest) + rest)[None, :, None]).astype(np.uint8)

    return change


def test_no_blur_is_so_strong_that_it_passes_for_detail() -> None:
    """Whole numbers make steps of a smooth slope, and steps were taken for fine gradients."""
    rng = np.random.default_rng(3)
    sharp = np.kron(rng.uniform(40, 220, (7, 7)), np.ones((16, 16))).astype(np.float32)
    found = []
    for sigma in (0.3, 1, 2, 4, 8):
        pixels = np.repeat(cv2.GaussianBlur(sharp, (0, 0), sigma).round()[..., None], 3, 2)
        found.append(_sharpness(_Crop.of(pixels.astype(np.uint8), None)).quality or 0.0)
    assert found == sorted(found, reverse=True)
    assert found[-1] < 5


@pytest.mark.parametrize(
    ("aspect", "towards"),
    [
        ("leftward_crop", (-1, 0)),
        ("rightward_crop", (1, 0)),
        ("margin_above", (0, -1)),
        ("margin_below", (0, 1)),
    ],
)
def test_a_face_near_a_side_costs_that_margin(aspect: str, towards: tuple[int, int]) -> None:
    mesh, found = turned_head(), []
    for far in (0.0, 0.6, 1.2):
        points = mesh.points.copy()
        points[:, :2] += np.array(towards, np.float32) * far * np.ptp(points[:, :2], axis=0)
        view = view_of(plain(150, 120, 100), FACE, mesh=replace(mesh, points=points))
        found.append(by_name(view)[aspect].raw or 0.0)
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0]


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([blur(1.5), blur(3), blur(5)], "blurred"),
        ([darker(0.5), darker(0.25), darker(0.12)], "too_dark"),
        ([side_light(0.5), side_light(0.2), side_light(0.07)], "turn_to_light"),
        ([smaller(0.6), smaller(0.4), smaller(0.25)], "face_too_small"),
    ],
    ids=["blur", "dark", "side light", "small"],
)
def test_quality_falls_with_every_step_of_harm(
    store: ModelStore, shared: Path, changes: list[Change], reason: str
) -> None:
    detector = FaceDetector(store.session("yunet-2023mar"))
    mesher = FaceMesher(store.session("facemesh-468"))
    folder = shared / "data/faces"
    with (folder / "colour.csv").open(encoding="utf-8") as file:
        files = [folder / row["file"] for row in csv.DictReader(file)][::14]
    check = FaceQualityCheck()
    by_step: list[list[float]] = []
    advised = []
    for change in (lambda pixels: pixels, *changes):
        scores = []
        for path in files:
            image = Image(np.ascontiguousarray(change(read_image(path).pixels)))
            measurement = check(look(image, detector, mesher))
            scores.append(measurement.score if measurement.score is not None else 0.0)
            advised.append(measurement.reason)
        by_step.append(scores)
    medians = [float(np.median(scores)) for scores in by_step]
    assert medians == sorted(medians, reverse=True)
    assert medians[-1] < 0.5 * medians[0]
    assert advised[-len(files) :].count(reason) >= len(files) // 2
