"""One picture or two? A portrait handed in again, in any dress, and another of the person."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.cli.demo import PRODUCTION
from veridical.evaluation.waive import judged_without_mark
from veridical.face.copy import CopyCheck
from veridical.rehearsal.samples import Sample
from veridical.types import Box, Face, Image, View
from veridical.verification import Settings, load_policy, load_verifier

Pixels = NDArray[np.uint8]
POINTS = np.array([[70, 90], [130, 90], [100, 125], [78, 150], [122, 150]], np.float32)


def face(seed: int) -> Pixels:
    """A picture with detail of all sizes where a face would be."""
    rng = np.random.default_rng(seed)
    made = np.full((220, 200), 120, np.float32)
    for width in (24, 12, 6, 3):
        noise = cv2.GaussianBlur(rng.normal(0, 1, (220, 200)).astype(np.float32), (0, 0), width / 2)
        made += 18 * noise / noise.std()
    return np.repeat(np.clip(made, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def view(pixels: Pixels, points: NDArray[np.float32] = POINTS) -> View:
    found = Face(Box(50, 50, 150, 180), 0.9, points)
    return View(Image(np.ascontiguousarray(pixels)), (found,), found)


def jpeg(pixels: Pixels) -> Pixels:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def brighter(pixels: Pixels) -> Pixels:
    ramp = np.linspace(0.6, 1.2, pixels.shape[1])[None, :, None]
    return np.clip(255 * (pixels / 255.0) ** 0.8 * ramp, 0, 255).astype(np.uint8)


DRESSES: list[Callable[[Pixels], Pixels]] = [
    lambda pixels: pixels,
    jpeg,
    brighter,
    lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.2), np.uint8),
    lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
]


@pytest.mark.parametrize("dress", range(len(DRESSES)))
def test_a_copy_is_told(dress: int) -> None:
    made = DRESSES[dress](face(1))
    points = POINTS if dress < 4 else POINTS[[1, 0, 2, 4, 3]] * [-1, 1] + [199, 0]
    measured = CopyCheck()(view(face(1)), [view(made, np.asarray(points, np.float32))])
    assert measured.score is not None
    assert measured.score < 0.015
    assert measured.evidence["mirrored"] is (dress == 4)


def test_enlarged_and_turned_it_is_still_the_same() -> None:
    turn = cv2.getRotationMatrix2D((100, 110), 14, 2.0)
    turn[:, 2] += (120, 130)
    made = np.asarray(cv2.warpAffine(face(1), turn, (440, 480), flags=cv2.INTER_CUBIC), np.uint8)
    points = (POINTS @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    measured = CopyCheck()(view(face(1)), [view(made, points)])
    assert measured.score is not None
    assert measured.score < 0.015


def with_glasses(pixels: Pixels) -> Pixels:
    made = pixels.copy()
    for x in (70, 130):
        cv2.ellipse(made, (x, 90), (24, 17), 0, 0, 360, (30, 25, 25), 4, cv2.LINE_AA)
    cv2.line(made, (94, 88), (106, 88), (30, 25, 25), 4)
    return made


def test_glasses_drawn_on_hide_no_copy_and_make_none() -> None:
    copied = CopyCheck()(view(face(1)), [view(with_glasses(face(1)))])
    assert copied.score is not None
    assert copied.score < 0.015
    both = CopyCheck()(view(with_glasses(face(1))), [view(with_glasses(face(2)))])
    assert both.score is not None
    assert both.score > 0.1


def test_another_picture_is_none() -> None:
    measured = CopyCheck()(view(face(1)), [view(face(2))])
    assert measured.score is not None
    assert measured.score > 0.3


def test_one_copy_among_the_frames_is_enough() -> None:
    measured = CopyCheck()(view(face(1)), [view(face(2)), view(face(1)), view(face(3))])
    assert measured.score is not None
    assert measured.score < 0.015


def test_what_cannot_be_compared_says_why() -> None:
    nobody = View(Image(face(1)), (), None, "no_face")
    dark = (face(1) // 60).astype(np.uint8)
    small = view(face(1), (POINTS / 6).astype(np.float32))
    check = CopyCheck()
    assert check(nobody, [view(face(2))]).reason == "portrait_no_face"
    assert check(small, [view(face(2))]).reason == "portrait_too_small"
    assert check(view(dark), [view(face(2))]).reason == "portrait_unclear"
    assert check(view(face(1)), [nobody]).reason == "no_face"


@pytest.mark.parametrize(("name", "status"), [("genuine", "pass"), ("portrait", "fail")])
def test_the_samples(samples: dict[str, Sample], store: object, name: str, status: str) -> None:
    """Under the demo's policy, and as the demo shows a policy of production, mark aside."""
    verifier = load_verifier(Settings(policy="demo"))
    analysis = verifier.analyse(samples[name].transaction)
    verdict = verifier.judge(analysis, load_policy("demo"))
    found = next(result for result in verdict.results if result.check == "face.copy")
    assert found.status == status
    wanted = "accept" if status == "pass" else "reject"
    assert verdict.outcome == wanted
    production = load_policy(PRODUCTION)
    as_it_is = verifier.judge(analysis, production)
    assert (as_it_is.outcome, as_it_is.first_cause) == ("reject", "document.specimen:specimen_mark")
    assert judged_without_mark(as_it_is.results, production).outcome == wanted
