"""What is a check, to all but the class that measures it? Its parts, in one place."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from veridical.analysis.analysis import Analysis
from veridical.catalogue.parts import Parts
from veridical.languages import LANGUAGES, Language
from veridical.result import Measurement

__all__ = [
    "CLIP",
    "FACE",
    "FROM_CARD",
    "FRONT",
    "LIPS_MODELS",
    "LISTENING_MODELS",
    "MISSING_INPUT",
    "MODEL_MISSING",
    "RECORDING",
    "SEEING_MODELS",
    "SOUND",
    "VOICE_MODELS",
    "Bands",
    "CheckSpec",
    "FromCard",
    "Language",
    "Make",
    "Measure",
    "Medium",
    "Need",
    "Reason",
    "SameAs",
    "Text",
    "Trait",
]

Medium = Literal[
    "document_front",
    "document_back",
    "chip",
    "selfie",
    "clip",
    "voice",
    "recording",
    "enrolled_face",
    "enrolled_voice",
]
"""What a check may read: what an applicant hands in, or what was enrolled before."""
Need = tuple[Medium, ...]
"""Media of which any one will do, the one to ask for first."""

FRONT: Need = ("document_front",)
FACE: Need = ("selfie", "clip")
CLIP: Need = ("clip",)
SOUND: Need = ("voice", "clip")
RECORDING: Need = ("recording",)

DOCUMENT_MODELS = ("ocr_detector", "ocr_recogniser", "ocr_direction", "ocr_zone")
SEEING_MODELS = ("detector", "mesh")
FACE_MODELS = (*SEEING_MODELS, "recogniser")
LIPS_MODELS = (*SEEING_MODELS, "speech", "lips")
DIGITS_MODELS = ("speech", "digits_en")
VOICE_MODELS = ("speech", "voice")
LISTENING_MODELS = ("speech", "listener")

MISSING_INPUT, MODEL_MISSING = "missing_input", "model_missing"

Make = Callable[[Parts], Any]
"""Gives the room's check, loading what it runs; None where a part of it is missing."""
Measure = Callable[[Any, Analysis], Measurement]
"""Takes the room's check and an analysed transaction; hands the one what it reads of the other."""


class Trait(StrEnum):
    """What the rules of policies ask about a check."""

    VOICE = "voice"
    """May support a verdict but never carries one alone (NIST SP 800-63B-4)."""
    SIGNAL = "signal"
    """May lower an accept to review, is never required, and asks nothing of an applicant."""
    RECORDING = "recording"
    """Measured of a recorded script, by the verifier of recordings."""
    COMPARES_FACE = "compares_face"
    """Ties the applicant's face to a document or an enrolled customer."""
    TESTS_LIVENESS = "tests_liveness"
    """Tells a live person from a likeness."""
    WITNESS = "witness"
    """Says something of whether an answer was given live, here and now."""
    SUM = "sum"
    """Added up by the decision of what witnesses measured; see `policy.present`."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words for people, in every language.

    Attributes:
        en: English.
        zh: Chinese.

    Raises:
        ValueError: One is empty, or the Chinese holds none.
    """

    en: str
    zh: str

    def __post_init__(self) -> None:
        empty = [language for language in LANGUAGES if not self[language].strip()]
        if empty or not re.search("[\u4e00-\u9fff]", self.zh):
            raise ValueError(f"a text wants every language in its own script, got {self.as_json()}")

    def __getitem__(self, language: Language) -> str:
        return str(getattr(self, language))

    def as_json(self) -> dict[Language, str]:
        """Both, by language."""
        return {language: self[language] for language in LANGUAGES}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code.

    Attributes:
        code: Stable, such as `face_too_small`: machines and statistics rely on it.
        applicant: What to tell the applicant: what helps an honest one and tells an attacker
            nothing.
        operator: What it means.
        mendable: Whether the applicant can mend it by trying again.
    """

    code: str
    applicant: Text
    operator: Text
    mendable: bool


@dataclass(frozen=True, slots=True)
class Bands:
    """An operating point that belongs to the check itself: no single model makes its score.

    Attributes:
        accept_at: Passes from here on.
        reject_below: Fails below.
        command: What measures it.
        note: Why these numbers.
    """

    accept_at: float
    reject_below: float
    command: str
    note: str


@dataclass(frozen=True, slots=True)
class FromCard:
    """The operating point is the model's: on its card, in a profile or a calibration file."""


