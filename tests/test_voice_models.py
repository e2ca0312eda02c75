"""The real nets on real speech, where both are here; speakers none of them was trained on."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.voice_sounds import silence
from veridical.media import read_audio
from veridical.models import ModelStore
from veridical.types import Audio
from veridical.voiceprint import (
    DigitsCheck,
    SpeechAnalysis,
    VoiceEmbedder,
    VoiceMatchCheck,
    analyse_speech,
    compare,
)

pytestmark = [pytest.mark.models, pytest.mark.shared]

SPEAKERS = ("ls_1688", "ls_1998")


@pytest.fixture(scope="module")
def speech(store: ModelStore, shared: Path) -> dict[tuple[str, int], SpeechAnalysis]:
    """Two utterances each of two speakers."""
    folder = shared / "data" / "voice"
    with (folder / "speech.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for speaker in SPEAKERS:
        for i, row in enumerate([row for row in rows if row["speaker"] == speaker][:2]):
            audio = read_audio(folder / row["file"])
            cut = Audio(audio.samples[: 6 * audio.rate_hz], audio.rate_hz)
            found[speaker, i] = analyse_speech(cut, store.session("silero-vad"))
    return found


@pytest.fixture(scope="module")
def embedder(store: ModelStore) -> VoiceEmbedder:
    """The shipped speaker model."""
    return VoiceEmbedder(store.session("campplus-zh-en"))


def test_a_speaker_is_nearer_to_himself_than_to_another(
    speech: dict[tuple[str, int], SpeechAnalysis], embedder: VoiceEmbedder
) -> None:
    templates = {key: embedder(one) for key, one in speech.items()}
    for speaker in SPEAKERS:
        mated = compare(templates[speaker, 0], templates[speaker, 1])
        other = next(name for name in SPEAKERS if name != speaker)
        assert mated > 0.5
        assert max(compare(templates[speaker, 0], templates[other, i]) for i in (0, 1)) < 0.3


def test_two_voices_in_one_recording_are_seen(
    store: ModelStore,
    speech: dict[tuple[str, int], SpeechAnalysis],
    embedder: VoiceEmbedder,
) -> None:
    both = np.concatenate([speech[speaker, 0].samples for speaker in SPEAKERS])
    mixed = analyse_speech(Audio(both, 16_000), store.session("silero-vad"))
    result = VoiceMatchCheck(embedder)(embedder(speech[SPEAKERS[0], 1]), mixed)
    assert (result.score, result.reason) == (None, "two_voices")


def test_the_same_sound_gives_the_same_template(
    speech: dict[tuple[str, int], SpeechAnalysis], embedder: VoiceEmbedder
) -> None:
    one = speech[SPEAKERS[0], 0]
    np.testing.assert_array_equal(embedder(one).vector, embedder(one).vector)


def test_english_digits_are_heard_in_order(store: ModelStore, shared: Path) -> None:
    # A speaker left out of the training; six of his recordings in a row.
    folder = shared / "data" / "voice" / "digits" / "fsdd" / "george"
    pieces = []
    for digit in "839217":
        pieces += [silence(0.15), read_audio(folder / f"{digit}_0.flac").samples]
    audio = Audio(np.concatenate([*pieces, silence(0.3)]), 16_000)
    recording = analyse_speech(audio, store.session("silero-vad"))
    check = DigitsCheck.load(store, store.profile())
    right = check(recording, "839217", "en").score
    wrong = check(recording, "839257", "en").score
    assert right is not None
    assert wrong is not None
    assert right - wrong > 3
    times = check.read(recording, "839217", "en").times
    assert times is not None
    ends = np.cumsum([len(piece) / 16 for piece in pieces])[1::2]
    assert all(abs(at - end) < 700 for at, end in zip(times.centre_ms, ends, strict=True))
