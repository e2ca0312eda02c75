"""Were these digits said? Whisper weighs each against the other digits, and against numbers."""

from collections.abc import Callable
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from veridical.result import ModelRef
from veridical.voiceprint.fbank import RATE_HZ
from veridical.voiceprint.speech import SpeechAnalysis
from veridical.voiceprint.whisper import LONGEST_S, Whisper

__all__ = ["DigitListener"]

WHOLE_S = 18.0
"""Longest recording heard as it is. Cutting pauses would lose digits that the activity net missed,
as it does on telephone lines; recordings beyond this have them cut all the same."""
MARGIN_S = 0.4
"""Sound kept before and after each stretch of speech when pauses are cut."""
WINDOW_S = 8.0
"""Sound heard at once, silence filling it up; thirty seconds cost four times as much."""
READINGS: Final = {
    "en": (
        (" zero", " oh"),
        (" one",),
        (" two",),
        (" three",),
        (" four",),
        (" five",),
        (" six",),
        (" seven",),
        (" eight",),
        (" nine",),
    ),
    "zh": (
        ("零",),
        ("一", "幺"),
        ("二",),
        ("三",),
        ("四",),
        ("五",),
        ("六",),
        ("七",),
        ("八",),
        ("九",),
    ),
}
"""How each digit may be read; the first is the usual way."""
NUMBERS: Final = {
    "en": (
        *(" ten", " eleven", " twelve", " thirteen", " fourteen", " fifteen", " sixteen"),
        *(" seventeen", " eighteen", " nineteen", " twenty", " thirty", " forty", " fifty"),
        *(" sixty", " seventy", " eighty", " ninety", " hundred", " thousand"),
    ),
    "zh": ("十", "百", "千", "万", "两"),
}
"""Words of whoever reads a number instead of its digits; they take likelihood away from digits."""
CONTEXT: Final = {"en": "three one four one five nine two six", "zh": "三一四一五九二六"}
"""Sets the manner of writing: digits in words, nothing between them. No part of any prompt."""


SUREST = -1e-9
"""Log probability that counts as certain."""


class DigitListener:
    """The odds that a prompt was said, by a large recogniser that knows far more than digits.

    At each place of the prompt the recogniser says how likely each digit is to come next, the end
    of the string and a number word among the choices. Their product is the probability of the
    prompt among all strings of digits, so that no rival need be listed: one that replaces a digit,
    leaves one out or puts one in takes its share at the place where it parts from the prompt.

    Args:
        load: Gives the recogniser; called on first use, since it is large and often not needed.
        refs: Its models, as verdicts quote them.
    """

    def __init__(self, load: Callable[[], Whisper], refs: tuple[ModelRef, ...]) -> None:
        self._load = load
        self.refs = refs

    @cached_property
    def _whisper(self) -> Whisper:
        return self._load()

    def log_odds(self, speech: SpeechAnalysis, digits: str, language: str) -> float | None:
        """Log odds of the prompt against everything else, to base e: above 0 it is the likelier.

        Args:
            speech: A recording with speech in it.
            digits: The prompt.
            language: `en` or `zh`.

        Returns:
            None when there is more sound than can be heard at once.
        """
        samples = speech.samples if speech.duration_s <= WHOLE_S else _without_pauses(speech)
        if len(samples) > LONGEST_S * RATE_HZ:
            return None
        heard = self._whisper.hear(samples, max(WINDOW_S, len(samples) / RATE_HZ + 1))
        readings = READINGS[language]
        ways = [(digit, way) for digit, known in enumerate(readings) for way in known]
        places = self._whisper.places(
            heard,
            [readings[int(digit)][0] for digit in digits],
            [*(way for _, way in ways), *NUMBERS[language]],
            language,
            CONTEXT[language],
        )
        log_probability = float(places[-1, -1])
        for place, digit in zip(places, digits, strict=False):
            own = [i for i, (meant, _) in enumerate(ways) if meant == int(digit)]
            log_probability += float(np.logaddexp.reduce(place[own]))
        return log_probability - float(np.log(-np.expm1(min(log_probability, SUREST))))


def _without_pauses(speech: SpeechAnalysis) -> NDArray[np.float32]:
    """The speech with a margin around each stretch."""
    kept: list[NDArray[np.float32]] = []
    until = 0
    for start_s, end_s in speech.segments_s:
        first = max(until, int((start_s - MARGIN_S) * RATE_HZ))
        until = max(first, int((end_s + MARGIN_S) * RATE_HZ))
        kept.append(speech.samples[first:until])
    return np.concatenate(kept)
