"""The second opinion on spoken digits, with a stand-in recogniser, and once with the real one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.test_voice_digits import Hears
from tests.voice_sounds import analysed, silence, voice
from veridical.errors import ModelError
from veridical.media import read_audio
from veridical.models import ModelStore, Profile, read_profiles
from veridical.result import ModelRef
from veridical.types import Audio
from veridical.voiceprint import DigitListener, DigitsCheck, SpeechAnalysis, analyse_speech
from veridical.voiceprint.digits_listen import NUMBERS, READINGS
from veridical.voiceprint.digits_net import last_layer
from veridical.voiceprint.whisper import EncodedSound, Whisper

REFS = (ModelRef("ears", "1" * 64),)
SPEECH = analysed(silence(0.5), voice(120, 3.0), silence(0.5))


class Believes(Whisper):
    """Holds that certain words were said, with one probability for each."""

    def __init__(self, words: Sequence[str], probability: float = 0.9) -> None:
        self.words = words
        self.probability = probability
        self.heard: list[tuple[float, float]] = []

    def hear(self, samples: NDArray[np.float32], window_s: float = 30.0) -> EncodedSound:
        """Note how much sound came and in which window."""
        self.heard.append((len(samples) / 16_000, window_s))
        return EncodedSound(np.zeros((2, 1, 1, 1, 64), np.float32), len(samples) / 16_000)

    def places(
        self,
        heard: EncodedSound,
        text: Sequence[str],
        pieces: Sequence[str],
        language: str,
        context: str = "",
    ) -> NDArray[np.float64]:
        """The word of each place, the end after the last."""
        rest = (1 - self.probability) / len(pieces)
        found = np.full((len(text) + 1, len(pieces) + 1), np.log(rest))
        for place in range(len(text) + 1):
            said = self.words[place] if place < len(self.words) else None
            at = pieces.index(said) if said is not None else len(pieces)
            found[place, at] = np.log(self.probability)
        return found


def odds(
    words: Sequence[str], prompt: str, language: str = "en", probability: float = 0.9
) -> float:
    listener = DigitListener(lambda: Believes(words, probability), REFS)
    found = listener.log_odds(SPEECH, prompt, language)
    assert found is not None
    return found


def test_the_odds_are_of_the_whole_string() -> None:
    likely = 0.9**4
    # The other reading of zero has a little of its place.
    assert odds([" three", " one", " four"], "314") == pytest.approx(
        np.log(likely / (1 - likely)), abs=1e-6
    )


@pytest.mark.parametrize("wrong", ["315", "31", "3141", "134"])
def test_a_digit_replaced_left_out_or_put_in_loses(wrong: str) -> None:
    assert odds([" three", " one", " four"], wrong) < -2


@pytest.mark.parametrize(
    ("words", "language"), [(["三", "幺", "四"], "zh"), ([" three", " one", " oh"], "en")]
)
def test_the_second_reading_of_a_digit_counts(words: list[str], language: str) -> None:
    assert odds(words, "314" if language == "zh" else "310", language) > 0


@pytest.mark.parametrize(
    ("words", "language"), [([" thirty", " one", " four"], "en"), (["三", "十", "一"], "zh")]
)
def test_a_number_is_not_its_digits(words: list[str], language: str) -> None:
    assert odds(words, "314", language) < -2


def test_certainty_stays_finite() -> None:
    assert np.isfinite(odds([" three", " one"], "31", probability=1.0 - 1e-15))


def test_no_two_choices_look_alike() -> None:
    for language, readings in READINGS.items():
        words = [way for ways in readings for way in ways] + list(NUMBERS[language])
        assert len(readings) == 10
        assert len({*words}) == len(words)


def test_the_listener_is_asked_only_when_the_net_is_not_sure() -> None:
    def never() -> Whisper:
        raise AssertionError("the net was sure")

    check = DigitsCheck({"en": Hears("839217")}, DigitListener(never, REFS))
    result = check(SPEECH, "839217", "en")
    assert result.score is not None
    assert result.score > 0
    assert result.evidence["second_opinion"] is False
    assert REFS[0] in result.models


def test_its_odds_replace_the_score_of_an_unsure_net() -> None:
    words = [" eight", " three", " nine", " two", " one", " seven"]
    check = DigitsCheck({"en": Hears("839217")}, DigitListener(lambda: Believes(words, 0.99), REFS))
    right = DigitsCheck(
        {"en": Hears("830217")}, DigitListener(lambda: Believes(words, 0.99), REFS)
    )(SPEECH, "839217", "en")
    wrong = check(SPEECH, "839257", "en")
    assert right.evidence["second_opinion"] is True
    assert right.score is not None
    assert right.score > 2
    assert wrong.score is not None
    assert wrong.score < -2


def test_a_short_recording_is_heard_whole_and_a_long_one_without_pauses() -> None:
    ears = Believes([" three", " one"])
    listener = DigitListener(lambda: ears, REFS)
    for pause_s in (1.0, 20.0):
        recording = analysed(silence(2.0), voice(120, 1.0), silence(pause_s), voice(120, 1.0))
        listener.log_odds(recording, "31", "en")
    (whole_s, _), (cut_s, window_s) = ears.heard
    assert whole_s == pytest.approx(5.0)
    assert cut_s == pytest.approx(2.0 + 3 * 0.4, abs=0.3)
    assert window_s == 8.0


def test_more_than_can_be_heard_at_once_is_left_to_the_net() -> None:
    recording = analysed(silence(0.5), voice(120, 32.0), silence(0.5))
    check = DigitsCheck({"en": Hears("83")}, DigitListener(lambda: Believes([" one"]), REFS))
    alone = DigitsCheck({"en": Hears("83")})(recording, "93", "en")
    asked = check(recording, "93", "en")
    assert asked.evidence["second_opinion"] is False
    assert asked.score == alone.score


def test_a_hopeless_prompt_is_not_worth_asking() -> None:
    def never() -> Whisper:
        raise AssertionError("the net had heard nothing like it")

    check = DigitsCheck({"en": Hears("839217", sureness=20.0)}, DigitListener(never, REFS))
    result = check(SPEECH, "111111", "en")
    assert result.score == -50
    assert result.evidence["second_opinion"] is False


def test_nets_never_stand_in_for_a_listener_that_is_missing(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    roles = {
        "digits_en": ("digits-en",),
        "listener": ("whisper-base-encoder", "whisper-base-decoder"),
    }
    with pytest.raises(ModelError) as caught:
        DigitsCheck.load(store, Profile("full", "", roles))
    assert caught.value.code == "model.missing"


@pytest.mark.parametrize("name", list(read_profiles()))
def test_the_thresholds_in_force_are_those_measured_with_the_listener(name: str) -> None:
    store = ModelStore(Path("nowhere"))
    point = store.operating_points(read_profiles()[name])["voice.digits"].point
    assert point.source == "card:whisper-base-decoder"


def george(store: ModelStore, shared: Path, digits: str) -> SpeechAnalysis:
    """A speaker that no net was trained on; his recordings in a row."""
    folder = shared / "data" / "voice" / "digits" / "fsdd" / "george"
    pieces = [silence(0.2)]
    for digit in digits:
        pieces += [read_audio(folder / f"{digit}_0.flac").samples, silence(0.2)]
    return analyse_speech(Audio(np.concatenate(pieces), 16_000), store.session("silero-vad"))


def test_the_recogniser_tells_a_prompt_from_its_neighbours(store: ModelStore, shared: Path) -> None:
    whisper = Whisper(store.session("whisper-base-encoder"), store.session("whisper-base-decoder"))
    listener = DigitListener(lambda: whisper, whisper.refs)
    recording = george(store, shared, "470639")
    right, *wrong = [
        listener.log_odds(recording, prompt, "en")
        for prompt in ("470639", "470539", "47063", "4700639")
    ]
    assert right is not None
    assert right > -5
    assert all(score is not None and score < right - 3 for score in wrong)


def test_places_are_probabilities_and_bound_the_whole(store: ModelStore, shared: Path) -> None:
    whisper = Whisper(store.session("whisper-base-encoder"), store.session("whisper-base-decoder"))
    recording = george(store, shared, "47")
    heard = whisper.hear(recording.samples, 4.0)
    assert heard.cross.shape[3] == 200
    pieces = [way for ways in READINGS["en"] for way in ways]
    places = whisper.places(heard, [" four", " seven"], pieces, "en", "three one")
    np.testing.assert_allclose(np.exp(places).sum(axis=1), 1.0, atol=1e-6)
    assert places.shape == (3, len(pieces) + 1)
    restricted = (
        places[0, pieces.index(" four")] + places[1, pieces.index(" seven")] + places[2, -1]
    )
    (free,) = whisper.log_likelihoods(heard, [" four seven"], "en", "three one")
    assert restricted >= free - 1e-3


@pytest.mark.parametrize("count", [1, 319, 32_001, 256_960, 480_000])
def test_sound_of_any_length_is_heard_in_whole_steps(count: int) -> None:
    heard = []

    class Encoder:
        """Notes how many frames it is given."""

        def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
            heard.append(feeds["mel"].shape[-1])
            return [np.zeros((12, 1, 8, feeds["mel"].shape[-1] // 2, 64), np.float32)]

    steps = last_layer(Encoder(), np.zeros(count, np.float32))  # type: ignore[arg-type]
    assert heard[0] == 2 * max(100, -(-count // 320))
    assert steps.shape == (heard[0] // 2, 512)
