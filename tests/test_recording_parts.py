"""The parts of a recording's verdict, each on inputs small enough to see through."""

import numpy as np
import pytest

from veridical.catalogue.points import own_points
from veridical.consent_recording import parse_script
from veridical.consent_recording.locate import Word, locate
from veridical.consent_recording.picture import Seen, absences, alone, least_alike, presence
from veridical.consent_recording.settings import recording_settings
from veridical.consent_recording.timeline import Finding, Moment, judged, say
from veridical.consent_recording.transcript import transcript_of
from veridical.result import Measurement, OperatingPoint, Outcome, Status
from veridical.verification import decide, load_policy
from veridical.voiceprint.statement import Deviation, StatementReading
from veridical.voiceprint.wording import units

SETTINGS = recording_settings()
SCRIPT = parse_script(
    b"""
id = "two"
version = 1
language = "en"
[[segments]]
id = "first"
kind = "statement"
text = "the quick brown fox jumps"
[[segments]]
id = "agree"
kind = "question"
text = "Do you agree?"
accept = ["yes"]
refuse = ["no"]
[[segments]]
id = "code"
kind = "digits"
length = 4
[[segments]]
id = "second"
kind = "statement"
text = "over the lazy dog again"
""",
    "test",
)


def words(text: str, start_s: float = 0.0, each_s: float = 0.5) -> list[Word]:
    return [
        Word(unit, start_s + i * each_s, start_s + (i + 1) * each_s)
        for i, unit in enumerate(units(text))
    ]


def test_segments_are_found_by_their_words() -> None:
    said = [
        *words("well the quick brown box jumps", 1.0),
        *words("yes", 5.0),
        *words("4 0 2 9", 7.0),
        *words("over the lazy dog again soon", 10.0),
    ]
    speech = [(1.0, 4.0), (5.0, 5.5), (7.0, 9.0), (10.0, 13.0)]
    spans = locate(SCRIPT, "4029", said, speech, 0.5)
    assert list(spans) == ["first", "agree", "code", "second"]
    assert (spans["first"].start_s, spans["first"].end_s) == (1.5, 4.0)
    assert (spans["agree"].start_s, spans["agree"].end_s) == (5.0, 5.5)
    assert (spans["code"].start_s, spans["second"].end_s) == (7.0, 12.5)


def test_a_segment_that_was_not_said_is_not_found() -> None:
    said = [*words("the quick brown fox jumps"), *words("yes", 5.0), *words("4 0 2 9", 7.0)]
    spans = locate(SCRIPT, "4029", said, [(0.0, 2.5), (5.0, 5.5), (7.0, 9.0)], 0.5)
    assert "second" not in spans
    assert "first" in spans


def test_a_lone_word_of_the_next_segment_is_not_where_this_one_ends() -> None:
    said = [*words("the quick brown fox jumps"), *words("so he said that the brown dog jumps", 6.0)]
    spans = locate(SCRIPT, "4029", said, [(0.0, 2.5), (6.0, 10.0)], 0.5)
    assert spans["first"].end_s == 2.5


def test_silence_finds_nothing() -> None:
    assert locate(SCRIPT, "4029", [], [], 0.5) == {}


def test_absences_are_timed() -> None:
    times = [i * 0.1 for i in range(100)]
    face = [not 3.0 <= t < 5.0 for t in times]
    ((kind, start, end),) = absences(times, face, 9.9, 0.3)
    assert kind == "face_absent"
    assert (start, end) == (pytest.approx(2.9), pytest.approx(5.0))
    assert absences(times, [True] * 100, 9.9, 0.3) == []


def test_a_picture_that_ends_before_the_sound_is_an_absence() -> None:
    times = [i * 0.1 for i in range(50)]
    found = presence(Seen(shown_s=times, face=[True] * 50), 9.0, SETTINGS)
    assert found.measurement.score == pytest.approx(-4.1)
    assert [moment.kind for moment in found.moments] == ["no_picture"]


def test_a_second_face_is_timed_and_a_stray_one_is_short() -> None:
    seen = Seen(looked_s=[i * 0.5 for i in range(20)], second=[(2.0, 0.5), (2.5, 0.6), (8.0, 0.3)])
    found = alone(seen, SETTINGS)
    assert found.measurement.score == pytest.approx(-1.0)
    assert [(m.start_s, m.end_s) for m in found.moments] == [(2.0, 3.0), (8.0, 8.5)]


