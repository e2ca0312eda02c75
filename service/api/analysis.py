"""Routes of single checks: something in, one measurement out, nothing kept."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile

from veridical.errors import InputError
from veridical.media import read_audio, read_clip, read_image, read_image_with_info
from veridical.policy.verdict import check_to_json
from veridical.result import Measurement
from veridical.service.api import problems
from veridical.service.api.answers import answers
from veridical.service.api.auth import allow
from veridical.service.api.state import ServiceDep
from veridical.types import Audio, Challenge
from veridical.verification import (
    Policy,
    Transaction,
    Verdict,
    Verifier,
    decide,
    verdict_to_json,
)
from veridical.verification.inputs import parse_schedule
from veridical.wire import CheckAnswer, DocumentRead

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["analysis"], dependencies=[Depends(allow("analysis"))])


def _only(verifier: Verifier, *checks: str) -> Policy:
    """A policy of some checks, with the thresholds of the service's own."""
    own = verifier.policy
    points = {
        check: own.operating_points[check] for check in checks if check in own.operating_points
    }
    calibration = {check: own.calibration[check] for check in checks if check in own.calibration}
    return Policy(
        "analysis", 1, own.sha256, checks, calibration=calibration, operating_points=points
    )


def _checks(verdict: Verdict) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = verdict_to_json(verdict)["checks"]
    return shown


def _one(verifier: Verifier, check: str, transaction: Transaction) -> dict[str, Any]:
    """Judge one check."""
    return {"check": _checks(verifier.verify(transaction, _only(verifier, check)))[0]}


def _read(upload: UploadFile) -> bytes:
    return upload.file.read()


@router.post(
    "/faces/compare",
    summary="Are these two pictures of one person?",
    **answers("compare_faces", CheckAnswer),
)
def compare_faces(
    request: Request,
    service: ServiceDep,
    reference: Annotated[UploadFile, File()],
    probe: Annotated[UploadFile, File()],
) -> dict[str, Any]:
    """`face.match`."""
    verifier, id_ = service.loader.get(), problems.request_id(request)
    with service.gate.entered():
        portrait = verifier.analyse(Transaction(id_, selfie=read_image(_read(reference))))
        if portrait.face_template is None:
            reasons = [view.reason for view in portrait.views if view.reason]
            return {"check": _not_assessed("face.match", (*reasons, "no_face")[0])}
        live = Transaction(
            id_, selfie=read_image(_read(probe)), face_reference=portrait.face_template
        )
        return _one(verifier, "face.match", live)


@router.post(
    "/faces/quality",
    summary="Is a face captured well enough to compare?",
    **answers("measure_face_quality", CheckAnswer),
)
def face_quality(
    request: Request, service: ServiceDep, image: Annotated[UploadFile, File()]
) -> dict[str, Any]:
    """`face.quality`, aspect by aspect in its evidence."""
    verifier = service.loader.get()
    with service.gate.entered():
        selfie = read_image(_read(image))
        return _one(
            verifier, "face.quality", Transaction(problems.request_id(request), selfie=selfie)
        )


@router.post(
    "/liveness/silent",
    summary="Is a live person before the camera, judged passively?",
    **answers("check_silent_liveness", CheckAnswer),
)
def silent(
    request: Request,
    service: ServiceDep,
    image: Annotated[UploadFile | None, File()] = None,
    clip: Annotated[UploadFile | None, File()] = None,
) -> dict[str, Any]:
    """`liveness.silent` of a picture or a clip."""
    verifier = service.loader.get()
    if (image is None) == (clip is None):
        raise InputError("send either image or clip", "request.no_media")
    with service.gate.entered():
        transaction = Transaction(
            problems.request_id(request),
            selfie=read_image(_read(image)) if image else None,
            clip=read_clip(_read(clip)) if clip else None,
        )
        return _one(verifier, "liveness.silent", transaction)


@router.post(
    "/liveness/lips",
    summary="Did these lips speak the prompt, on its schedule?",
    **answers("check_lip_liveness", CheckAnswer),
)
def lips(
    request: Request,
    service: ServiceDep,
    clip: Annotated[UploadFile, File()],
    digits: Annotated[str, Form()],
    language: Annotated[str, Form()] = "en",
    schedule: Annotated[str, Form(description="JSON list: when each digit was shown, ms")] = "",
) -> dict[str, Any]:
    """`liveness.lips`."""
    verifier = service.loader.get()
    challenge = Challenge(digits, language, parse_schedule(schedule))
    with service.gate.entered():
        transaction = Transaction(
            problems.request_id(request), clip=read_clip(_read(clip)), challenge=challenge
        )
        return _one(verifier, "liveness.lips", transaction)


@router.post(
    "/documents/read",
    summary="What does a document say, and is it sound?",
    **answers("read_document", DocumentRead),
)
def read_document(
    request: Request,
    service: ServiceDep,
    front: Annotated[UploadFile, File()],
    back: Annotated[UploadFile | None, File()] = None,
) -> dict[str, Any]:
    """`document.read`, `document.authentic` and `document.specimen`, with the fields read."""
    verifier = service.loader.get()
    checks = ("document.read", "document.authentic", "document.specimen")
    with service.gate.entered():
        picture, info = read_image_with_info(_read(front))
        transaction = Transaction(
            problems.request_id(request),
            document_front=picture,
            document_info=info,
            document_back=read_image(_read(back)) if back else None,
        )
        verdict = verifier.verify(transaction, _only(verifier, *checks))
    told = verdict_to_json(verdict)
    return {"checks": told["checks"], "document": told["document"]}


@router.post(
    "/voices/compare",
    summary="Did one person speak in both recordings?",
    **answers("compare_voices", CheckAnswer),
)
def compare_voices(
    request: Request,
    service: ServiceDep,
    reference: Annotated[UploadFile, File()],
    probe: Annotated[UploadFile, File()],
) -> dict[str, Any]:
    """`voice.match`."""
    verifier, id_ = service.loader.get(), problems.request_id(request)
    with service.gate.entered():
        enrolled = verifier.analyse(Transaction(id_, voice=_sound(reference))).voice_enrolment
        if enrolled is None or enrolled.template is None:
            reason = enrolled.reason if enrolled else "model_missing"
            return {"check": _not_assessed("voice.match", reason)}
        transaction = Transaction(id_, voice=_sound(probe), voice_reference=enrolled.template)
        return _one(verifier, "voice.match", transaction)


@router.post(
    "/voices/digits",
    summary="Were these digits spoken?",
    **answers("check_spoken_digits", CheckAnswer),
)
def spoken_digits(
    request: Request,
    service: ServiceDep,
    voice: Annotated[UploadFile, File()],
    digits: Annotated[str, Form()],
    language: Annotated[str, Form()] = "en",
) -> dict[str, Any]:
    """`voice.digits`."""
    verifier = service.loader.get()
    challenge = Challenge(digits, language)
    with service.gate.entered():
        transaction = Transaction(
            problems.request_id(request), voice=_sound(voice), challenge=challenge
        )
        return _one(verifier, "voice.digits", transaction)


def _sound(upload: UploadFile) -> Audio:
    return read_audio(_read(upload))


def _not_assessed(check: str, reason: str) -> dict[str, Any]:
    """A check whose reference could not be used, in the form of those that ran."""
    policy = Policy("analysis", 1, "", (check,))
    decision = decide([Measurement(check, None, reason)], policy, {})
    return check_to_json(decision.results[0])
