"""Templates, enrolment and the speaker check, with a stand-in for the net."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice_sounds import analysed, silence, voice
from veridical.errors import InputError
from veridical.gallery.entry import Attributes, pack, unpack
from veridical.models import read_card
from veridical.result import ModelRef
from veridical.types import Template
from veridical.voiceprint import (
    NarrowBand,
    SpeechAnalysis,
    SpeechLimits,
    VoiceEmbedder,
    VoiceMatchCheck,
    compare,
    enrol_voice,
)


class SpectrumNet:
    """Embeds a sound as the shape of its mean spectrum, which the mean subtracted does not hide."""

    ref = ModelRef("spectrum", "ab" * 32)
    metadata: Mapping[str, str] = {}
    inputs: Mapping[str, tuple[int | str | None, ...]] = {}

    def __init__(self) -> None:
        self.frames: list[int] = []

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """(1, frames, 80) to (1, 80): the deviation of each band."""
        features = np.asarray(feeds["features"], np.float32)
        self.frames.append(features.shape[1])
        spread = features.std(axis=1)
        return [np.asarray(spread - spread.mean(), np.float32)]


class Scripted(SpectrumNet):
    """Answers with given directions, one a part."""

    def __init__(self, *angles_deg: float) -> None:
        super().__init__()
        self._angles = np.deg2rad(angles_deg)

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """The next direction."""
        angle = self._angles[len(self.frames) % len(self._angles)]
        self.frames.append(0)
        return [np.array([[np.cos(angle), np.sin(angle)]], np.float32)]


def speech(seconds: float = 5.0, noise: float = 1e-4) -> SpeechAnalysis:
    return analysed(silence(0.5, noise), voice(120, seconds), silence(0.5, noise))


def reference(angle_deg: float = 0.0) -> Template:
    angle = np.deg2rad(angle_deg)
    vector = np.array([np.cos(angle), np.sin(angle)], np.float32)
    return Template(vector, VoiceEmbedder(Scripted(0)).model)


def test_a_template_is_of_unit_length_and_names_its_model() -> None:
    template = VoiceEmbedder(SpectrumNet())(speech())
    assert np.linalg.norm(template.vector) == pytest.approx(1.0, abs=1e-5)
    assert template.model == "spectrum@abababababab"


def test_long_speech_is_embedded_in_equal_parts_and_pauses_are_shortened() -> None:
    net = SpectrumNet()
    VoiceEmbedder(net)(analysed(voice(120, 6.0), silence(8.0), voice(120, 6.0)))
    assert len(set(net.frames)) == 1
    assert len(net.frames) == 3
    assert sum(net.frames) < 1_300


def test_short_speech_is_one_part() -> None:
    net = SpectrumNet()
    VoiceEmbedder(net)(speech(2.5))
    assert len(net.frames) == 1


def test_no_speech_has_no_template() -> None:
    with pytest.raises(InputError) as caught:
        VoiceEmbedder(SpectrumNet())(analysed(silence(2.0)))
    assert caught.value.code == "voice.no_speech"


def test_templates_of_two_models_are_not_compared() -> None:
    other = Template(np.array([1.0, 0.0], np.float32), "other@000000000000")
    with pytest.raises(InputError) as caught:
        compare(other, reference())
    assert caught.value.code == "voice.template_model"


@pytest.mark.parametrize("angle_deg", [0.0, 60.0, 180.0])
def test_the_score_is_the_cosine(angle_deg: float) -> None:
    check = VoiceMatchCheck(VoiceEmbedder(Scripted(angle_deg)))
    result = check(reference(), speech())
    assert result.score == pytest.approx(np.cos(np.deg2rad(angle_deg)), abs=1e-5)
    assert result.reason == "not_mated"
    assert [ref.name for ref in result.models] == ["loud-is-speech", "spectrum"]


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        (analysed(silence(3.0)), "no_speech"),
        (speech(1.0), "too_short"),
        (speech(5.0, noise=0.009), "too_noisy"),
        (analysed(silence(0.5), np.clip(voice(120, 5.0), -0.1, 0.1), silence(0.5)), "clipped"),
    ],
)
def test_a_poor_recording_is_not_assessed(probe: SpeechAnalysis, reason: str) -> None:
    limits = SpeechLimits(min_snr_db=40.0) if reason == "too_noisy" else None
    result = VoiceMatchCheck(VoiceEmbedder(Scripted(0)), limits)(reference(), probe)
    assert (result.score, result.reason) == (None, reason)


def test_two_voices_are_not_assessed_whichever_is_enrolled() -> None:
    for enrolled in (0.0, 90.0):
        check = VoiceMatchCheck(VoiceEmbedder(Scripted(0.0, 90.0)))
        result = check(reference(enrolled), speech())
        assert (result.score, result.reason) == (None, "two_voices")


def test_evidence_holds_no_template() -> None:
    evidence = VoiceMatchCheck(VoiceEmbedder(Scripted(0)))(reference(), speech()).evidence
    assert all(isinstance(value, float | int | str | None) for value in evidence.values())
    assert set(evidence) == {
        "net_speech_s",
        "snr_db",
        "clipped_share",
        "bandwidth_hz",
        "consistency",
        "cosine",
        "narrow_band",
    }


def test_a_telephone_line_has_a_point_of_its_own() -> None:
    """By the full band's points strangers on lines pass 13 %, and 21 % of mates are refused."""
    narrow = NarrowBand(4200, 0.5, 0.25)
    line, full = (replace(speech(), bandwidth_hz=hz) for hz in (3_800.0, 7_000.0))
    check = VoiceMatchCheck(VoiceEmbedder(Scripted(60.0), narrow))
    over, direct = check(reference(), line), check(reference(), full)
    assert (over.score, direct.score) == pytest.approx((0.5, 0.5), abs=1e-5)
    assert (over.evidence["narrow_band"], direct.evidence["narrow_band"]) == (True, False)
    near = VoiceMatchCheck(VoiceEmbedder(Scripted(0.0), narrow))(reference(), line)
    assert (near.score, near.evidence["cosine"]) == pytest.approx((0.75, 1.0), abs=1e-5)


