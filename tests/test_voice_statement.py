"""A read statement is held against its text; slips of the recogniser are told from other words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice_sounds import LoudIsSpeech, silence, voice
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.analysis.transaction import Transaction
from veridical.catalogue.steps import build_steps
from veridical.errors import InputError
from veridical.media import read_audio
from veridical.models import ModelStore
from veridical.result import ModelRef
from veridical.types import Audio
from veridical.voiceprint import VoiceEmbedder, enrol_voice
from veridical.voiceprint.speech import analyse_speech
from veridical.voiceprint.statement import StatementCheck, StatementReading
from veridical.voiceprint.whisper import EncodedSound, Piece, Transcript, Whisper
from veridical.voiceprint.windows import Window, speech_windows


@dataclass
class Writes:
    """Stands in for the recogniser: hears the given texts, one a window, and likes some others."""

    texts: Sequence[str]
    likely: Sequence[str] = ()
    margin: float = 20.0
    calls: int = 0
    refs: tuple[ModelRef, ...] = (ModelRef("writes", "0" * 64),)
    scored: list[str] = field(default_factory=list)

    def hear(self, samples: NDArray[np.float32]) -> EncodedSound:
        """The window's number by its length."""
        self.calls += 1
        return EncodedSound(
            np.full((1, 1, 1, 1, 1), len(samples), np.float32), len(samples) / 16_000
        )

    def transcribe(self, heard: EncodedSound, language: str, context: str = "") -> Transcript:
        """Each word lasts half a second."""
        words = self.texts[round(heard.duration_s) % 10].split()
        pieces = [Piece(f" {w}".encode(), i / 2, i / 2 + 0.5, -0.1) for i, w in enumerate(words)]
        return Transcript(tuple(pieces), True)

    def log_likelihoods(
        self, heard: EncodedSound, texts: Sequence[str], language: str, context: str = ""
    ) -> NDArray[np.float64]:
        """What was heard is at 0, likely texts at -1, others as far below as asked."""
        self.scored += texts[1:]
        scores = [-1.0 if " ".join(t.split()) in self.likely else -self.margin for t in texts[1:]]
        return np.array([0.0, *scores])


def window(number: int, start_s: float) -> Window:
    """A window that lasts as many seconds as its number says."""
    sound = np.concatenate((voice(150, number), silence(0.2)))
    return Window(start_s, analyse_speech(Audio(sound, 16_000), LoudIsSpeech()))


def read(recogniser: Writes, text: str, *numbers: int) -> StatementReading:
    def windows() -> Iterable[Window]:
        return [window(number, 100.0 * i) for i, number in enumerate(numbers)]

    return StatementCheck(recogniser).read(windows, text, "en")


def test_what_was_read_as_written_scores_one() -> None:
    reading = read(
        Writes(["", "I agree, and I know", "the risk."]), "I agree and I know the risk", 1, 2
    )
    assert reading.score == reading.coverage == 1.0
    assert reading.deviations == ()
    assert reading.expected_units == 7


def test_altered_missing_and_inserted_words_are_named_with_their_times() -> None:
    recogniser = Writes(["", "I do not agree and know risks"])
    reading = read(recogniser, "I do agree and fully know risks", 1)
    assert [(d.kind, d.expected, d.heard, d.start_s) for d in reading.deviations] == [
        ("inserted", "", "not", 1.12),  # half a second for " not": the blank has its part
        ("missing", "fully", "", 2.5),
    ]
    assert all(d.clear for d in reading.deviations)
    assert reading.score == pytest.approx(1 - 2 / 7)
    assert recogniser.scored == [
        " I do agree and know risks",
        " I do not agree and fully know risks",
    ]


def test_a_slip_of_the_recogniser_does_not_count() -> None:
    recogniser = Writes(["", "I a gree and know"], likely=["I agree and know"])
    reading = read(recogniser, "I agree and know", 1)
    assert reading.raw_error_rate > 0
    assert reading.score == 1.0
    assert [d.clear for d in reading.deviations] == [False]


@pytest.mark.parametrize(
    ("text", "heard", "margin", "counts"),
    [
        ("需求急剧减少", "需求几巨减少", 6.0, False),  # the same sounds but for one tone
        ("我助他", "我住他", 20.0, False),  # the same sounds in the same tones
        ("同意买入", "同意卖入", 6.0, False),  # another tone, hardly preferred
        ("同意买入", "同意卖入", 20.0, True),
        ("同意买入", "同意赎入", 6.0, True),  # other sounds
        ("我同意", "我不同意", 6.0, True),  # a further syllable
        ("一共十四元", "一共四十元", 6.0, True),  # digits of a number
    ],
)
def test_mandarin_differences_are_weighed_by_sound(
    text: str, heard: str, margin: float, *, counts: bool
) -> None:
    recogniser = Writes(["", heard], margin=margin)

    def windows() -> Iterable[Window]:
        return [window(1, 0.0)]

    reading = StatementCheck(recogniser).read(windows, text, "zh")
    assert [d.clear for d in reading.deviations] == [counts] * len(reading.deviations)
    assert reading.deviations
    assert (reading.score < 1) is counts


