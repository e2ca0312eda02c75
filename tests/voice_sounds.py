"""Sounds and stand-in nets for the voice tests."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from veridical.result import ModelRef
from veridical.types import Audio
from veridical.voiceprint.speech import SpeechAnalysis, analyse_speech

__all__ = ["LoudIsSpeech", "analysed", "silence", "tone", "voice"]


def tone(hertz: float, seconds: float, level: float = 0.3) -> NDArray[np.float32]:
    """A sine at 16 kHz."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    return np.asarray(level * np.sin(2 * np.pi * hertz * time), np.float32)


def voice(hertz: float, seconds: float) -> NDArray[np.float32]:
    """A buzz with the harmonics of a voice."""
    parts = [tone(k * hertz, seconds, 0.2 / k) for k in range(1, int(7_000 / hertz))]
    return np.asarray(np.sum(parts, axis=0), np.float32)


def silence(seconds: float, level: float = 1e-4) -> NDArray[np.float32]:
    """Faint noise."""
    rng = np.random.default_rng(5)
    return rng.normal(0, level, round(seconds * 16_000)).astype(np.float32)


class LoudIsSpeech:
    """Stands in for the activity net: a chunk is speech when it is loud; counts what it is fed."""

    ref = ModelRef("loud-is-speech", "0" * 64)
    metadata: Mapping[str, str] = {}
    inputs: Mapping[str, tuple[int | str | None, ...]] = {}

    def __init__(self) -> None:
        self.calls = 0

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """Probability 0.9 for a loud chunk, 0.1 for a quiet one."""
        self.calls += 1
        chunks = np.asarray(feeds["input"], np.float32)[:, 64:]
        loud = np.sqrt(np.square(chunks).mean(axis=1)) > 0.01
        state = np.zeros((1, 1, 128), np.float32)
        return [np.where(loud, 0.9, 0.1).astype(np.float32), state, state]


def analysed(*sounds: NDArray[np.float32]) -> SpeechAnalysis:
    """Sounds in a row, analysed with the stand-in."""
    return analyse_speech(Audio(np.concatenate(sounds), 16_000), LoudIsSpeech())
