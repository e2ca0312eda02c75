"""Did they say these digits? The prompt is verified against its rivals rather than transcribed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from veridical.errors import InputError
from veridical.models import ModelStore, Profile, Session
from veridical.result import EvidenceValue, Measurement
from veridical.voiceprint.ctc import align, best_path, log_likelihoods, log_softmax
from veridical.voiceprint.digit_features import digit_features
from veridical.voiceprint.digits_listen import DigitListener
from veridical.voiceprint.fbank import HOP, RATE_HZ, WINDOW
from veridical.voiceprint.speech import SpeechAnalysis
from veridical.voiceprint.whisper import Whisper

__all__ = ["DigitReading", "DigitTimes", "DigitsCheck", "rivals"]

LANGUAGES = ("en", "zh")
STEP_FRAMES = 4
"""Frames of one step of the digit nets."""
MARGIN_FRAMES = 30
"""Sound kept before and after the speech."""
LEAST_SPEECH_S = 0.12
"""Shortest speech per digit; hurried digits take about 0.2 s."""
RISE = 0.35
RISE_FRAMES = 3
"""A digit begins where loudness, smoothed over so many frames, has risen by so much of the way from
its lowest point since the digit before; measured: docs/measurements/lips.md."""
LARGEST_SCORE = 50.0
SURE_FROM = 0.0
"""Score of a net from which no second opinion is asked: nothing explains the sound better."""
HOPELESS_BELOW = -30.0
"""Score of a net below which none is asked either; see docs/measurements/voice.md for what this
leaves open."""


@dataclass(frozen=True, slots=True)
class DigitTimes:
    """When each digit of a prompt was said, by the likeliest alignment; 40 ms fine.

    Attributes:
        digits: The prompt.
        centre_ms: Middle of each digit, from the start of the recording, rising.
        start_ms: Where each begins: the bounds of speech, or where it rises after the digit before.
        end_ms: Where each ends.
    """

    digits: str
    centre_ms: tuple[float, ...]
    start_ms: tuple[float, ...]
    end_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DigitReading:
    """A recording held against a prompt.

    Attributes:
        score: Log likelihood of the prompt less that of its strongest rival, -50..50: above 0 when
            no other string explains the sound better.
        heard: What free decoding hears; for a person to read, never for the decision.
        rival: The strongest rival.
        times: When each digit was said; None when the recording is too short to hold them.
    """

    score: float
    heard: str
    rival: str
    times: DigitTimes | None


class DigitsCheck:
    """Verifies a spoken prompt.

    The score of a net compares the prompt with the best free path and with every string that
    differs from it by one digit replaced, left out or put in, and with the likeliest that differ by
    two. Where the net is sure neither way, the listener's log odds stand in its place.

    Args:
        sessions: One net by language (`en`, `zh`): `features` (1, frames, DIGIT_BANDS) float32 to
            (1, steps, 11) logits of ten digits and the blank, 40 ms a step.
        listener: Gives a second opinion; None leaves all to the nets.
    """

    name = "voice.digits"

    def __init__(
        self, sessions: Mapping[str, Session], listener: DigitListener | None = None
    ) -> None:
        self._sessions = dict(sessions)
        self._listener = listener

    @classmethod
    def load(cls, store: ModelStore, profile: Profile) -> Self:
        """The check over a model set: its roles `digits_en`, `digits_zh` and `listener`.

        Raises:
            ModelError: A model is missing. Nets do not stand in for a listener: the thresholds of a
                set that has one are not theirs.
        """
        nets = {
            language: store.session(profile.roles[f"digits_{language}"][0])
            for language in LANGUAGES
            if f"digits_{language}" in profile.roles
        }
        if "listener" not in profile.roles:
            return cls(nets)
        encoder, decoder = profile.roles["listener"]
        for name in (encoder, decoder):
            if not store.has(name):
                store.session(name)  # Raises what says which model is wanted, and how to get it.
        return cls(
            nets,
            DigitListener(
                lambda: Whisper(store.session(encoder), store.session(decoder)),
                (store.card(encoder).ref, store.card(decoder).ref),
            ),
        )

    @property
    def languages(self) -> frozenset[str]:
        """Languages there is a net for."""
        return frozenset(self._sessions)

    def __call__(self, speech: SpeechAnalysis, digits: str, language: str) -> Measurement:
        """Score one recording.

        Args:
            speech: The analysed recording.
            digits: The prompt, such as `839217`.
            language: Language the prompt was to be read in.

        Returns:
            `DigitReading.score`, or the listener's log odds where the net is not sure, -50..50; a
            low one means `wrong_digits`. Not assessed: `no_speech`, `too_short`, `model_missing`
            (no net for the language). Evidence: `heard` and `rival` (of the net), whether the
            score is the listener's (`second_opinion`), `digit_times_ms` (middles, as text) and the
            quality of the speech.

        Raises:
            InputError: `voice.prompt`: the prompt is empty or holds something else than digits.
        """
        started = time.perf_counter()
        evidence: dict[str, EvidenceValue] = speech.evidence()
        session = self._sessions.get(language)
        refs = (speech.model, *((session.ref,) if session else ()))
        if self._listener is not None:
            refs += self._listener.refs
        score: float | None = None
        if session is None:
            reason = "model_missing"
        elif not speech.segments_s:
            reason = "no_speech"
        elif speech.net_speech_s < LEAST_SPEECH_S * len(digits):
            reason = "too_short"
        else:
            reading = self.read(speech, digits, language)
            score, reason = reading.score, "wrong_digits"
            odds = self._second_opinion(reading, speech, digits, language)
            evidence["second_opinion"] = odds is not None
            if odds is not None:
                score = odds
            evidence |= {"heard": reading.heard, "rival": reading.rival}
            if reading.times is not None:
                evidence["digit_times_ms"] = " ".join(f"{at:.0f}" for at in reading.times.centre_ms)
        elapsed_ms = (time.perf_counter() - started) * 1000
        return Measurement(self.name, score, reason, evidence, refs, elapsed_ms)

    def _second_opinion(
        self, reading: DigitReading, speech: SpeechAnalysis, digits: str, language: str
    ) -> float | None:
        """The listener's log odds; None when the net is sure, or nobody can be asked."""
        if self._listener is None or not HOPELESS_BELOW <= reading.score < SURE_FROM:
            return None
        odds = self._listener.log_odds(speech, digits, language)
        return None if odds is None else float(np.clip(odds, -LARGEST_SCORE, LARGEST_SCORE))

    def read(self, speech: SpeechAnalysis, digits: str, language: str) -> DigitReading:
        """Hold a recording against a prompt by the net alone, with the times as numbers.

        Raises:
            InputError: `voice.prompt` for a prompt that is not made of digits; `voice.no_speech`
                for a recording without speech.
            KeyError: There is no net for the language.
        """
        if not (digits.isascii() and digits.isdigit()):
            raise InputError("a prompt is one or more of the digits 0 to 9", "voice.prompt")
        spoken = np.flatnonzero(speech.speech)
        if not len(spoken):
            raise InputError(
                "the recording holds no speech to look for digits in", "voice.no_speech"
            )
        first = max(0, int(spoken[0]) - MARGIN_FRAMES)
        features = digit_features(speech.fbank[first : int(spoken[-1]) + MARGIN_FRAMES])
        logits = self._sessions[language].run({"features": features[None]})[0][0]
        scores = log_softmax(logits)
        prompt = tuple(map(int, digits))
        heard = best_path(scores)
        near = sorted({*rivals(prompt), heard} - {prompt})
        likelihoods = log_likelihoods(scores, [prompt, *near])
        own, others = float(likelihoods[0]), likelihoods[1:]
        far = _two_off(prompt, near, others)
        all_rivals = [*near, *far]
        if far:
            others = np.concatenate((others, log_likelihoods(scores, far)))
        strongest = int(others.argmax())
        score = -LARGEST_SCORE if np.isneginf(own) else own - float(others[strongest])
        return DigitReading(
            score=float(np.clip(score, -LARGEST_SCORE, LARGEST_SCORE)),
            heard="".join(map(str, heard)),
            rival="".join(map(str, all_rivals[strongest])),
            times=_times(digits, align(scores, prompt), first, speech),
        )


