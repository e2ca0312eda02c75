"""The check: what it asks for, how it joins its scores, and that none can hide another."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.liveness.lips import Heard, LipsCheck, LipSync, MouthTrack
from veridical.liveness.lips.check import STILL_SCORE
from veridical.liveness.lips.fusion import CONSISTENCY, SCHEDULE, TEXT, Fusion
from veridical.liveness.lips.report import lips_report
from veridical.liveness.lips.sync import Codes, compare, similarity_curve
from veridical.liveness.lips.track import FEATURES
from veridical.models import ModelStore, read_card
from veridical.result import ModelRef, OperatingPoint
from veridical.types import Audio, Challenge

Floats = NDArray[np.float32]


class Agreeable:
    """A session for which lips and sound agree as well as it is told, at a lag."""

    ref = ModelRef("made-up", "0" * 64)
    metadata: Mapping[str, str] = MappingProxyType({})
    inputs: Mapping[str, tuple[int | str | None, ...]] = MappingProxyType({})

    def __init__(self, agreement: float, lag: int = 0) -> None:
        self.agreement = agreement
        self.lag = lag

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[Floats]:
        lips = feeds["lips"].astype(np.float32)
        random = np.random.default_rng(0)
        codes = random.normal(size=(lips.shape[1], 48)).astype(np.float32)
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
        other = random.normal(size=codes.shape).astype(np.float32)
        other /= np.linalg.norm(other, axis=1, keepdims=True)
        share = np.float32(self.agreement)
        sound = np.roll(share * codes + (1 - share) * other, self.lag, axis=0)
        noise = random.normal(size=lips.shape).astype(np.float32)
        expected = np.roll(share * lips + (1 - share) * noise, self.lag, axis=1)
        return [one.astype(np.float32) for one in (codes[None], sound[None], expected)]


class Reads:
    """A lip reader that says what it is told."""

    model = ModelRef("reads", "1" * 64)

    def __init__(self, score: float | None) -> None:
        self.score = score

    def __call__(self, lips: Floats, words: Sequence[str], language: str) -> float | None:
        assert lips.shape[1] == len(FEATURES)
        return self.score


FUSION = Fusion.from_card(read_card("lips-sync"))
SHOWN = (900.0, 1700.0, 2600.0, 3400.0, 4400.0, 5200.0)
CHALLENGE = Challenge("839217", "en", SHOWN)


def moving(seconds: float = 7.0, size: float = 1.0) -> MouthTrack:
    times = np.arange(0, seconds * 1000, 40.0)
    # Speech-like: noise with little above 5 Hz, so that no lag looks like another.
    noise = np.random.default_rng(5).normal(size=(len(times) + 4, len(FEATURES)))
    smooth = np.lib.stride_tricks.sliding_window_view(noise, 5, axis=0)[: len(times)].mean(-1)
    shape = 0.15 * size * smooth + 0.3
    return MouthTrack(times, np.ones(len(times), bool), shape.astype(np.float32), 90.0)


ONSETS = tuple(t + 480 for t in SHOWN)


def heard(onsets: tuple[float, ...] = ONSETS) -> Heard:
    samples = np.random.default_rng(1).normal(0, 0.05, 16_000 * 7).astype(np.float32)
    return Heard(Audio(samples, 16_000), ((1.0, 6.4),), onsets, content=4.2)


def check(agreement: float = 0.9, text: float | None = 2.0, lag: int = 0) -> LipsCheck:
    return LipsCheck(LipSync(Agreeable(agreement, lag)), Reads(text), FUSION)


def test_a_genuine_answer_scores_high_and_shows_every_part() -> None:
    found = check()(moving(), heard(), CHALLENGE)
    assert found.score is not None
    assert found.score > 1.5
    for name in ("consistency_llr", "schedule_llr", "text_llr", "content", "lag_ms", "delay_ms"):
        assert found.evidence[name] is not None
    assert found.evidence["delay_ms"] == pytest.approx(480)
    assert {model.name for model in found.models} == {"made-up", "reads"}
    assert all(isinstance(v, float | int | str | None) for v in found.evidence.values())


def test_no_strength_pays_for_a_weakness() -> None:
    genuine = check()(moving(), heard(), CHALLENGE).score
    dubbed = check(agreement=0.05)(moving(), heard(), CHALLENGE)
    late = check()(moving(), heard(tuple(t + 200 * k for k, t in enumerate(SHOWN))), CHALLENGE)
    silly = check(text=-6)(moving(), heard(), CHALLENGE)
    assert genuine is not None
    for found, reason in (
        (dubbed, "lips_sound_apart"),
        (late, "off_schedule"),
        (silly, "lips_other_words"),
    ):
        assert found.score is not None
        assert found.score < genuine - 1
        assert found.reason == reason
    assert dubbed.score is not None
    assert dubbed.score < -2


def test_reading_lips_can_object_and_never_carry() -> None:
    plain = check(agreement=0.3, text=None)(moving(), heard(), CHALLENGE).score
    strong = check(agreement=0.3, text=9.0)(moving(), heard(), CHALLENGE).score
    assert plain is not None
    assert strong is not None
    assert strong <= plain + 0.1


def test_mandarin_lips_stand_in_the_evidence_alone() -> None:
    asked = Challenge("839217", "zh", SHOWN)
    high = check(text=3.0)(moving(), heard(), asked)
    low = check(text=-6.0)(moving(), heard(), asked)
    assert high.score == low.score
    assert low.evidence["text_z"] == -6.0
    assert "text_llr" not in low.evidence


def test_without_sound_nothing_is_assessed_but_lips_are_read() -> None:
    found = check(text=2.5)(moving(), None, CHALLENGE)
    assert (found.score, found.reason) == (None, "no_sound")
    assert found.evidence["text_z"] == 2.5


def test_a_still_mouth_under_speech_is_refused() -> None:
    found = check()(moving(size=0.05), heard(), CHALLENGE)
    assert (found.score, found.reason) == (STILL_SCORE, "lips_still")


def test_short_clips_are_not_assessed() -> None:
    found = check()(moving(seconds=2.0), heard(), CHALLENGE)
    assert (found.score, found.reason) == (None, "too_short")


def test_speech_and_picture_that_hardly_overlap_are_not_assessed() -> None:
    apart = Heard(heard().audio, ((6.0, 8.0),))
    assert check()(moving(), apart, None).reason == "too_little_speech"


def test_a_nan_from_the_network_is_no_score() -> None:
    found = check(agreement=float("nan"))(moving(), heard(), CHALLENGE)
    assert (found.score, found.reason) == (None, "not_a_number")


def test_without_a_challenge_lips_and_sound_alone_are_compared() -> None:
    found = check()(moving(), heard(()), None)
    assert found.score == pytest.approx(found.evidence["consistency_llr"], abs=0.01)
    assert "schedule_llr" not in found.evidence


def test_onsets_that_do_not_fit_the_prompt_leave_the_schedule_out() -> None:
    found = check()(moving(), heard((1.0, 2.0, 3.0, 4.0)), CHALLENGE)
    assert "schedule_llr" not in found.evidence


@pytest.mark.parametrize("lag", [-4, -1, 0, 3])
def test_a_cameras_lag_is_found_and_forgiven(lag: int) -> None:
    there = check(lag=lag)(moving(), heard(), CHALLENGE)
    assert there.evidence["lag_ms"] == lag * 40
    assert there.score is not None
    assert there.score > 1.5


@pytest.mark.parametrize("lag", [-15, -8, 8, 15])
def test_a_sound_moved_further_is_not_forgiven(lag: int) -> None:
    found = check(lag=lag)(moving(), heard(), CHALLENGE)
    assert found.score is not None
    assert found.score < -2


def test_joining_is_no_better_than_the_weakest_part_allows() -> None:
    joint, weakest = FUSION.join({CONSISTENCY: 8.0, SCHEDULE: -4.0, TEXT: 0.0})
    assert weakest == SCHEDULE
    assert joint < FUSION.join({CONSISTENCY: 8.0, SCHEDULE: 2.0, TEXT: 0.0})[0]
    assert joint < 0
    assert FUSION.join({CONSISTENCY: 1.25})[0] == pytest.approx(1.25)
    for ratio in np.linspace(-8, 8, 9):
        lower = FUSION.join({CONSISTENCY: float(ratio), SCHEDULE: 1.0})[0]
        assert lower < FUSION.join({CONSISTENCY: float(ratio) + 0.5, SCHEDULE: 1.0})[0]


def test_longer_clips_weigh_more_up_to_a_limit() -> None:
    ratios = [FUSION.consistency_llr(0.5, 0.5, places) for places in (50, 75, 150, 200, 400)]
    assert ratios[0] < ratios[1] < ratios[2] < ratios[3] == ratios[4]


def test_the_curve_peaks_where_the_sound_was_moved_to() -> None:
    random = np.random.default_rng(4)
    codes = random.normal(size=(90, 48)).astype(np.float32)
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    curve = similarity_curve(codes, np.roll(codes, 6, axis=0), 15)
    assert int(curve.argmax()) - 15 == 6
    one = Codes(codes[:, :12], codes[:, :12], codes, codes)
    assert compare(one, one)[0] == pytest.approx(1, abs=1e-5)
    assert compare(one, one, moved_places=10)[0] < 0.3


def test_the_shipped_networks_load_and_the_report_shows_no_face(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    store = ModelStore(tmp_path_factory.mktemp("none"))
    shipped = LipsCheck.load(store, store.profile("registry"))
    track, sound = moving(), heard()
    measured = shipped(track, sound, CHALLENGE)
    assert measured.score is not None
    assert np.isfinite(measured.score)
    assert shipped(track, sound, CHALLENGE).score == measured.score
    page = lips_report(
        shipped.examine(track, sound, CHALLENGE),
        measured.evidence,
        track,
        sound,
        CHALLENGE,
        OperatingPoint(1.5, -2.0),
    )
    assert page.count("<svg") == 1
    assert "<image" not in page
    assert "http-equiv" not in page
    assert "8 3 9 2 1 7" in page