def test_the_stretch_of_another_person_is_found() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 64))
    people = [other if 12 <= i < 17 else one for i in range(40)]
    vectors = np.array([p + 0.5 * rng.standard_normal(64) for p in people], np.float32)
    score, first, last = least_alike(vectors, 2)
    assert (first, last) == (12, 16)
    assert score < 0.4
    same = np.array([one + 0.5 * rng.standard_normal(64) for _ in range(40)], np.float32)
    assert least_alike(same, 2)[0] > 0.7


def test_the_shorter_side_of_a_switch_is_named() -> None:
    one, other = np.eye(2, 8)
    score, first, last = least_alike(np.array([one] * 6 + [other] * 3, np.float32), 2)
    assert (first, last) == (6, 8)
    assert score == pytest.approx(0.0, abs=1e-6)


def reading(*deviations: Deviation, text: str) -> StatementReading:
    count = len(units(text))
    times = tuple((i * 0.5, i * 0.5 + 0.4) for i in range(count))
    return StatementReading(1.0, 1.0, 0.0, deviations, "", (), 5.0, count, True, times)


def test_the_transcript_gives_the_text_back_with_its_faults() -> None:
    text = "I agree, of course, to all of it."
    found = transcript_of(
        text,
        reading(
            Deviation("altered", "agree", "disagree", 0.6, 1.0, 1, 1, 20.0, True),
            Deviation("missing", "course", "", 1.5, 1.5, 3, 1, 20.0, True),
            Deviation("inserted", "", "really", 2.2, 2.4, 4, 1, 20.0, True),
            Deviation("altered", "it", "its", 3.5, 3.6, 7, 1, 1.0, False),
            text=text,
        ),
        10.0,
        8.0,
    )
    assert "".join(w.text for w in found if w.status != "inserted") == text
    status = {w.text.strip(" ,."): w.status for w in found}
    assert status["agree"] == "altered"
    assert status["course"] == "missing"
    assert status["really"] == "inserted"
    assert status["it"] == "doubtful"
    assert status["all"] == "said"
    assert next(w for w in found if w.status == "altered").at_s == pytest.approx(10.6)


def test_the_transcript_of_a_number_keeps_it_whole() -> None:
    text = "年化收益率为百分之五点二五。"
    found = transcript_of(text, reading(text=text), 0.0, 8.0)
    assert "".join(w.text for w in found) == text


def test_a_moment_is_judged_and_told_in_both_languages() -> None:
    moment = Moment("second_face", 1.0, 3.5, -2.5, "risk", "second_person", {"size": "40%"})
    finding = Finding(Measurement("recording.alone", -2.5), (moment,))
    (event,) = judged([finding], {"recording.alone": OperatingPoint(-0.9, -3600.0)})
    assert event.status is Status.REVIEW
    assert "2.5 s" in say(event, "en")
    assert "2.5 秒" in say(event, "zh")
    assert event.as_json("en")["segment"] == "risk"


def good(**others: Measurement) -> list[Measurement]:
    policy = load_policy("recording")
    return [
        others.get(check.partition(".")[2], Measurement(check, 20.0)) for check in policy.checks
    ]


def test_what_a_script_does_not_ask_for_is_not_required() -> None:
    policy = load_policy("recording")
    points = {check: OperatingPoint(0.5, 0.1) for check in policy.checks}
    asked = good(digits=Measurement("recording.digits", None, "not_asked"))
    assert decide(asked, policy, points).outcome is Outcome.ACCEPT
    silent = good(digits=Measurement("recording.digits", None, "no_speech"))
    assert decide(silent, policy, points).outcome is Outcome.RETRY
    nothing = [Measurement(check, None, "not_asked") for check in policy.required]
    assert decide(nothing, policy, points).outcome is Outcome.REVIEW


def test_a_refusal_rejects_and_a_second_person_does_not() -> None:
    policy = load_policy("recording")
    points = {**own_points(), "face.match": OperatingPoint(0.4, 0.3)}
    for check in ("liveness", "lips", "digits"):
        points[f"recording.{check}"] = OperatingPoint(0.5, 0.1)
    refused = decide(good(answers=Measurement("recording.answers", 0.0)), policy, points)
    assert refused.outcome is Outcome.REJECT
    visited = decide(good(alone=Measurement("recording.alone", -8.0)), policy, points)
    assert visited.outcome is Outcome.REVIEW
