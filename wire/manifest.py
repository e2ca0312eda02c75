"""What does a row of a batch's manifest say?"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from veridical.languages import Language
from veridical.wire.base import Request
from veridical.wire.transactions import LONGEST_STATEMENT

__all__ = ["ManifestChallenge", "ManifestExpectation", "ManifestRow"]


Medium = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Direction = Literal["left", "right", "up", "down"]
Outcome = Literal["accept", "review", "retry", "reject"]


class ManifestColours(Request):
    """Colours that were shown around the preview during the recording."""

    shown: list[str] = Field(description="sRGB, each `#rrggbb`, in order.")
    starts_ms: list[Milliseconds] = Field(description="When each was shown; the first at 0.")
    end_ms: Milliseconds = Field(description="When the last one ended.")
    draw: int = Field(1, description="Version of the rule they were drawn by.")


class ManifestTurns(Request):
    """Turns of the head that were asked for during the recording."""

    directions: list[Direction] = Field(description="As the applicant sees the mirrored preview.")
    starts_ms: list[Milliseconds] = Field(description="When each was asked for.")
    end_ms: Milliseconds = Field(description="By when the head should be back.")
    draw: int = Field(1, description="Version of the rule they were drawn by.")


class ManifestChallenge(Request):
    """What the applicant was asked to do: to read aloud, to be lit, to turn the head."""

    digits: str = Field("", description="The prompt, 4 to 8 characters 0-9.")
    language: Language = Field("en", description="In which it was to be read.")
    schedule_ms: list[Milliseconds] = Field(
        default=[],
        description="When each digit or word was shown, in ms from the start of the recording.",
    )
    phrase: str = Field("", description="Instead of digits: 3 to 12 words, parted by blanks.")
    colours: ManifestColours | None = Field(None, description="What was shown around the preview.")
    turns: ManifestTurns | None = Field(None, description="What the head was asked to do.")


class ManifestExpectation(Request):
    """The right end of a row, for those who know it."""

    outcome: Outcome = Field(description="The verdict's outcome.")
    first_cause: str | None = Field(
        None, description="`check:reason` or `rule:id`; null: no cause at all. Any when left out."
    )


class ManifestRow(Request):
    """One transaction of a manifest.

    A row names at least one of `document_front, document_back, chip, selfie, clip, voice`. In a
    CSV, `challenge, schedule_ms, metadata, facts, expect` are JSON texts, and an empty value is
    none.
    """

    model_config = ConfigDict(
        strict=True,
        title="Row of a veridical batch manifest",
        json_schema_extra={
            "examples": [
                {
                    "id": "000123",
                    "document_front": "000123/card.jpg",
                    "clip": "000123/clip.mp4",
                    "digits": "481516",
                    "language": "zh",
                    "policy": "onboarding",
                    "expect": {"outcome": "accept"},
                }
            ]
        },
    )

    id: str | int = Field(
        "", description="The caller's, kept as written; the row's number when empty."
    )
    policy: str = Field("", description="Name or path; the run's when empty.")
    document_front: Medium | None = Field(
        None, description="Picture of the document's front or only side."
    )
    document_back: Medium | None = Field(None, description="Picture of its back.")
    chip: Medium | None = Field(None, description="Files of the document's chip, as a zip.")
    selfie: Medium | None = Field(None, description="Picture of the applicant.")
    clip: Medium | None = Field(None, description="Recording of the applicant.")
    voice: Medium | None = Field(None, description="Sound recorded on its own.")
    reference_face: Medium | None = Field(
        None,
        description="Picture of a known customer, as enrolled: stands in for the document's.",
    )
    digits: str = Field("", description="As in `challenge`.")
    language: Language = Field("en", description="Of digits and statement.")
    schedule_ms: list[Milliseconds] = Field(default=[], description="As in `challenge`.")
    challenge: ManifestChallenge | None = Field(
        None, description="All that was asked for, in one; counts before the columns."
    )
    statement: Annotated[str, StringConstraints(max_length=LONGEST_STATEMENT)] = Field(
        "", description="A text that was to be read aloud, in `language`."
    )
    attempt: int = Field(1, ge=1, description="Number of this attempt.")
    facts: dict[str, float] = Field(
        default={}, description="Numbers the policy's rules may ask for."
    )
    metadata: dict[str, Any] = Field(default={}, description="Facts of the caller's own.")
    subject: str = Field("", description="The caller's reference of the person, for signals.")
    device: str = Field("", description="For signals.")
    phone: str = Field("", description="For signals.")
    network: str = Field("", description="For signals: an address or a prefix.")
    country: str = Field("", description="For signals: ISO 3166-1, two letters.")
    region: str = Field("", description="For signals.")
    address: str = Field("", description="For signals.")
    geo: str = Field("", description="For signals: latitude,longitude in degrees.")
    flags: str = Field("", description="For signals: words parted by commas.")
    expect: ManifestExpectation | None = Field(None, description="The right end, if known.")