def test_words_around_the_statement_do_not_count() -> None:
    reading = read(Writes(["", "well now I agree fully thank you"]), "I agree fully", 1)
    assert reading.score == 1.0


def test_another_text_altogether_scores_nothing() -> None:
    reading = read(Writes(["", "the weather is fine over there"]), "I agree to all terms", 1)
    assert reading.score < 0.2


def test_a_difference_in_an_earlier_window_is_weighed_on_its_own_sound() -> None:
    recogniser = Writes(["", "I do not agree", "and I know"])
    reading = read(recogniser, "I do agree and I know", 1, 2)
    assert [(d.kind, d.heard) for d in reading.deviations] == [("inserted", "not")]
    assert recogniser.scored == [" I do agree"]
    assert recogniser.calls == 3  # both windows once, the first once more


def test_a_silent_recording_is_not_assessed() -> None:
    def windows() -> Iterable[Window]:
        return speech_windows([Audio(silence(5.0), 16_000)], LoudIsSpeech())

    measured = StatementCheck(Writes([""] * 10))(windows, "I agree", "en")
    assert measured.score is None
    assert measured.reason == "no_speech"


def test_a_statement_without_words_is_refused() -> None:
    with pytest.raises(InputError) as error:
        read(Writes(["", "x"]), "… !", 1)
    assert error.value.code == "voice.statement"


def test_the_evidence_holds_no_words() -> None:
    def windows() -> Iterable[Window]:
        return [window(1, 0.0)]

    measured = StatementCheck(Writes(["", "my number is secret"]))(windows, "I agree", "en")
    assert "secret" not in str(measured.evidence)


def test_windows_end_in_pauses_and_leave_nothing_out() -> None:
    rng = np.random.default_rng(3)
    sounds = []
    for _ in range(24):
        sounds += [voice(140, float(rng.uniform(1, 4))), silence(float(rng.uniform(0.3, 0.9)))]
    sound = np.concatenate(sounds)
    blocks = [Audio(part, 16_000) for part in np.array_split(sound, 7)]
    found = list(speech_windows(blocks, LoudIsSpeech()))
    assert np.array_equal(np.concatenate([w.speech.samples for w in found]), sound)
    assert all(w.speech.duration_s <= 28 for w in found)
    for one in found[:-1]:
        assert np.abs(one.speech.samples[-800:]).max() < 0.01


def test_an_altered_word_is_found_in_real_speech(store: ModelStore, shared: Path) -> None:
    if not all(store.has(name) for name in Whisper.models):
        pytest.skip("the optional models of the statement check are not pulled")
    file = shared / "data/voice/speech/test-other/1688/1688-142285-0002.flac"
    vad = store.session("silero-vad")
    recogniser = Whisper(*(store.session(name) for name in Whisper.models))
    embedder = VoiceEmbedder(store.session("campplus-zh-en"))
    check = StatementCheck(recogniser, embedder)
    sound = read_audio(file)

    def windows() -> Iterable[Window]:
        return speech_windows([sound], vad)

    said = "You don't mean that you thought me so silly"
    reading = check.read(windows, said, "en")
    assert reading.score == 1.0
    other = check.read(windows, said.replace("silly", "clever"), "en")
    assert [(d.expected, d.heard.strip(" .,!?")) for d in other.deviations if d.clear] == [
        ("clever", "silly")
    ]
    spoken = analyse_speech(sound, vad)
    (deviation,) = other.deviations
    assert spoken.segments_s[0][0] < deviation.start_s < deviation.end_s <= spoken.duration_s
    assert enrol_voice(embedder, [spoken], least_speech_s=1.0).template is not None


def test_a_policy_can_ask_for_a_statement() -> None:
    check = StatementCheck(Writes([""] * 6 + ["I agree"]))
    step = build_steps({"voice.statement": lambda: check})["voice.statement"]
    spoken = Audio(np.concatenate((voice(150, 6), silence(0.2))), 16_000)
    analyser = Engines.of(vad=LoudIsSpeech(), statement=check)
    read_it = Transaction("t", voice=spoken, statement="I agree")
    assert step(Analysis(read_it, analyser)).score == 1.0
    asked_nothing = Transaction("t", voice=spoken)
    assert step(Analysis(asked_nothing, analyser)).reason == "missing_input"


def test_a_number_is_weighed_and_shown_whole() -> None:
    recogniser = Writes(["", "I pay 5,300 dollars"])
    reading = read(recogniser, "I pay 5400 dollars", 1)
    assert [(d.expected, d.heard, d.units) for d in reading.deviations] == [("5400", "5,300", 1)]
    assert recogniser.scored == [" I pay 5400 dollars"]
