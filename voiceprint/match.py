"""Is it the enrolled speaker?"""

import time

from veridical.result import EvidenceValue, Measurement
from veridical.types import Template
from veridical.voiceprint.embed import (
    SpeechLimits,
    VoiceEmbedder,
    compare,
    consistency,
    mean_vector,
)
from veridical.voiceprint.speech import SpeechAnalysis

__all__ = ["VoiceMatchCheck"]


class VoiceMatchCheck:
    """Compares a recording with an enrolled voice.

    It says who spoke, not whether a person spoke: converted and cloned voices score like the
    speaker they copy (docs/measurements/voice.md). The decision never accepts on this check alone.

    Args:
        embedder: Makes the probe's template.
        limits: Quality below which the recording is not assessed.
    """

    name = "voice.match"

    def __init__(self, embedder: VoiceEmbedder, limits: SpeechLimits | None = None) -> None:
        self._embedder = embedder
        self._limits = limits or SpeechLimits()

    def __call__(
        self, reference: Template, speech: SpeechAnalysis, language: str = ""
    ) -> Measurement:
        """Score one recording.

        Args:
            reference: The enrolled voice, of the same model.
            speech: The probe.
            language: What is spoken in it; empty when unknown.

        Returns:
            The cosine of the two templates, on the scale of full sound (`NarrowBand`); a low one
            means `not_mated`. Not assessed: `no_speech`, `too_short`, `too_noisy`, `clipped`,
            `two_voices`, `other_language`: the voice was enrolled in another language, and the
            thresholds hold within one.

        Raises:
            InputError: `voice.template_model`: the reference was made by another model.
        """
        started = time.perf_counter()
        evidence: dict[str, EvidenceValue] = speech.evidence()
        score: float | None = None
        reason = self._limits.quality_reason(speech)
        if language and reference.language:
            evidence |= {"language": language, "enrolled_language": reference.language}
            if language != reference.language:
                reason = reason or "other_language"
        if not reason:
            parts = self._embedder.parts(speech)
            agreement = consistency(parts)
            if len(parts) > 1:
                evidence["consistency"] = round(agreement, 3)
            if agreement < self._limits.min_consistency:
                reason = "two_voices"
            else:
                probe = Template(mean_vector(parts), self._embedder.model)
                cosine, narrow = compare(reference, probe), self._embedder.is_narrow(speech)
                evidence |= {"cosine": round(cosine, 4), "narrow_band": narrow}
                score, reason = self._embedder.score(cosine, narrow=narrow), "not_mated"
        return Measurement(
            self.name,
            score,
            reason,
            evidence,
            (speech.model, self._embedder.ref),
            (time.perf_counter() - started) * 1000,
        )
