"""What one applicant hands in at one attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from veridical.chip.files import ChipFiles
from veridical.media import ImageInfo
from veridical.signals.facts import SignalFacts
from veridical.types import Arrival, Audio, Challenge, Clip, Image, Template

__all__ = ["LONGEST_STATEMENT", "Transaction"]

LONGEST_STATEMENT = 2_000
"""Most characters of a statement that manifests and the service take."""


@dataclass(frozen=True, slots=True, eq=False)
class Transaction:
    """Everything one verdict rests on; what was not asked for stays None.

    Attributes:
        id: Chosen by the caller; quoted in the verdict, never interpreted.
        document_front: Picture of the document's front, or of its only side.
        document_back: Picture of its back.
        document_info: What the front's file says of itself, where it came from a file.
        chip: What was read from the document's chip.
        selfie: A picture of the applicant.
        clip: A recording of the applicant, with its sound.
        voice: Sound recorded on its own; the clip's track counts when this is None.
        challenge: What the applicant was asked to read or do.
        arrivals: When the slices of the clip arrived, where it was sent while it was recorded.
        face_reference: Template enrolled earlier; stands in for the document's portrait.
        voice_reference: Template enrolled earlier.
        statement: A text that was to be read aloud.
        language: `en` or `zh`: of the statement, and what is spoken where no challenge says it;
            when empty, the statement is in the challenge's language, or in English without one.
        attempt: Number of this attempt, from 1.
        today: Date by which a document counts as expired; the current day when None.
        signals: What signals look at besides the media, and whose transaction it is.
        sample: Whether it is a sample: nothing of it is remembered, and nothing earlier is known.
        metadata: Facts from the caller, such as a camera label; never interpreted as identity.
        facts: Numbers from the caller that a policy's rules may ask for, such as the amount of a
            withdrawal; nothing personal, for they stand in the verdict.
    """

    id: str
    document_front: Image | None = None
    document_back: Image | None = None
    document_info: ImageInfo | None = None
    chip: ChipFiles | None = None
    selfie: Image | None = None
    clip: Clip | None = None
    voice: Audio | None = None
    challenge: Challenge | None = None
    arrivals: tuple[Arrival, ...] = ()
    face_reference: Template | None = None
    voice_reference: Template | None = None
    statement: str = ""
    language: str = ""
    attempt: int = 1
    today: date | None = None
    signals: SignalFacts = field(default_factory=SignalFacts)
    sample: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)
