"""Were these words spoken, now, by this mouth?"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from veridical.liveness.lips.adaptation import Adaptation
from veridical.liveness.lips.fusion import CONSISTENCY, SCHEDULE, TEXT, Fusion
from veridical.liveness.lips.gate import Gate
from veridical.liveness.lips.heard import Heard
from veridical.liveness.lips.read import LipReader, LipScorer
from veridical.liveness.lips.schedule import ScheduleModel, schedule_llr
from veridical.liveness.lips.sync import Agreement, LipSync, standardise
from veridical.liveness.lips.track import GRID_MS, MouthTrack
from veridical.models import ModelStore, Profile
from veridical.result import EvidenceValue, Measurement, ModelRef
from veridical.types import Challenge

__all__ = ["Finding", "LipsCheck"]

STILL_BELOW = 0.008
"""Standard deviation of the inner opening, in inter-ocular distances, that a photograph moved by
hand reaches; measured: docs/measurements/lips.md."""
STILL_SCORE = -10.0
VETO_LANGUAGES = frozenset({"en"})
"""Languages whose text score may object; in others it stands in the evidence alone."""
REASONS = {CONSISTENCY: "lips_sound_apart", SCHEDULE: "off_schedule", TEXT: "lips_other_words"}


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """Everything that was found in a clip: what a report shows.

    Attributes:
        score: Log-likelihood ratio, natural; None when not assessed.
        reason: Why it was not assessed, or what the lowest part of the score means.
        agreement: Lips against sound; None when that could not be compared.
        ratios: Log-likelihood ratio by attack, as far as measured.
        text: Score of the prompt read from lips alone, in standard deviations; None without one.
    """

    score: float | None
    reason: str
    agreement: Agreement | None = None
    ratios: Mapping[str, float] | None = None
    text: float | None = None


class LipsCheck:
    """Lip-reading liveness: lips against sound, against the schedule, and against the prompt.

    Args:
        sync: Compares lips and sound.
        reader: Reads the prompt from the lips; None leaves that evidence out.
        fusion: Makes ratios of the scores.
        schedule: What delays look like.
        gate: What a clip must offer.
        adaptation: Named beside the networks in every measurement; None when the parts above are
            as shipped.
    """

    name = "liveness.lips"

    def __init__(
        self,
        sync: LipSync,
        reader: LipScorer | None,
        fusion: Fusion,
        schedule: ScheduleModel = ScheduleModel(),  # noqa: B008
        gate: Gate = Gate(),  # noqa: B008
        adaptation: ModelRef | None = None,
    ) -> None:
        self._sync = sync
        self._reader = reader
        self._fusion = fusion
        self._schedule = schedule
        self._gate = gate
        others = (reader.model if reader else None, adaptation)
        self._models = (sync.model, *(model for model in others if model is not None))

    @classmethod
    def load(
        cls, store: ModelStore, profile: Profile, adaptation: Adaptation | None = None
    ) -> Self:
        """Build the check from a model set's `lips` role: first lips and sound, then the reader.

        Args:
            store: The installation's models.
            profile: The model set.
            adaptation: What `veridical adapt lips` fitted to recordings of one's own.

        Raises:
            ModelError: One is missing, altered or refused.
            InputError: `adaptation.other_model`: it was fitted over other networks.
        """
        sync, *readers = (store.session(name) for name in profile.roles["lips"])
        fusion = Fusion.from_card(store.card(sync.ref.name))
        if adaptation is None:
            reader = LipReader(readers[0]) if readers else None
            return cls(LipSync(sync), reader, fusion)
        adaptation.require([sync.ref, *(reader.ref for reader in readers)])
        return cls(
            LipSync(sync, adaptation.correction),
            LipReader(readers[0], adaptation.targets) if readers else None,
            fusion.adapted(*adaptation.consistency),
            ScheduleModel(adaptation.reader) if adaptation.reader else ScheduleModel(),
            adaptation=adaptation.ref,
        )

    def __call__(
        self, track: MouthTrack, heard: Heard | None, challenge: Challenge | None = None
    ) -> Measurement:
        """Measure one clip.

        Args:
            track: The mouth in every frame.
            heard: The clip's sound, analysed; None for a clip without sound, which is never
                assessed: lips alone are too weak to pass anybody.
            challenge: What was asked; without it lips and sound are compared and nothing else.

        Returns:
            A natural log-likelihood ratio, about -15..15: above 0 the clip looks more like a
            genuine answer than like the attack it refutes least.
        """
        start = time.perf_counter()
        found = self.examine(track, heard, challenge)
        return Measurement(
            self.name,
            found.score,
            found.reason,
            _evidence(found, track, heard, challenge),
            self._models,
            (time.perf_counter() - start) * 1000,
        )

    def examine(
        self, track: MouthTrack, heard: Heard | None, challenge: Challenge | None = None
    ) -> Finding:
        """Look at a clip and keep everything that was found; see `__call__`."""
        reason = self._gate.of_picture(track)
        if reason:
            return Finding(None, reason)
        reason = self._gate.of_sound(heard)
        if reason or heard is None:
            return Finding(None, reason, text=self._read(track, None, challenge))
        if track.motion < STILL_BELOW:
            return Finding(STILL_SCORE, "lips_still")
        agreement = self._sync(track, heard)
        if agreement is None:
            return Finding(None, "too_little_speech")
        ratios = {
            CONSISTENCY: self._fusion.consistency_llr(
                agreement.similarity, agreement.correlation, len(agreement.times_ms)
            )
        }
        if challenge is not None and len(heard.onsets_ms) == len(challenge.schedule_ms) >= 2:
            ratios[SCHEDULE] = schedule_llr(heard.onsets_ms, challenge.schedule_ms, self._schedule)
        text = self._read(track, agreement, challenge)
        if text is not None and challenge is not None and challenge.language in VETO_LANGUAGES:
            ratios[TEXT] = self._fusion.text_llr(text)
        score, weakest = self._fusion.join(ratios)
        if math.isnan(score):
            return Finding(None, "not_a_number", agreement, ratios, text)
        return Finding(score, REASONS[weakest], agreement, ratios, text)

    def _read(
        self, track: MouthTrack, agreement: Agreement | None, challenge: Challenge | None
    ) -> float | None:
        """Read the prompt, where speech was heard or, without sound, over the whole clip."""
        if self._reader is None or challenge is None:
            return None
        if agreement is not None:
            lips = agreement.measured
        else:
            seen = track.times_ms[track.seen]
            lips = standardise(track.on_grid(np.arange(seen[0], seen[-1], GRID_MS)))
        return self._reader(lips, challenge.words, challenge.language)


def _evidence(
    found: Finding, track: MouthTrack, heard: Heard | None, challenge: Challenge | None
) -> dict[str, EvidenceValue]:
    evidence: dict[str, EvidenceValue] = {
        "fps": round(track.fps, 2),
        "seconds": round(track.duration_ms / 1000, 2),
        "mouth_seen": round(track.seen_share, 3),
        "inter_eye_px": round(track.inter_eye_px, 1),
        "motion": round(track.motion, 4),
        "text_z": None if found.text is None else round(found.text, 2),
    }
    if heard is not None:
        evidence["net_speech_s"] = round(heard.net_speech_s, 2)
        evidence["content"] = None if heard.content is None else round(heard.content, 3)
    for name, ratio in (found.ratios or {}).items():
        evidence[f"{name}_llr"] = round(ratio, 2)
    if found.agreement is not None:
        agreement = found.agreement
        evidence["similarity"] = round(agreement.similarity, 3)
        evidence["correlation"] = round(agreement.correlation, 3)
        evidence["activity"] = round(agreement.activity, 3)
        evidence["lag_ms"] = agreement.lag_ms
    if found.ratios and SCHEDULE in found.ratios and heard and challenge:
        delays = np.subtract(heard.onsets_ms, challenge.schedule_ms)
        evidence["delay_ms"] = round(float(np.median(delays)), 1)
    return evidence
