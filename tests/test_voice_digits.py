"""The prompt check, with a stand-in that hears a given string."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice_sounds import analysed, silence, voice
from veridical.errors import InputError
from veridical.result import ModelRef
from veridical.voiceprint import DigitsCheck, SpeechAnalysis
from veridical.voiceprint.digits import rivals


class Hears:
    """Answers with logits of one string, spread evenly over the sound."""

    ref = ModelRef("hears", "0" * 64)

    def __init__(self, digits: str, sureness: float = 9.0) -> None:
        self._digits = digits
        self._sureness = sureness

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) to (steps, 11)."""
        steps = -(-len(samples) // 640)
        logits = np.zeros((steps, 11), np.float32)
        at = np.linspace(0, steps - 1, len(self._digits) + 2).astype(int)[1:-1]
        said = np.full(steps, 10)
        said[at] = [int(digit) for digit in self._digits]
        logits[np.arange(steps), said] = self._sureness
        return logits


SPEECH = analysed(silence(0.5), voice(120, 3.0), silence(0.5))


def score(heard: str, prompt: str) -> float:
    result = DigitsCheck({"en": Hears(heard)})(SPEECH, prompt, "en")
    assert result.score is not None
    return result.score


def test_the_prompt_that_was_said_beats_every_rival() -> None:
    assert score("839217", "839217") > 3
    assert score("110055", "110055") > 3


def test_every_prompt_one_digit_off_loses() -> None:
    for wrong in rivals((8, 3, 9, 2, 1, 7)):
        prompt = "".join(map(str, wrong))
        assert score("839217", prompt) < -3, prompt


@pytest.mark.parametrize("wrong", ["830017", "839271", "123456", "8", "8392171717"])
def test_prompts_further_off_lose_by_more(wrong: str) -> None:
    assert score("839217", wrong) < -6


def test_a_doubtful_sound_scores_near_nothing() -> None:
    result = DigitsCheck({"en": Hears("839217", sureness=0.0)})(SPEECH, "839217", "en")
    assert result.score is not None
    assert result.score < 1


def test_there_are_as_many_rivals_as_counted() -> None:
    # 9 x 3 replaced, 3 left out, 4 x 10 put in, less the 3 that repeat a neighbour either way.
    assert len(rivals((1, 2, 3))) == 27 + 3 + 40 - 3
    assert (1, 2, 3) not in rivals((1, 2, 3))


def test_evidence_tells_what_was_heard_and_when() -> None:
    result = DigitsCheck({"en": Hears("8392")})(SPEECH, "8312", "en")
    assert result.reason == "wrong_digits"
    assert result.evidence["heard"] == "8392"
    assert result.evidence["rival"] == "8392"
    times = [float(at) for at in str(result.evidence["digit_times_ms"]).split()]
    assert len(times) == 4
    assert times == sorted(times)


def test_digit_times_lie_within_the_speech_and_do_not_overlap() -> None:
    recording = SPEECH
    times = DigitsCheck({"en": Hears("839217")}).read(recording, "839217", "en").times
    assert times is not None
    spans = list(zip(times.start_ms, times.centre_ms, times.end_ms, strict=True))
    start, end = recording.segments_s[0]
    assert spans[0][0] >= start * 1000
    assert spans[-1][2] <= end * 1000
    for left, centre, right in spans:
        assert left <= centre <= right
    assert all(a[2] <= b[0] + 1e-6 for a, b in itertools.pairwise(spans))


def test_a_digit_that_follows_at_once_begins_where_the_sound_rises() -> None:
    """A short sound and a long one, within one stretch of speech."""
    recording = analysed(silence(0.5), voice(150, 0.3), silence(0.1), voice(150, 0.7), silence(0.5))
    assert len(recording.segments_s) == 1
    times = DigitsCheck({"en": Hears("83")}).read(recording, "83", "en").times
    assert times is not None
    assert times.start_ms[1] == times.end_ms[0] == pytest.approx(900, abs=30)
    assert sum(times.centre_ms) / 2 > 1000  # half way would be late


@pytest.mark.parametrize(
    ("recording", "language", "reason"),
    [
        (analysed(silence(3.0)), "en", "no_speech"),
        (analysed(silence(0.5), voice(120, 0.4), silence(0.5)), "en", "too_short"),
        (SPEECH, "fr", "model_missing"),
    ],
)
def test_not_assessed_with_a_reason(recording: SpeechAnalysis, language: str, reason: str) -> None:
    result = DigitsCheck({"en": Hears("839217")})(recording, "839217", language)
    assert (result.score, result.reason) == (None, reason)


@pytest.mark.parametrize("prompt", ["", "12a", "1 2", "١٢"])
def test_a_prompt_that_is_not_digits_is_an_error(prompt: str) -> None:
    with pytest.raises(InputError) as caught:
        DigitsCheck({"en": Hears("1")})(SPEECH, prompt, "en")
    assert caught.value.code == "voice.prompt"
