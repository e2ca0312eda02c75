"""What can be asked without a transaction? Single checks, the one call, and guidance."""

import json
from collections.abc import Mapping, Sequence

from veridical.client.asking import ask, bearer, form
from veridical.client.content import Content, Source
from veridical.client.flow import Flow, Request, Session
from veridical.wire import (
    Check,
    CheckAnswer,
    DocumentGuidance,
    DocumentRead,
    FaceGuidance,
    Verdict,
)

__all__ = [
    "compare_faces",
    "compare_voices",
    "face_quality",
    "guide_document",
    "guide_face",
    "lip_liveness",
    "read_document",
    "silent_liveness",
    "spoken_digits",
    "verify_once",
]


def compare_faces(session: Session, reference: Source, probe: Source) -> Flow[Check]:
    """Are these two pictures of one person?"""
    return (yield from _check(session, "faces/compare", {"reference": reference, "probe": probe}))


def face_quality(session: Session, image: Source) -> Flow[Check]:
    """Is this picture of a face fit for comparison?"""
    return (yield from _check(session, "faces/quality", {"image": image}))


def silent_liveness(session: Session, kind: str, source: Source) -> Flow[Check]:
    """Does this show a living person rather than a picture or screen?

    Args:
        session: Of the client; not given by callers.
        kind: `image` or `clip`.
        source: The medium.
    """
    return (yield from _check(session, "liveness/silent", {kind: source}))


def lip_liveness(
    session: Session,
    clip: Source,
    digits: str,
    *,
    language: str = "en",
    schedule_ms: Sequence[float] = (),
) -> Flow[Check]:
    """Were these digits spoken by this mouth, when they were shown?"""
    fields = {"digits": digits, "language": language, "schedule": json.dumps(list(schedule_ms))}
    return (yield from _check(session, "liveness/lips", {"clip": clip}, fields))


def compare_voices(session: Session, reference: Source, probe: Source) -> Flow[Check]:
    """Does one person speak in both?"""
    return (yield from _check(session, "voices/compare", {"reference": reference, "probe": probe}))


def spoken_digits(
    session: Session, voice: Source, digits: str, *, language: str = "en"
) -> Flow[Check]:
    """Are these the digits that were said?"""
    fields = {"digits": digits, "language": language}
    return (yield from _check(session, "voices/digits", {"voice": voice}, fields))


def read_document(
    session: Session, front: Source, back: Source | None = None
) -> Flow[DocumentRead]:
    """Read an identity document: its fields are personal data."""
    files = {"front": front} if back is None else {"front": front, "back": back}
    return (yield from ask(session, form("/v1/documents/read", files), DocumentRead))


def verify_once(
    session: Session,
    media: Mapping[str, Source],
    *,
    policy: str = "",
    digits: str = "",
    language: str = "en",
    schedule_ms: Sequence[float] = (),
    attempt: int = 1,
    facts: Mapping[str, float] | None = None,
) -> Flow[Verdict]:
    """Everything in one request; nothing is kept but the signed record of the verdict.

    You vouch for challenge and attempts: where an applicant's own device sends the media, use
    transactions. A request that is sent again after a broken connection is judged again.

    Args:
        session: Of the client; not given by callers.
        media: By kind; see `upload`.
        policy: Name of a shipped policy.
        digits: What the applicant was asked to read.
        language: `en` or `zh`: of the digits.
        schedule_ms: When each digit was shown.
        attempt: From 1.
        facts: Numbers that the policy's rules ask for.
    """
    fields = {
        "policy": policy,
        "digits": digits,
        "language": language,
        "schedule": json.dumps(list(schedule_ms)) if schedule_ms else "",
        "attempt": str(attempt),
        "facts": json.dumps(dict(facts)) if facts else "",
    }
    return (yield from ask(session, form("/v1/verify", media, fields), Verdict))


def guide_face(
    session: Session, picture: Source, *, locale: str = "en", token: str = ""
) -> Flow[FaceGuidance]:
    """Where is the face in a small picture, and what should change?"""
    return (yield from ask(session, _glance("face", picture, locale, token), FaceGuidance))


def guide_document(
    session: Session, picture: Source, *, locale: str = "en", token: str = ""
) -> Flow[DocumentGuidance]:
    """Is the document in a small picture whole, sharp and without glare?"""
    return (yield from ask(session, _glance("document", picture, locale, token), DocumentGuidance))


def _glance(kind: str, picture: Source, locale: str, token: str) -> Request:
    headers = {"Accept-Language": locale, "Content-Type": "image/jpeg", **bearer(token)}
    return Request("POST", f"/v1/guidance/{kind}", headers, Content.of(picture))


def _check(
    session: Session,
    path: str,
    files: Mapping[str, Source],
    fields: Mapping[str, str] | None = None,
) -> Flow[Check]:
    return (yield from ask(session, form(f"/v1/{path}", files, fields), CheckAnswer)).check