def test_the_shipped_card_brings_both_points_of_a_line_to_its_own() -> None:
    card = read_card("campplus-zh-en")
    narrow = NarrowBand.from_card(card)
    point = card.operating_points["voice.match"].point
    assert narrow is not None
    assert (narrow(0.66), narrow(0.13)) == pytest.approx(
        (point.accept_at, point.reject_below), abs=5e-4
    )


def test_enrolment_adds_takes_up() -> None:
    embedder = VoiceEmbedder(Scripted(10.0, -10.0))
    short = enrol_voice(embedder, [speech(3.0)])
    assert (short.template, short.reason) == (None, "too_short")
    both = enrol_voice(embedder, [speech(3.0), speech(3.0)])
    assert both.template is not None
    np.testing.assert_allclose(both.template.vector, [1.0, 0.0], atol=1e-5)


def test_enrolment_refuses_takes_of_two_people() -> None:
    made = enrol_voice(VoiceEmbedder(Scripted(0.0, 90.0)), [speech(3.0), speech(3.0)])
    assert (made.template, made.reason) == (None, "two_voices")


def test_enrolment_of_nothing_says_so() -> None:
    assert enrol_voice(VoiceEmbedder(Scripted(0.0)), []).reason == "no_speech"


def test_voices_are_compared_in_the_language_they_were_enrolled_in() -> None:
    embedder = VoiceEmbedder(SpectrumNet())
    check = VoiceMatchCheck(embedder)
    template = enrol_voice(embedder, [speech(6.0)], language="zh").template
    assert template is not None
    assert template.language == "zh"
    assert check(template, speech(), "zh").score == check(template, speech()).score
    assert check(template, speech(), "zh").score is not None
    other = check(template, speech(), "en")
    assert other.score is None
    assert other.reason == "other_language"
    assert other.evidence["enrolled_language"] == "zh"


@pytest.mark.parametrize("language", ["", "en", "zh"])
def test_a_kept_template_keeps_its_language(language: str) -> None:
    kept = pack(Template(np.full(4, 0.5, np.float32), "m", language), Attributes(1980, "F"))
    template, attributes = unpack(kept, "m")
    assert template.language == language
    assert attributes == Attributes(1980, "F")
