"""Matching: what is compared, when it refuses, what a switched person does."""

import numpy as np
import pytest

from tests.face_standins import RuleSession, face_at, mean_colour, plain, view_of
from veridical.errors import InputError
from veridical.face import FaceEmbedder, FaceMatchCheck, SamePersonCheck
from veridical.face.match import least_alike_stretch
from veridical.face.quality import ADVICE
from veridical.face.recogniser import Recogniser, RecogniserInput
from veridical.result import Measurement
from veridical.types import Image, Template, View

EMBEDDER = FaceEmbedder(Recogniser(RuleSession(mean_colour), RecogniserInput()))
MATCH = FaceMatchCheck(EMBEDDER)
SAME = SamePersonCheck(EMBEDDER)

RED, GREEN = plain(250, 10, 10), plain(10, 250, 10)
LARGE, SMALL = face_at(20, 20, 200), face_at(20, 20, 40)
NOBODY = View(RED, (), None, "no_face")
GROUP = View(RED, (LARGE, LARGE), None, "multiple_faces")


def seen(image: Image, time_ms: float = 0.0) -> View:
    return view_of(image, LARGE, time_ms=time_ms)


def test_alike_scores_high_and_unlike_low() -> None:
    alike, unlike = MATCH(seen(RED), [seen(RED)]), MATCH(seen(RED), [seen(GREEN)])
    assert alike.score == pytest.approx(1, abs=1e-3)
    assert unlike.score is not None
    assert unlike.score < 0.2
    assert unlike.check == "face.match"
    assert unlike.reason == "not_mated"
    assert unlike.models == (EMBEDDER.model,)


def test_what_a_calibration_weighs_a_score_by_stands_in_the_evidence() -> None:
    long, short = plain(250, 250, 250), plain(50, 50, 50)
    pictures = MATCH(seen(long), [seen(short), seen(short)]).evidence
    portrait, probe = pictures["portrait_recognisability"], pictures["probe_recognisability"]
    assert isinstance(portrait, float)
    assert isinstance(probe, float)
    assert portrait == pytest.approx(5 * probe, rel=0.05)
    enrolled = MATCH(EMBEDDER(seen(long)), [seen(short)]).evidence
    assert "portrait_recognisability" not in enrolled
    assert enrolled["probe_recognisability"] == probe


@pytest.mark.parametrize(
    ("reference", "probes", "reason"),
    [
        (NOBODY, [seen(RED)], "portrait_no_face"),
        (GROUP, [seen(RED)], "multiple_faces"),
        (view_of(RED, SMALL), [seen(RED)], "portrait_too_small"),
        (seen(RED), [NOBODY], "no_face"),
        (seen(RED), [GROUP, GROUP, NOBODY], "multiple_faces"),
        (seen(RED), [], "no_face"),
        (seen(RED), [view_of(RED, SMALL)], "face_too_small"),
        (seen(RED), [View(RED, (), None, "model_missing")], "model_missing"),
    ],
    ids=str,
)
def test_what_cannot_be_compared_is_not_assessed(
    reference: View, probes: list[View], reason: str
) -> None:
    measurement = MATCH(reference, probes)
    assert measurement.score is None
    assert measurement.reason == reason


def demanding(least: float, good: float = 100.0) -> FaceMatchCheck:
    """A check whose net wants vectors of a length; a face of all 250 has one of 433."""
    wants = RecogniserInput(poor_length=0.0, good_length=good, least_length=least)
    return FaceMatchCheck(FaceEmbedder(Recogniser(RuleSession(mean_colour), wants)))


def test_a_face_the_net_hardly_knows_is_asked_for_again_and_nobodys_impostor() -> None:
    measurement = demanding(500.0)(seen(RED), [seen(GREEN)])
    assert measurement.score is None
    assert measurement.reason in ADVICE.values()
    assert measurement.evidence["probe_recognisability_needed"] == 500.0
    assert demanding(200.0)(seen(RED), [seen(GREEN)]).score is not None


def test_a_face_without_any_quality_is_nobodys_impostor() -> None:
    black = plain(1, 1, 1)
    measurement = demanding(0.0, good=1000.0)(seen(RED), [seen(black)])
    assert measurement.score is None
    assert measurement.reason in ADVICE.values()


