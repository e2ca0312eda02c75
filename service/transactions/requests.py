"""What a transaction is asked with."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from veridical.verification.policy.rules import FACT_NAME, MOST_FACTS
from veridical.verification.transaction import LONGEST_STATEMENT

__all__ = ["Consent", "NewTransaction", "Review", "SegmentTime", "Submission"]

Reference = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[ -~]+$")]
Fact = Annotated[str, StringConstraints(max_length=200)]
FactName = Annotated[str, StringConstraints(pattern=f"^{FACT_NAME}$")]
FactValue = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
LARGEST_SCRIPT = 64 * 1024
MediaKind = Literal["document_front", "document_back", "selfie", "clip", "voice", "recording"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Consent(_Body):
    """What the applicant agreed to.

    Attributes:
        biometrics: To the processing of face and voice; nothing goes on without.
        enrol: To the keeping of face and voice for later verifications.
        text_version: Which text was agreed to.
    """

    biometrics: bool
    enrol: bool = False
    text_version: Annotated[str, StringConstraints(max_length=100)] = ""


class Surroundings(_Body):
    """What the caller knows of an applicant for signals; see `SignalFacts`.

    Attributes:
        phone: Telephone number.
        network: IP address the applicant comes from, or a prefix of it.
        country: Where the applicant is: ISO 3166-1.
        region: Where within China: the administrative code of GB/T 2260.
    """

    phone: Fact = ""
    network: Fact = ""
    country: Fact = ""
    region: Fact = ""


class NewTransaction(_Body):
    """A transaction to be started.

    Attributes:
        kind: `onboarding` of somebody new, `reverify` of a customer enrolled earlier, or
            `recording`: consent, read and answered on video by a script.
        policy: Name of a policy; the server's own when empty.
        checks: Checks required on top of the policy's.
        subject_ref: The caller's reference of the person: a number or code, never a name.
        device_ref: The caller's reference of the device.
        signals: What else is known of the applicant, for signals.
        consent: What the applicant agreed to.
        callback: Where the end is told, beside the tenant's webhook.
        locale: Language of prompts, texts and the statement. The digits of a `reverify` are asked
            for in the language in which the voice was enrolled, where that is known.
        statement: A text to be read aloud, for the check `voice.statement`.
        script: Of a `recording`: name of a shipped script.
        script_text: Of a `recording`, in place of a name: a script of one's own, TOML.
        facts: Numbers that the policy's rules ask for, such as the amount of a withdrawal: nothing
            personal, for they stand in the verdict.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "kind": "onboarding",
                    "subject_ref": "c-1042",
                    "consent": {"biometrics": True, "text_version": "2026-11"},
                    "locale": "en",
                },
                {
                    "kind": "recording",
                    "script": "consent-zh",
                    "subject_ref": "c-1042",
                    "consent": {"biometrics": True, "text_version": "2026-11"},
                    "locale": "zh",
                },
            ]
        },
    )

    kind: Literal["onboarding", "reverify", "recording"] = "onboarding"
    policy: Annotated[str, StringConstraints(max_length=200)] = ""
    checks: Annotated[list[str], Field(max_length=20)] = []
    subject_ref: Reference | None = None
    device_ref: Reference | None = None
    signals: Surroundings = Surroundings()
    consent: Consent
    callback: Annotated[str, StringConstraints(max_length=2000)] | None = None
    locale: Literal["en", "zh"] = "en"
    statement: Annotated[str, StringConstraints(max_length=LONGEST_STATEMENT)] = ""
    script: Annotated[str, StringConstraints(max_length=100)] = ""
    script_text: Annotated[str, StringConstraints(max_length=LARGEST_SCRIPT)] = ""
    facts: Annotated[dict[FactName, FactValue], Field(max_length=MOST_FACTS)] = {}


class SegmentTime(_Body):
    """When one segment of a script was recorded.

    Attributes:
        id: Of the segment.
        start_s: Seconds from the beginning of the recording.
        end_s: Where it ends.
    """

    id: Annotated[str, StringConstraints(max_length=64)]
    start_s: Annotated[float, Field(ge=0, le=7200)]
    end_s: Annotated[float, Field(ge=0, le=7200)]


class Submission(_Body):
    """An attempt that is ready to be judged.

    Attributes:
        nonce: Of the challenge that was answered; nothing when none was asked.
        capture: What is known about the capture: see `liveness.CaptureFacts`.
        media_sha256: What was uploaded, by kind; refused when it is something else by now.
        accommodation: Why the applicant cannot read digits aloud. A selfie then does for the clip,
            and a person decides: it never ends in an accept.
        segments: Of a `recording`: when each segment of its script was recorded; without times they
            are found by what was said.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"nonce": "kD3…", "capture": {"source": "browser"}}],
        },
    )

    nonce: Annotated[str, StringConstraints(max_length=64)] | None = None
    capture: Annotated[dict[Fact, Fact], Field(max_length=20)] = {}
    media_sha256: dict[MediaKind, Sha256] = {}
    accommodation: Literal["cannot_speak", "cannot_see"] | None = None
    segments: Annotated[list[SegmentTime], Field(max_length=40)] = []


class Review(_Body):
    """What a reviewer decided.

    Attributes:
        operator: Who.
        outcome: What.
        reason: Why.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"operator": "staff-7", "outcome": "accept", "reason": "same person, dim light"}
            ]
        },
    )

    operator: Reference
    outcome: Literal["accept", "reject"]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