def rivals(prompt: tuple[int, ...]) -> set[tuple[int, ...]]:
    """Every string one digit away: replaced, left out, or put in."""
    found = set()
    for i in range(len(prompt) + 1):
        for digit in range(10):
            found.add((*prompt[:i], digit, *prompt[i:]))
            if i < len(prompt):
                found.add((*prompt[:i], digit, *prompt[i + 1 :]))
        if i < len(prompt):
            found.add((*prompt[:i], *prompt[i + 1 :]))
    return found - {prompt}


def _two_off(
    prompt: tuple[int, ...], near: list[tuple[int, ...]], likelihoods: np.ndarray
) -> list[tuple[int, ...]]:
    """Pairs of the likeliest replacement at each place, and neighbours changed about."""
    best: dict[int, tuple[float, int]] = {}
    for string, likelihood in zip(near, likelihoods, strict=True):
        if len(string) == len(prompt):
            changed = [
                i for i, pair in enumerate(zip(string, prompt, strict=True)) if len({*pair}) > 1
            ]
            if len(changed) == 1:
                place = changed[0]
                best[place] = max(best.get(place, (-np.inf, 0)), (float(likelihood), string[place]))
    found = set()
    for i in best:
        for k in best:
            if i < k:
                between = prompt[i + 1 : k]
                found.add((*prompt[:i], best[i][1], *between, best[k][1], *prompt[k + 1 :]))
    for i in range(len(prompt) - 1):
        found.add((*prompt[:i], prompt[i + 1], prompt[i], *prompt[i + 2 :]))
    return sorted(found - {prompt, *near})


