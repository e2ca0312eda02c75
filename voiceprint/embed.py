"""Who spoke? Speech to a template, takes to an enrolment, two templates to a score."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError, ModelError
from veridical.models import Card, Session
from veridical.result import EvidenceValue, ModelRef
from veridical.types import Template
from veridical.voiceprint.fbank import HOP, RATE_HZ
from veridical.voiceprint.speech import SpeechAnalysis

__all__ = [
    "Enrolment",
    "NarrowBand",
    "SpeechLimits",
    "VoiceEmbedder",
    "compare",
    "consistency",
    "enrol_voice",
    "mean_vector",
]

FRAMES_A_SECOND = RATE_HZ // HOP
SPLIT_FROM = 4 * FRAMES_A_SECOND
"""Frames from which speech is embedded in parts, so that the parts can be compared."""
LONGEST_PART = 5 * FRAMES_A_SECOND
LEAST_FRAMES = 30
PAUSE_FRAMES = 25
"""Pause kept on either side of a segment: pauses carry the room that the net learnt to expect."""


@dataclass(frozen=True, slots=True)
class SpeechLimits:
    """What a recording must be for a voice to be judged; below it the check is not assessed.

    Attributes:
        min_net_speech_s: Shortest speech without pauses.
        min_snr_db: Lowest speech to background ratio. At 10 dB of pink noise the error rate is
            still that of clean speech (docs/measurements/voice.md); half as much is left to review.
        max_clipped_share: Largest share of speech samples cut off at the peak.
        min_consistency: Lowest cosine between the parts of one recording; see `consistency`.
    """

    min_net_speech_s: float = 2.0
    min_snr_db: float = 5.0
    max_clipped_share: float = 0.02
    min_consistency: float = 0.25

    def quality_reason(self, speech: SpeechAnalysis) -> str:
        """Why a recording cannot be judged; empty when it can."""
        if not speech.segments_s:
            return "no_speech"
        if speech.net_speech_s < self.min_net_speech_s:
            return "too_short"
        if speech.snr_db < self.min_snr_db:
            return "too_noisy"
        return "clipped" if speech.clipped_share > self.max_clipped_share else ""


@dataclass(frozen=True, slots=True)
class NarrowBand:
    """What a cosine means where the probe came over a telephone.

    A line takes away what tells speakers apart: strangers come nearer to each other, and to oneself
    as enrolled by a better microphone one comes less near. Such a cosine is brought to the scale of
    full sound, so that the card's points hold for both.

    Attributes:
        below_hz: A probe that reaches no higher is narrow.
        scale: What its cosine is multiplied by.
        offset: What is added then.
    """

    below_hz: float
    scale: float
    offset: float

    @classmethod
    def from_card(cls, card: Card) -> "NarrowBand | None":
        """Read a card's parameters; None where the card says nothing of it.

        Raises:
            ModelError: `model.card`: it says a part of it only, or something else than numbers.
        """
        told = [card.parameters.get(f"narrow_{name}") for name in ("below_hz", "scale", "offset")]
        if told == [None] * 3:
            return None
        numbers = [float(one) for one in told if isinstance(one, int | float)]
        if len(numbers) != len(told):
            raise ModelError(
                f"card {card.name}: [parameters] needs narrow_below_hz, narrow_scale and "
                "narrow_offset, all numbers, or none of them",
                "model.card",
            )
        return cls(*numbers)

    def __call__(self, cosine: float) -> float:
        """A narrow probe's cosine on the scale of full sound."""
        return self.offset + self.scale * cosine