def test_views_without_a_face_and_small_ones_are_left_out_not_averaged_in() -> None:
    probes = [NOBODY, seen(RED), view_of(GREEN, SMALL), GROUP]
    measurement = MATCH(seen(RED), probes)
    assert measurement.score == pytest.approx(1, abs=1e-3)
    assert measurement.evidence["probe_views"] == 4
    assert measurement.evidence["probe_views_used"] == 1


def test_one_lucky_frame_does_not_carry_a_clip() -> None:
    lucky = MATCH(seen(RED), [seen(RED), seen(GREEN), seen(GREEN)])
    assert lucky.score is not None
    assert lucky.score < 0.6


def test_an_enrolled_template_is_a_reference_too() -> None:
    measurement = MATCH(EMBEDDER(seen(RED)), [seen(RED)])
    assert measurement.score == pytest.approx(1, abs=1e-3)


def test_a_template_of_another_model_is_an_input_error() -> None:
    with pytest.raises(InputError):
        MATCH(Template(np.ones(3, np.float32), "other@000000000000"), [seen(RED)])


def test_a_frame_that_the_net_can_hardly_recognise_weighs_less() -> None:
    faint_green = plain(1, 25, 1)
    assert MATCH(seen(RED), [seen(faint_green)]).score == pytest.approx(
        MATCH(seen(RED), [seen(GREEN)]).score, abs=0.1
    )
    mixed = MATCH(seen(RED), [seen(RED), seen(RED), seen(faint_green), seen(faint_green)])
    assert mixed.score is not None
    assert mixed.score > 0.99


def test_evidence_holds_only_small_values() -> None:
    for measurement in (MATCH(seen(RED), [seen(RED)]), SAME([seen(RED)] * 6), MATCH(NOBODY, [])):
        assert_small(measurement)


def assert_small(measurement: Measurement) -> None:
    for key, value in measurement.evidence.items():
        assert value is None or isinstance(value, int | float | str), key
        assert len(str(value)) < 40, key


def test_one_person_throughout_scores_high() -> None:
    assert SAME([seen(RED, k * 100) for k in range(10)]).score == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pattern", ["RRRRGGGG", "RRRGGRRR", "GGRRRRRR", "RRRRRRGG", "RRGGGGGG"])
def test_another_person_for_a_quarter_of_the_clip_is_seen_wherever(pattern: str) -> None:
    views = [seen({"R": RED, "G": GREEN}[c], k * 100) for k, c in enumerate(pattern)]
    measurement = SAME(views)
    assert measurement.score is not None
    assert measurement.score < 0.25
    assert measurement.reason == "person_switched"
    assert measurement.evidence["stretch_from_ms"] in {0, 200, 300, 400, 600}


def test_a_single_odd_frame_makes_no_stranger() -> None:
    views = [seen(RED, k * 100) for k in range(8)]
    views[4] = seen(GREEN, 400)
    measurement = SAME(views)
    assert measurement.score is not None
    assert measurement.score > 0.5


@pytest.mark.parametrize(
    ("views", "reason"),
    [
        ([], "too_few_frames"),
        ([seen(RED)] * 3, "too_few_frames"),
        ([NOBODY] * 8, "no_face"),
        ([GROUP] * 5 + [seen(RED)] * 2, "multiple_faces"),
        ([view_of(RED, SMALL)] * 8, "face_too_small"),
    ],
    ids=str,
)
def test_a_clip_that_cannot_be_judged_is_not_assessed(views: list[View], reason: str) -> None:
    measurement = SAME(views)
    assert measurement.score is None
    assert measurement.reason == reason


def test_the_least_alike_stretch_is_where_it_was_put() -> None:
    vectors = np.tile(np.array([1, 0, 0], np.float32), (9, 1))
    vectors[3:6] = (0.2, 1, 0)
    score, first, last = least_alike_stretch(vectors)
    assert (first, last) == (3, 5)
    assert score == pytest.approx(0.2 / np.hypot(0.2, 1), abs=1e-5)