def _times(
    digits: str, steps: tuple[tuple[int, int], ...], first: int, speech: SpeechAnalysis
) -> DigitTimes | None:
    """Steps to milliseconds."""
    if not steps:
        return None
    frame_ms = HOP * 1000 / RATE_HZ
    centres = [
        (first + (start + end) / 2 * STEP_FRAMES) * frame_ms + WINDOW * 500 / RATE_HZ
        for start, end in steps
    ]
    loud = np.convolve(speech.fbank.mean(1), np.full(RISE_FRAMES, 1 / RISE_FRAMES), "same")
    bounds = [_rise(loud, a, b) for a, b in pairwise(centres)]
    starts, ends = [], []
    for i, centre in enumerate(centres):
        within = [
            (start * 1000, end * 1000)
            for start, end in speech.segments_s
            if start * 1000 <= centre <= end * 1000
        ]
        left, right = within[0] if within else (centre, centre)
        starts.append(max(left, bounds[i - 1]) if i else left)
        ends.append(min(right, bounds[i]) if i < len(bounds) else right)
    return DigitTimes(digits, tuple(centres), tuple(starts), tuple(ends))


def _rise(loud: np.ndarray, before_ms: float, at_ms: float) -> float:
    """When sound rises again between the middles of two digits."""
    frame_ms, half_ms = HOP * 1000 / RATE_HZ, WINDOW * 500 / RATE_HZ
    first, last = (
        min(max(round((time_ms - half_ms) / frame_ms), 0), len(loud) - 1)
        for time_ms in (before_ms, at_ms)
    )
    stretch = loud[first : last + 1]
    lowest = int(stretch.argmin())
    rising = stretch[lowest:]
    risen = int((rising >= rising[0] + RISE * (rising.max() - rising[0])).argmax())
    return float(np.clip((first + lowest + risen) * frame_ms + half_ms, before_ms, at_ms))