class VoiceEmbedder:
    """Speech to voice templates.

    Args:
        session: CAM++: `features` (n, frames, 80) float32 log mel powers without their mean, to
            (n, 192) float32.
        narrow: What its cosines mean of narrow sound; None takes them as they are.
    """

    def __init__(self, session: Session, narrow: NarrowBand | None = None) -> None:
        self._session = session
        self._narrow = narrow

    @property
    def ref(self) -> ModelRef:
        """The model behind the templates."""
        return self._session.ref

    @property
    def model(self) -> str:
        """What templates are marked with: only equal marks can be compared."""
        return f"{self.ref.name}@{self.ref.sha256[:12]}"

    def parts(self, speech: SpeechAnalysis) -> NDArray[np.float32]:
        """Embed a recording in equal parts of two to five seconds.

        Returns:
            (n, 192) float32 of unit length; one part below four seconds, none when there is too
            little speech to embed at all.
        """
        frames = speech.fbank[_around(speech.speech, PAUSE_FRAMES)]
        count, size = _division(len(frames))
        if not count:
            return np.zeros((0, 192), np.float32)
        frames = frames - frames.mean(axis=0)
        batch = frames[: count * size].reshape(count, size, frames.shape[1])
        embedded = np.concatenate(
            [self._session.run({"features": batch[i : i + 1]})[0] for i in range(count)]
        )
        return _unit(embedded)

    def spans(self, speech: SpeechAnalysis) -> tuple[tuple[float, float], ...]:
        """Where each of the `parts` begins and ends, in seconds."""
        frames = np.flatnonzero(_around(speech.speech, PAUSE_FRAMES))
        count, size = _division(len(frames))
        return tuple(
            (
                float(frames[i * size]) / FRAMES_A_SECOND,
                float(frames[(i + 1) * size - 1] + 1) / FRAMES_A_SECOND,
            )
            for i in range(count)
        )

    def __call__(self, speech: SpeechAnalysis) -> Template:
        """The template of one recording.

        Raises:
            InputError: `voice.no_speech`: there is not even a third of a second of speech.
        """
        parts = self.parts(speech)
        if not len(parts):
            raise InputError(
                "a voice template needs speech, and the recording holds hardly any; record again",
                "voice.no_speech",
            )
        return Template(mean_vector(parts), self.model)

    def is_narrow(self, speech: SpeechAnalysis) -> bool:
        """Whether a probe came over a line that takes away high sounds."""
        return self._narrow is not None and 0 < speech.bandwidth_hz < self._narrow.below_hz

    def score(self, cosine: float, *, narrow: bool) -> float:
        """A cosine on the scale of full sound, on which the card's points are."""
        return cosine if self._narrow is None or not narrow else self._narrow(cosine)


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """What came of an enrolment.

    Attributes:
        template: The reference; None when the takes will not do.
        reason: Why not: `no_speech`, `too_short`, `too_noisy`, `clipped`, `two_voices`; else empty.
        evidence: Net speech, consistency and quality of the worst take.
    """

    template: Template | None
    reason: str = ""
    evidence: dict[str, EvidenceValue] = field(default_factory=dict)


def enrol_voice(
    embedder: VoiceEmbedder,
    takes: Sequence[SpeechAnalysis],
    limits: SpeechLimits | None = None,
    least_speech_s: float = 5.0,
    language: str = "",
) -> Enrolment:
    """Make a reference of one or more recordings of one person.

    Each take weighs by its speech, and every part of every take must sound like one person.

    Args:
        embedder: Makes the templates.
        takes: Recordings of the applicant, of one language and better of several sentences.
        limits: Quality each take must have; its shortest speech is half a second here.
        least_speech_s: Net speech wanted over all takes.
        language: What was spoken; the template carries it, for voices are compared in one language.
    """
    limits = limits or SpeechLimits()
    each = SpeechLimits(0.5, limits.min_snr_db, limits.max_clipped_share, limits.min_consistency)
    net = sum(take.net_speech_s for take in takes)
    evidence: dict[str, EvidenceValue] = {"takes": len(takes), "net_speech_s": round(net, 2)}
    for take in takes:
        if reason := each.quality_reason(take):
            return Enrolment(None, reason, {**evidence, **take.evidence()})
    if net < least_speech_s:
        return Enrolment(None, "too_short" if takes else "no_speech", evidence)
    parts = np.concatenate([embedder.parts(take) for take in takes])
    evidence["consistency"] = round(consistency(parts), 3)
    if consistency(parts) < limits.min_consistency:
        return Enrolment(None, "two_voices", evidence)
    if language:
        evidence["language"] = language
    return Enrolment(Template(mean_vector(parts), embedder.model, language), "", evidence)


def compare(reference: Template, probe: Template) -> float:
    """Comparison score of two templates: their cosine, -1..1.

    Raises:
        InputError: `voice.template_model`: they were made by two models.
    """
    if reference.model != probe.model:
        raise InputError(
            f"two voice templates of one model can be compared, got {reference.model} and "
            f"{probe.model}; enrol the voice again",
            "voice.template_model",
        )
    return float(reference.vector @ probe.vector)


def consistency(parts: NDArray[np.float32]) -> float:
    """How alike the parts of a recording sound: the lowest cosine of any two.

    Args:
        parts: (n, d) float32 of unit length.

    Returns:
        -1..1; 1 for a single part, which has nothing to differ from.
    """
    if len(parts) < 2:
        return 1.0
    return float((parts @ parts.T).min())


def mean_vector(parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """(d,) float32 of unit length in the middle of (n, d) vectors."""
    return np.asarray(_unit(parts.mean(axis=0, keepdims=True))[0], np.float32)


def _division(frames: int) -> tuple[int, int]:
    """Into how many equal parts so many frames are cut, and the frames of each."""
    if frames < LEAST_FRAMES:
        return 0, 0
    count = max(2, -(-frames // LONGEST_PART)) if frames >= SPLIT_FROM else 1
    return count, frames // count


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to length one; a zero row stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)), np.float32)


def _around(speech: NDArray[np.bool_], margin: int) -> NDArray[np.bool_]:
    """Frames of speech and so many before and after them."""
    reach = np.ones(2 * margin + 1, np.int64)
    return np.asarray(np.convolve(speech.astype(np.int64), reach)[margin:-margin] > 0)
