"""What is a transaction asked with, and what is told of it?"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from veridical.languages import Language
from veridical.result import Outcome
from veridical.wire.base import Answer, Instant, Request, Sha256
from veridical.wire.verdicts import PolicyRef, Verdict

__all__ = [
    "FACT_NAME",
    "LARGEST_SCRIPT",
    "LONGEST_STATEMENT",
    "MOST_FACTS",
    "AttemptProblem",
    "Challenge",
    "ChallengeDrawn",
    "ChallengeWish",
    "ColoursTold",
    "Consent",
    "ConsentGiven",
    "Erased",
    "EvidenceLink",
    "Explanation",
    "Fact",
    "Media",
    "MediaKind",
    "NewTransaction",
    "Reference",
    "Reveal",
    "Review",
    "ReviewDecision",
    "ReviewItem",
    "ReviewPage",
    "ScriptSegment",
    "ScriptView",
    "SegmentTime",
    "SliceTaken",
    "Started",
    "Submission",
    "Summary",
    "Surroundings",
    "Told",
    "Transaction",
    "TransactionKind",
    "TransactionPage",
    "TransactionState",
    "TurnsTold",
    "Uploaded",
]

MOST_FACTS = 20
FACT_NAME = "[a-z][a-z0-9_]{0,39}"
LONGEST_STATEMENT = 2_000
LARGEST_SCRIPT = 64 * 1024

Reference = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[ -~]+$")]
Fact = Annotated[str, StringConstraints(max_length=200)]
FactName = Annotated[str, StringConstraints(pattern=f"^{FACT_NAME}$")]
FactValue = Annotated[float, Field(strict=True, allow_inf_nan=False)]
MediaKind = Literal[
    "document_front", "document_back", "chip", "selfie", "clip", "voice", "recording"
]
Reveal = Literal["at_once", "stepwise"]
Prompt = Literal["digits", "colours", "turns"]
TransactionKind = Literal["onboarding", "reverify", "recording"]
TransactionState = Literal[
    "created", "collecting", "processing", "completed", "expired", "cancelled", "erased"
]

_ID = "t_0123456789abcdef0123456789abcdef"
_SHA = "5f0a" * 16


def _examples(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


# --- asked ----------------------------------------------------------------------------------------


class Consent(Request):
    """What the applicant agreed to.

    Attributes:
        biometrics: To the processing of face and voice; nothing goes on without.
        enrol: To the keeping of face and voice for later verifications.
        text_version: Which text was agreed to.
    """

    biometrics: Annotated[bool, Field(strict=True)]
    enrol: Annotated[bool, Field(strict=True)] = False
    text_version: Annotated[str, StringConstraints(max_length=100)] = ""


class Surroundings(Request):
    """What the caller knows of an applicant, for signals.

    Attributes:
        phone: Telephone number.
        network: IP address the applicant comes from, or a prefix of it.
        country: Where the applicant is: ISO 3166-1.
        region: Where within China: the administrative code of GB/T 2260.
        address: Where to deliver, or where the applicant lives, as written.
        geo: Where the device is: latitude,longitude in degrees.
    """

    phone: Fact = ""
    network: Fact = ""
    country: Fact = ""
    region: Fact = ""
    address: Fact = ""
    geo: Fact = ""


class NewTransaction(Request):
    """A transaction to be started.

    Attributes:
        kind: `onboarding` of somebody new, `reverify` of a customer enrolled earlier, or
            `recording`: consent, read and answered on video by a script.
        policy: Name of a policy; the server's own when empty.
        checks: Checks required on top of the policy's.
        subject_ref: The caller's reference of the person: a number or code, never a name.
        device_ref: The caller's reference of the device.
        signals: What else is known of the applicant, for signals.
        consent: What the applicant agreed to; left out where the page that `url` leads to asks.
        return_url: Where that page sends the applicant in the end: one of those that the tenant
            allows (`veridical tenants brand`).
        callback: Where the end is told, beside the tenant's webhook.
        locale: Language of prompts, texts and the statement. The digits of a `reverify` are asked
            for in the language in which the voice was enrolled, where that is known.
        statement: A text to be read aloud, for the check `voice.statement`.
        script: Of a `recording`: name of a shipped script.
        script_text: Of a `recording`, in place of a name: a script of one's own, TOML.
        facts: Numbers that the policy's rules ask for, such as the amount of a withdrawal: nothing
            personal, for they stand in the verdict.
        metadata: The caller's own words on the transaction, such as a branch or an order: shown to
            keys that may read it, judged by nobody, erased with it.
    """

    model_config = _examples(
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
    )

    kind: TransactionKind = "onboarding"
    policy: Annotated[str, StringConstraints(max_length=200)] = ""
    checks: Annotated[list[str], Field(max_length=20)] = []
    subject_ref: Reference | None = None
    device_ref: Reference | None = None
    signals: Surroundings = Surroundings()
    consent: Consent | None = None
    return_url: Annotated[str, StringConstraints(max_length=2000)] = ""
    callback: Annotated[str, StringConstraints(max_length=2000)] | None = None
    locale: Language = "en"
    statement: Annotated[str, StringConstraints(max_length=LONGEST_STATEMENT)] = ""
    script: Annotated[str, StringConstraints(max_length=100)] = ""
    script_text: Annotated[str, StringConstraints(max_length=LARGEST_SCRIPT)] = ""
    facts: Annotated[dict[FactName, FactValue], Field(max_length=MOST_FACTS)] = {}
    metadata: Annotated[dict[FactName, Fact], Field(max_length=MOST_FACTS)] = {}


class SegmentTime(Request):
    """When one segment of a script was recorded.

    Attributes:
        id: Of the segment.
        start_s: Seconds from the beginning of the recording.
        end_s: Where it ends.
    """

    id: Annotated[str, StringConstraints(max_length=64)]
    start_s: Annotated[float, Field(ge=0, le=7200)]
    end_s: Annotated[float, Field(ge=0, le=7200)]


class Submission(Request):
    """An attempt that is ready to be judged.

    Attributes:
        nonce: Of the challenge that was answered; nothing when none was asked.
        capture: What is known about the capture: see `liveness.CaptureFacts`.
        media_sha256: What was uploaded, by kind; refused when it is something else by now.
        accommodation: Why the applicant cannot be recorded so. A selfie then does for the clip,
            and a person decides: it never ends in an accept.
        segments: Of a `recording`: when each segment of its script was recorded; without times they
            are found by what was said.
    """

    model_config = _examples(
        {"nonce": "bWFkZSBieSBjaGFuY2UsIHVzZWQgb25j", "capture": {"source": "browser"}}
    )

    nonce: Annotated[str, StringConstraints(max_length=64)] | None = None
    capture: Annotated[dict[Fact, Fact], Field(max_length=20)] = {}
    media_sha256: dict[MediaKind, Sha256] = {}
    accommodation: Literal["cannot_speak", "cannot_see", "photosensitive"] | None = None
    segments: Annotated[list[SegmentTime], Field(max_length=40)] = []


class ChallengeWish(Request):
    """How a challenge is to be told.

    Attributes:
        reveal: `at_once`; or `stepwise`, for a recording that is sent while it is made.
        language: In which digits are spoken; the transaction's when left out. The voice of a
            customer is asked for in the language in which it was enrolled.
    """

    model_config = _examples({"reveal": "stepwise"})

    reveal: Reveal = "at_once"
    language: Language | None = None


class ReviewDecision(Request):
    """What a reviewer decided.

    Attributes:
        operator: Who, as the client says; a key that is bound to a person says it itself.
        outcome: What.
        reason: Why.
    """

    model_config = _examples(
        {"operator": "staff-7", "outcome": "accept", "reason": "same person, dim light"}
    )

    operator: Annotated[str, StringConstraints(max_length=200, pattern=r"^[ -~]*$")] = ""
    outcome: Literal["accept", "reject"]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


# --- told -----------------------------------------------------------------------------------------


class ColoursTold(Answer):
    """Colours that light the face while it is recorded.

    Attributes:
        shown: sRGB as `#rrggbb`: fills the screen around the preview.
        starts_ms: When each appears, from the first frame of the recording.
        end_ms: When the last one of all ends.
    """

    shown: tuple[str, ...]
    starts_ms: tuple[float, ...]
    end_ms: float


class TurnsTold(Answer):
    """Turns of the head.

    Attributes:
        directions: `left`, `right`, `up` or `down`, as the applicant sees the mirrored preview.
        starts_ms: When each is asked for, from the first frame of the recording.
        end_ms: By when the head is back from the last one of all.
    """

    directions: tuple[Literal["left", "right", "up", "down"], ...]
    starts_ms: tuple[float, ...]
    end_ms: float


class Told(Answer):
    """What is told of a challenge: all of it, or what begins soon.

    Attributes:
        digits: To be read one by one; empty where nothing is to be spoken.
        schedule_ms: When each digit appears, from the first frame of the recording.
        colours: What lights the face; not there where nothing does.
        turns: What the head does; not there where it does nothing.
        end_ms: When the recording may end.
        told_ms: Everything is told that begins before this time.
    """

    digits: str
    schedule_ms: tuple[float, ...]
    colours: ColoursTold | None = None
    turns: TurnsTold | None = None
    end_ms: float | None = None
    told_ms: float | None = None


class Challenge(Told):
    """What the applicant is to do, and when each part of it is to be shown.

    Attributes:
        language: `en` or `zh`.
        nonce: Goes back with the submission.
        expires_at: By when it must be answered.
        reveal: `at_once`, or `stepwise`: the recording begins now and is sent in slices, and each
            slice that arrives tells more.
        slice_ms: How long a slice is, at best.
    """

    language: str
    nonce: str
    expires_at: Instant
    reveal: Reveal = "at_once"
    slice_ms: int | None = None


_CHALLENGE = {
    "digits": "402913",
    "language": "en",
    "schedule_ms": [812.4, 1701.0, 2530.2, 3466.9, 4300.3, 5159.8],
    "nonce": "bWFkZSBieSBjaGFuY2UsIHVzZWQgb25j",
    "expires_at": "2026-11-22T01:03:33.456Z",
}


class SliceTaken(Told):
    """A slice that arrived, and what is told since.

    Attributes:
        number: Of the slice, from 0.
        sha256: Of its bytes.
        arrived_ms: When it was here, from the moment at which the challenge was drawn.
    """

    model_config = _examples(
        {
            "number": 3,
            "sha256": _SHA,
            "arrived_ms": 2140.0,
            "digits": "402",
            "schedule_ms": [812.4, 1701.0, 2530.2],
            "colours": {"shown": ["#00d000"], "starts_ms": [0.0], "end_ms": 6700.0},
            "end_ms": 6700.0,
            "told_ms": 3640.0,
        }
    )

    number: int
    sha256: str
    arrived_ms: float


class ChallengeDrawn(Answer):
    """A new challenge; the one before it is void."""

    model_config = _examples({"challenge": _CHALLENGE})

    challenge: Challenge


class Media(Answer):
    """Which media a transaction wants, and which it has.

    Attributes:
        required: Without these nothing is judged.
        optional: These are taken as well.
        received: These are there; not told of a transaction that was just started.
        again: Of these, which the latest attempt asks for anew.
        prompts: What is drawn for a recording.
    """

    required: tuple[MediaKind, ...]
    optional: tuple[MediaKind, ...]
    received: tuple[MediaKind, ...] = ()
    again: tuple[MediaKind, ...] = ()
    prompts: tuple[Prompt, ...] = ()


class ScriptSegment(Answer):
    """One segment of a script, as it is shown.

    Attributes:
        id: Of the segment.
        kind: `statement`, `question` or `digits`.
        text: To be read, or to be answered.
        answers: Of a question: the two that are understood, consent first.
    """

    id: str
    kind: str
    text: str
    answers: tuple[str, str] | None = None


class ScriptView(Answer):
    """What an applicant reads and answers on video."""

    id: str
    version: int
    sha256: str
    language: str
    title: str
    segments: tuple[ScriptSegment, ...]


_STARTED = {
    "id": _ID,
    "kind": "onboarding",
    "state": "created",
    "sandbox": False,
    "created_at": "2026-11-22T01:02:03.456Z",
    "expires_at": "2026-11-22T01:05:03.456Z",
    "policy": {"id": "spoken", "version": 1, "sha256": _SHA},
    "upload_token": f"vu_{_ID}_secret",
    "media": {"required": ["document_front", "clip"], "optional": ["document_back"]},
    "attempt": 1,
    "retries_left": 2,
    "challenge": _CHALLENGE,
}
_RECORDING_STARTED = {
    **_STARTED,
    "kind": "recording",
    "expires_at": "2026-11-22T01:17:03.456Z",
    "policy": {"id": "recording", "version": 1, "sha256": _SHA},
    "media": {"required": ["recording"], "optional": []},
    "retries_left": 1,
    "script": {
        "id": "consent-en",
        "version": 1,
        "sha256": _SHA,
        "language": "en",
        "title": "Consent to an investment product",
        "segments": [
            {"id": "identity", "kind": "statement", "text": "I am applying for this product …"},
            {"id": "code", "kind": "digits", "text": "Please read these digits aloud …"},
            {
                "id": "agree",
                "kind": "question",
                "text": "Do you understand these risks …",
                "answers": ["yes I agree", "no I do not agree"],
            },
        ],
    },
}


class Started(Answer):
    """A transaction that was just created.

    Attributes:
        id: Of the transaction.
        kind: What it is for.
        state: `created`.
        sandbox: Whether its key was one of a sandbox.
        created_at: When.
        expires_at: By when it must be submitted.
        policy: The rules.
        upload_token: What the applicant's device needs: it can hand in this transaction's media
            and nothing else.
        url: The page that leads the applicant through it, for one device: its secret stands after
            the `#`, works once, and takes the place of `upload_token`.
        media: What is wanted.
        attempt: From 1.
        retries_left: Further attempts.
        challenge: What is to be read; null when the policy asks for nothing.
        script: Of a recording.
        replaces: The transaction that the same idempotency key started before, which is over.
    """

    model_config = _examples(_STARTED, _RECORDING_STARTED)

    id: str
    kind: TransactionKind
    state: TransactionState
    sandbox: bool
    created_at: Instant
    expires_at: Instant
    policy: PolicyRef
    upload_token: str = Field(repr=False)
    url: str = Field(default="", repr=False)
    media: Media
    attempt: int
    retries_left: int
    challenge: Challenge | None
    script: ScriptView | None = None
    replaces: str | None = None


class Uploaded(Answer):
    """A medium as the service received it.

    Attributes:
        kind: Of the medium.
        size_bytes: `bytes` on the wire.
        sha256: Of all of them.
    """

    model_config = _examples({"kind": "clip", "bytes": 313_000, "sha256": "9b1f" * 16})

    kind: MediaKind
    size_bytes: int = Field(alias="bytes")
    sha256: str


class EvidenceLink(Answer):
    """A place in the chain of evidence."""

    sequence: int
    hash: str


class ConsentGiven(Answer):
    """What the applicant agreed to; see `Consent`.

    Attributes:
        biometrics: To the processing of face and voice.
        enrol: To the keeping of both for later verifications.
        text_version: Which text was agreed to.
        language: In which language the page showed it; empty where the caller asked.
    """

    biometrics: bool
    enrol: bool
    text_version: str
    language: str = ""


class AttemptProblem(Answer):
    """Why an attempt could not be judged.

    Attributes:
        code: Stable.
        detail: In words.
        outcome: `retry`, or `review` when no attempt is left.
        first_cause: The code again.
    """

    code: str
    detail: str
    outcome: Outcome
    first_cause: str


class Review(Answer):
    """A person's decision.

    Attributes:
        operator: Who decided; as the client said it, where the key is bound to nobody.
        decided_by: The person the key is bound to, else the key, as the chain has it.
        outcome: `accept` or `reject`.
        reason: Why, in words.
        decided_at: When.
        reason_salt: Opens the commitment to the reason in the chain of evidence.
        evidence: Where it stands there.
        awaits_second: Whether it counts only once a second person has decided the same.
    """

    operator: str
    outcome: Outcome
    reason: str
    decided_at: Instant
    reason_salt: str | None = Field(default=None, repr=False)
    evidence: EvidenceLink | None = None
    decided_by: str = ""
    awaits_second: bool = False


class Transaction(Answer):
    """A transaction as the bearer of the key or token may see it.

    From `policy` on, members are told to keys that may read transactions, never to upload tokens.
    Of an erased transaction there are the first four, `created_at`, `erased_at` and `evidence`.

    Attributes:
        id: Of the transaction.
        kind: What it is for.
        state: Where it stands.
        sandbox: Whether its key was one of a sandbox.
        created_at: When.
        expires_at: By when it must be submitted.
        erased_at: When it was erased.
        attempt: From 1.
        retries_left: Further attempts.
        outcome: Of the latest attempt; null before the first verdict.
        message: What to tell the applicant.
        message_code: The same for a page that has texts of its own: `advice.NAME` or
            `ending.OUTCOME`; empty before there is an outcome.
        here: Whether the device that bears the token is the one that captures: not told to keys.
        media: What is wanted and there.
        script: Of a recording.
        policy: The rules.
        subject_ref: The caller's reference of the person.
        device_ref: The caller's reference of the device.
        locale: Of prompts and texts.
        consent: What the applicant agreed to.
        completed_at: When it ended.
        keep_until: When it will be erased.
        received: What was handed in.
        verdict: With scores; null before there is one.
        problem: Why the latest attempt could not be judged; null when it could.
        evidence: The newest record about it.
        review: A person's decision; null without.
        final_outcome: The review's outcome where there is one; null while open.
    """

    model_config = _examples(
        {
            "id": _ID,
            "kind": "onboarding",
            "state": "completed",
            "sandbox": False,
            "created_at": "2026-11-22T01:02:03.456Z",
            "expires_at": "2026-11-22T01:05:03.456Z",
            "attempt": 1,
            "retries_left": 2,
            "outcome": "accept",
            "message": "Thank you, you are verified.",
            "media": {
                "required": ["document_front", "clip"],
                "optional": ["document_back"],
                "received": ["clip", "document_front"],
            },
        }
    )

    id: str
    kind: TransactionKind
    state: TransactionState
    sandbox: bool
    created_at: Instant
    expires_at: Instant | None = None
    erased_at: Instant | None = None
    attempt: int = 1
    retries_left: int = 0
    outcome: Outcome | None = None
    message: str = ""
    message_code: str = ""
    here: bool | None = None
    media: Media | None = None
    script: ScriptView | None = None
    policy: PolicyRef | None = None
    subject_ref: str | None = None
    device_ref: str | None = None
    metadata: dict[str, str] = {}
    locale: str | None = None
    consent: ConsentGiven | None = None
    completed_at: Instant | None = None
    keep_until: Instant | None = None
    received: tuple[Uploaded, ...] = ()
    verdict: Verdict | None = None
    problem: AttemptProblem | None = None
    evidence: EvidenceLink | None = None
    review: Review | None = None
    final_outcome: Outcome | None = None

    @property
    def pending(self) -> bool:
        """Whether a verdict is being worked out."""
        return self.state == "processing"


class Erased(Answer):
    """What is left of an erased transaction.

    Attributes:
        id: Of the transaction.
        state: `erased`.
        erased_at: When.
        evidence: The newest record about it.
    """

    id: str
    state: Literal["erased"]
    erased_at: Instant
    evidence: EvidenceLink | None


class Summary(Answer):
    """One line of the list of transactions."""

    id: str
    kind: TransactionKind
    state: TransactionState
    sandbox: bool
    outcome: Outcome | None
    final_outcome: Outcome | None
    first_cause: str | None
    created_at: Instant
    completed_at: Instant | None
    subject_ref: str | None = None
    policy: PolicyRef | None = None
    metadata: dict[str, str] = {}


class TransactionPage(Answer):
    """A part of the list of transactions.

    Attributes:
        items: Newest first.
        next: Cursor of the part that follows; null at the end.
    """

    items: tuple[Summary, ...]
    next: str | None


class ReviewItem(Answer):
    """One transaction that waits for a person.

    Attributes:
        id: Of the transaction.
        kind: What it is for.
        sandbox: Whether its key was one of a sandbox.
        created_at: When.
        completed_at: Since when it waits.
        first_cause: Why, first of all.
        causes: All of them.
        policy: The rules.
        claimed_by: Who has taken it up; null for nobody.
        claimed_at: When.
        first_decision_by: Of a policy with two reviewers: who decided already; null where nobody
            did. Another person is waited for.
    """

    id: str
    kind: TransactionKind
    sandbox: bool
    created_at: Instant
    completed_at: Instant | None
    first_cause: str | None
    causes: tuple[str, ...]
    policy: PolicyRef | None
    claimed_by: str | None = None
    claimed_at: Instant | None = None
    subject_ref: str | None = None
    metadata: dict[str, str] = {}
    first_decision_by: str | None = None


class ReviewPage(Answer):
    """A part of the queue of reviews.

    Attributes:
        items: The longest waiting first.
        next: Cursor of the part that follows; null at the end.
    """

    items: tuple[ReviewItem, ...]
    next: str | None


class DigitTimes(Answer):
    """When a digit was shown, and when it was heard; null where unknown."""

    word: str
    shown_ms: float | None
    heard_ms: float | None


class SoundCurve(Answer):
    """The loudest of each slice of the sound, 0..1.

    Attributes:
        step_ms: Length of a slice.
        peaks: One a slice.
    """

    step_ms: float
    peaks: tuple[float, ...]


class LipCurve(Answer):
    """How far the mouth is open, in inter-ocular distances; null where none is seen."""

    times_ms: tuple[float, ...]
    opening: tuple[float | None, ...]


class ColourTime(Answer):
    """A colour that lit the face, `#rrggbb`, and from when on."""

    colour: str
    start_ms: float
    end_ms: float


class ClipTimeline(Answer):
    """A clip against time.

    Attributes:
        duration_ms: Of the clip.
        digits: Of the challenge.
        sound: How loud.
        speech: Stretches with speech: start and end in ms.
        lips: How far open.
        colours: What lit the face, as far as it was shown.
    """

    duration_ms: float
    digits: tuple[DigitTimes, ...]
    sound: SoundCurve
    speech: tuple[tuple[float, float], ...]
    lips: LipCurve
    colours: tuple[ColourTime, ...] = ()


class ShownPicture(Answer):
    """An annotated picture: personal data.

    Attributes:
        kind: Of what.
        time_ms: Within the clip; null for a picture.
        jpeg: Base64.
    """

    kind: str
    time_ms: float | None
    jpeg: str = Field(repr=False)


class Explanation(Answer):
    """What was seen and heard, for a reviewer.

    Attributes:
        outcome: Of the attempt.
        timeline: Null without a clip.
        pictures: Of document and face. `portrait_face` and `applicant_face` are at one scale: the
            eyes are as far apart in both.
    """

    outcome: Outcome
    timeline: ClipTimeline | None
    pictures: tuple[ShownPicture, ...]