@dataclass(frozen=True, slots=True)
class SameAs:
    """The score is another check's: judged as that one is, by whichever model makes it.

    Attributes:
        check: The other.
    """

    check: str


FROM_CARD = FromCard()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """Everything about one check but the measuring itself, which is the room's.

    Attributes:
        name: `room.check`, as policies and verdicts have it.
        label: Its name on pages.
        question: What it asks.
        needs: Media without which it cannot be assessed, each with what will do instead; a policy
            that requires the check asks the applicant for them.
        uses: Media it makes use of where they are there; nobody is asked for them.
        roles: Roles of the model set whose models it runs.
        lacking: The reason while the installation lacks one of them.
        measure: Reads what it wants of an analysis; None for recordings, which have their own, and
            for a sum.
        make: Makes the room's check that `measure` takes; None where that is.
        evidence: Names of its evidence keys. A star stands for any ending or beginning, a lone
            star for anything.
        reasons: Codes it is the home of.
        shares: Codes it gives whose home is another check's.
        point: Whose numbers judge its score.
        traits: See `Trait`.
        prompt: What is asked of the applicant: to say the `digits` of a challenge or a `statement`,
            to be lit by `colours`, to make `turns` of the head.
        short: Its name where there is little room, as beside a timeline of a recording.

    Raises:
        ValueError: A part is missing, or contradicts another.
    """

    name: str
    label: Text
    question: Text
    needs: tuple[Need, ...]
    uses: tuple[Medium, ...]
    roles: tuple[str, ...]
    lacking: str
    measure: Measure | None
    make: Make | None
    evidence: Mapping[str, Text]
    reasons: tuple[Reason, ...]
    shares: tuple[str, ...]
    point: Bands | FromCard | SameAs
    traits: frozenset[Trait] = frozenset()
    prompt: Literal["", "digits", "statement", "colours", "turns"] = ""
    short: Text | None = None

    def __post_init__(self) -> None:
        if problem := next(self._problems(), ""):
            raise ValueError(f"check {self.name!r}: {problem}")

    def _problems(self) -> Iterator[str]:
        if not re.fullmatch(r"[a-z]+\.[a-z_]+", self.name):
            yield "wants a name such as face.match"
        if not self.needs and not self.is_signal:
            yield "needs must say which media it is assessed by"
        if self.needs and self.is_signal:
            yield "a signal asks nothing of an applicant: put what it reads under uses"
        if not all(self.needs):
            yield "a need must name a medium"
        if not self.lacking:
            yield "lacking must be the reason while a part of it is not there"
        if (self.measure is None) != (self.for_recordings or Trait.SUM in self.traits):
            yield "measure must read an analysis, and be None for recordings"
        if (self.make is None) != (self.measure is None):
            yield "make must give the room's check that measure takes"
        if self.for_recordings and self.short is None:
            yield "short must name it beside the timeline of a recording"
        if not self.evidence:
            yield "evidence must name the keys it gives, each with a label"
        if not self.reasons and not self.shares:
            yield "reasons or shares must name a code: what does a low score mean?"

    @property
    def is_signal(self) -> bool:
        """Whether it may lower an accept to review and is never required."""
        return Trait.SIGNAL in self.traits

    @property
    def for_recordings(self) -> bool:
        """Whether it is measured of recordings only."""
        return Trait.RECORDING in self.traits

    @property
    def reads_document(self) -> bool:
        """Whether it waits for the document to be read."""
        return any("document_front" in media for media in (*self.needs, self.uses))

    def can_be_assessed(self, media: Collection[str]) -> bool:
        """Whether these media are enough."""
        return all(not set(need).isdisjoint(media) for need in self.needs)
