"""Did they say these digits? The prompt is verified against its rivals rather than transcribed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Self
from weakref import WeakKeyDictionary

import numpy as np

from veridical.errors import InputError
from veridical.languages import LANGUAGES
from veridical.models import ModelStore, Profile
from veridical.result import EvidenceValue, Measurement
from veridical.voiceprint.ctc import Scores, align, best_path, log_likelihoods, log_softmax
from veridical.voiceprint.digits_listen import DigitListener
from veridical.voiceprint.digits_net import DigitNet, HearsDigits
from veridical.voiceprint.fbank import HOP, RATE_HZ, WINDOW
from veridical.voiceprint.speech import SpeechAnalysis
from veridical.voiceprint.whisper import Whisper

__all__ = ["DigitReading", "DigitTimes", "DigitsCheck", "load_nets", "rivals"]

STEP_FRAMES = 4
"""Frames of one step of the digit nets."""
MARGIN_FRAMES = 60
"""Sound kept around the speech: on telephone lines the activity net misses quiet digits."""
LEAST_SPEECH_S = 0.1
"""Shortest speech per digit; hurried digits take about 0.2 s, of which a line may leave half."""
RISE = 0.35
RISE_FRAMES = 3
"""A digit begins where loudness, smoothed over so many frames, has risen by so much of the way from
its lowest point since the digit before; measured: docs/measurements/lips.md."""
LARGEST_SCORE = 50.0
SURE_FROM = 0.0
"""Score of a net from which no second opinion is asked: nothing explains the sound better."""
HOPELESS_A_DIGIT = -6.0
"""Score of a net, by the prompt's digits, below which none is asked either:
docs/measurements/voice.md."""


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
        nets: One by language (`en`, `zh`).
        listener: Gives a second opinion; None leaves all to the nets.
    """

    name = "voice.digits"

    def __init__(
        self, nets: Mapping[str, HearsDigits], listener: DigitListener | None = None
    ) -> None:
        self._nets = dict(nets)
        self._listener = listener
        # A transaction's checks read the same recording.
        self._known: WeakKeyDictionary[SpeechAnalysis, tuple[tuple[str, int, int], Scores]] = (
            WeakKeyDictionary()
        )
        self._lock = Lock()

    @classmethod
    def load(cls, store: ModelStore, profile: Profile) -> Self:
        """The check over a model set: its roles `digits_en`, `digits_zh` and `listener`.

        Raises:
            ModelError: A model is missing. Nets do not stand in for a listener: the thresholds are
                of both.
        """
        encoder, decoder = profile.roles["listener"]
        for name in (encoder, decoder):
            if not store.has(name):
                store.session(name)  # Raises what says which model is wanted, and how to get it.
        listener = DigitListener(
            lambda: Whisper(store.session(encoder), store.session(decoder)),
            (store.card(encoder).ref, store.card(decoder).ref),
        )
        return cls(load_nets(store, profile), listener)

    @property
    def languages(self) -> frozenset[str]:
        """Languages there is a net for."""
        return frozenset(self._nets)

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
        net = self._nets.get(language)
        refs = (speech.model, *((net.ref,) if net else ()))
        if self._listener is not None:
            refs += self._listener.refs
        score: float | None = None
        if net is None:
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
        hopeless = max(HOPELESS_A_DIGIT * len(digits), -LARGEST_SCORE)
        if self._listener is None or not hopeless <= reading.score < SURE_FROM:
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
        scores = self._followed(speech, first, int(spoken[-1]) + MARGIN_FRAMES, language)
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

    def _followed(self, speech: SpeechAnalysis, first: int, last: int, language: str) -> Scores:
        """Log probabilities of digits from one frame to another; a recording is heard once."""
        key = (language, first, last)
        with self._lock:
            known = self._known.get(speech)
        if known is not None and known[0] == key:
            return known[1]
        scores = log_softmax(self._nets[language](speech.samples[first * HOP : last * HOP]))
        with self._lock:
            self._known[speech] = (key, scores)
        return scores


def load_nets(store: ModelStore, profile: Profile) -> dict[str, DigitNet]:
    """The digit nets of a model set that are there, by language.

    Raises:
        ModelError: The encoder that they hear through is missing.
    """
    encoder = profile.roles["listener"][0]
    if not store.has(encoder):
        store.session(encoder)  # Raises what says how to get it; else it is loaded when needed.
    roles = {language: profile.roles.get(f"digits_{language}", ()) for language in LANGUAGES}
    return {
        language: DigitNet(store.session(names[0]), lambda: store.session(encoder))
        for language, names in roles.items()
        if names and store.has(names[0])
    }


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
