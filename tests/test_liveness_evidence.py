"""What silent liveness does on real presentations: few, so counts are demanded and not rates."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from veridical.face import FaceDetector, FaceMesher, look
from veridical.liveness import SilentCheck
from veridical.media import read_clip, read_image
from veridical.models import ModelStore
from veridical.rehearsal.simulate import simulate
from veridical.result import Measurement, OperatingPoint
from veridical.types import Clip, Image, View

pytestmark = [pytest.mark.models, pytest.mark.shared]

VIEWS = 12
"""As many as a transaction looks at."""
Capture = tuple[list[View], Clip | None]


class Judge:
    """Looks at captures and judges them with one model set."""

    def __init__(self, store: ModelStore, profile: str) -> None:
        models = store.profile(profile)
        self.point: OperatingPoint = store.operating_points(models)["liveness.silent"].point
        self.check = SilentCheck.load(store, models)
        self._detector = FaceDetector(store.session(models.roles["detector"][0]))
        self._mesher = FaceMesher(store.session(models.roles["mesh"][0]))

    def view(self, image: Image, time_ms: float) -> View:
        return look(image, self._detector, self._mesher, time_ms)

    def capture(self, path: Path) -> Capture:
        if path.suffix == ".jpg":
            return [self.view(read_image(path), 0.0)], None
        clip = read_clip(path)
        chosen = np.linspace(0, len(clip.frames) - 1, VIEWS).round().astype(int)
        return [self.view(clip.frames[i], float(clip.times_ms[i])) for i in chosen], clip

    def changed(self, capture: Capture, change: Callable[[Image], Image]) -> Measurement:
        return self.check([self.view(change(v.image), v.time_ms) for v in capture[0]])


@pytest.fixture(scope="module")
def judge(store: ModelStore) -> Judge:
    return Judge(store, store.profile("auto").name)


@pytest.fixture(scope="module")
def presentations(judge: Judge, shared: Path) -> Mapping[str, tuple[str, Capture]]:
    folder = shared / "data" / "pad"
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["presentation"] not in SKIPPED]
    return {
        row["presentation"]: (row["label"], judge.capture(folder / row["file"])) for row in rows
    }


SKIPPED = ("grid_c", "grid_d", "grid_e")
"""Studio clips like the two that are kept: they would only cost time here."""


def test_real_attacks_are_refused_and_real_people_are_not(
    judge: Judge, presentations: Mapping[str, tuple[str, Capture]]
) -> None:
    assert len(presentations) == 7
    for name, (label, (views, clip)) in presentations.items():
        found = judge.check(views, clip)
        assert found.score is not None, (name, found.reason)
        if label == "attack":
            assert found.score < judge.point.reject_below, name
            assert found.reason, name
        else:
            assert found.score >= judge.point.accept_at, (name, found.evidence)


@pytest.mark.parametrize("profile", ["standard", "registry"])
def test_an_ordinary_webcam_clip_is_not_rejected_by_any_profile(
    store: ModelStore, presentations: Mapping[str, tuple[str, Capture]], profile: str
) -> None:
    if not all(store.has(name) for name in store.profile(profile).roles["silent"]):
        pytest.skip(f"the {profile} models are not pulled")
    judge = Judge(store, profile)
    views, clip = presentations["webcam_1"][1]
    found = judge.check(views, clip)
    assert found.score is not None
    assert found.score >= judge.point.accept_at


def jpeg(image: Image) -> Image:
    _, data = cv2.imencode(".jpg", image.pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 20])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return Image(np.ascontiguousarray(decoded[:, :, ::-1]))


def quarter(image: Image) -> Image:
    small = cv2.resize(image.pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return Image(np.asarray(cv2.resize(small, (image.width, image.height)), np.uint8))


def darker(image: Image) -> Image:
    return Image((255 * (image.pixels / 255.0) ** 1.8).astype(np.uint8))


def brighter(image: Image) -> Image:
    return Image((255 * (image.pixels / 255.0) ** 0.6).astype(np.uint8))


def noisy(image: Image) -> Image:
    noise = np.random.default_rng(0).normal(0, 8, image.pixels.shape)
    return Image(np.clip(image.pixels + noise, 0, 255).astype(np.uint8))


def grey(image: Image) -> Image:
    one = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY)
    return Image(np.repeat(np.asarray(one, np.uint8)[:, :, None], 3, axis=2))


@pytest.mark.parametrize("change", [jpeg, quarter, darker, brighter, noisy, grey])
def test_no_degradation_lets_an_attack_pass_that_was_refused(
    judge: Judge,
    presentations: Mapping[str, tuple[str, Capture]],
    change: Callable[[Image], Image],
) -> None:
    for name, (label, (views, _)) in presentations.items():
        if label == "attack":
            found = judge.changed((views[::4], None), change)
            assert found.score is None or found.score < judge.point.accept_at, name


@pytest.mark.parametrize(("change", "reason"), [(noisy, "too_noisy"), (grey, "grey_picture")])
def test_what_misleads_networks_is_not_assessed(
    judge: Judge,
    presentations: Mapping[str, tuple[str, Capture]],
    change: Callable[[Image], Image],
    reason: str,
) -> None:
    for name in ("webcam_1", "f1"):
        views, _ = presentations[name][1]
        found = judge.changed((views[:2], None), change)
        assert (found.score, found.reason) == (None, reason)


def test_simulated_attacks_rank_below_the_capture_they_were_made_of(
    judge: Judge, presentations: Mapping[str, tuple[str, Capture]]
) -> None:
    for name in ("webcam_1", "grid_s1"):
        views = presentations[name][1][0][::2]
        times = np.array([view.time_ms for view in views])
        clip = Clip(tuple(view.image for view in views), times)
        own = judge.check(views, clip).score
        assert own is not None
        for attack in ("print", "screen_replay", "bordered_tablet"):
            made = simulate(attack, clip, seed=7)
            seen = [judge.view(f, float(t)) for f, t in zip(made.frames, times, strict=True)]
            score = judge.check(seen, made).score
            assert score is None or score < own, (name, attack)
