"""Routes of guidance: what should the applicant change before the picture is taken?

The same detector that judges looks at small pictures a few times a second: no second model, and
nothing is kept.
"""

from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import APIRouter, Depends, Header, Request
from starlette.concurrency import run_in_threadpool

from veridical.catalogue import Text
from veridical.catalogue.reasons import advice
from veridical.languages import Language
from veridical.media import Limits, read_image
from veridical.service.api import problems
from veridical.service.api.answers import answers
from veridical.service.api.auth import Allow, Principal
from veridical.service.api.requirements import takes
from veridical.service.api.state import Service, ServiceDep
from veridical.transactions import ProblemError
from veridical.types import Image
from veridical.verification import Policy, Transaction, reasons
from veridical.wire import DocumentGuidance, FaceGuidance

__all__ = ["Glance", "glance_at_document", "router"]

router = APIRouter(prefix="/v1/guidance", tags=["guidance"])

MOST_BYTES = 200_000
_LIMITS = Limits(
    max_image_bytes=MOST_BYTES,
    max_image_pixels=2_000_000,
    max_scaled_pixels=2_000_000,
    picture_cpu_s=1.0,
)
Watcher = Annotated[Principal, Depends(Allow(("transactions:write",), upload=True))]

# Judged, not fitted: they only guide a hand; the document's own checks decide.
_LEAST_SHARE = 0.25
_GLARE_LEVEL, _MOST_GLARE = 250, 0.02
_SHARP_FROM = 40.0
_SIDE_PX = 320

_GOOD = Text("Hold still.", "请保持不动。")
_DOCUMENT_TEXTS = {
    "": _GOOD,
    "document_not_found": Text(
        "Put the whole document into the frame, on a plain, darker ground.",
        "请将证件完整置于框内，背景宜为较深的纯色。",
    ),
    "too_small": Text("Come closer to the document.", "请靠近证件。"),
    "blur": Text("Hold the camera still until it is sharp.", "请保持相机稳定，直到画面清晰。"),
    "glare": Text("Tilt the document: light is reflected.", "请倾斜证件以避开反光。"),
}

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _language(accept: str) -> Language:
    return "zh" if accept.strip().lower().startswith("zh") else "en"


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            raise ProblemError(
                413, "request.too_large", f"a picture for guidance has at most {MOST_BYTES} bytes"
            )
    return bytes(data)


@router.post(
    "/face",
    summary="Where is the face, and what should change?",
    openapi_extra=_BODY,
    **answers("guide_face", FaceGuidance),
)
@takes(MOST_BYTES)
async def face(
    request: Request,
    service: ServiceDep,
    principal: Watcher,
    accept_language: Annotated[str, Header()] = "en",
) -> dict[str, Any]:
    """For a ring around the face; no score is told."""
    data, language = await _body(request), _language(accept_language)
    with service.guidance.entered(principal.tenant):
        return await run_in_threadpool(_face, service, problems.request_id(request), data, language)


def _face(service: Service, request: str, data: bytes, language: Language) -> dict[str, Any]:
    verifier = service.loader.get()
    image = read_image(data, _LIMITS)
    analysis = verifier.analyse(Transaction(request, selfie=image))
    verdict = verifier.judge(analysis, Policy("guidance", 1, "", ("face.quality",)))
    view = analysis.views[0]
    measured = verdict.results[0].measurement
    # The advice costs a good picture little: without an operating point it is the only judge.
    good = measured.assessed and (measured.score or 0) >= 50
    reason = "" if good else measured.reason
    box = view.subject.box if view.subject is not None else None
    known = reasons().get(reason)
    return {
        "faces": len(view.faces),
        "box": None
        if box is None
        else [
            round(min(1.0, max(0.0, value)), 4)
            for value in (
                box.left / image.width,
                box.top / image.height,
                box.right / image.width,
                box.bottom / image.height,
            )
        ],
        "yaw_deg": measured.evidence.get("yaw_raw"),
        "pitch_deg": measured.evidence.get("pitch_raw"),
        "reason": reason,
        "text": known.applicant[language] if known and reason else _GOOD[language],
        "message_code": f"advice.{advice(reason)}" if known and reason else "",
    }


@router.post(
    "/document",
    summary="Is the document whole, sharp and without glare?",
    openapi_extra=_BODY,
    **answers("guide_document", DocumentGuidance),
)
@takes(MOST_BYTES)
async def document(
    request: Request,
    service: ServiceDep,
    principal: Watcher,
    accept_language: Annotated[str, Header()] = "en",
) -> dict[str, Any]:
    """By its outline alone: nothing is read."""
    data = await _body(request)
    with service.guidance.entered(principal.tenant):
        found = await run_in_threadpool(lambda: glance_at_document(read_image(data, _LIMITS)))
    return {**found, "text": _DOCUMENT_TEXTS[found["reason"]][_language(accept_language)]}


class Glance(dict[str, Any]):
    """`quad` in 0..1 or None, and `reason`."""


def glance_at_document(image: Image) -> Glance:
    """Find the outline of a card on a plainer ground, and say what keeps it from being read.

    Source: edges by J. Canny, "A computational approach to edge detection", PAMI 8, 1986; the
    largest convex outline of four corners is taken for the card.
    """
    scale = _SIDE_PX / max(image.width, image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    quad = _card(grey)
    if quad is None:
        return Glance(quad=None, reason="document_not_found")
    shown = [[round(float(x) / size[0], 4), round(float(y) / size[1], 4)] for x, y in quad]
    if cv2.contourArea(quad) < _LEAST_SHARE * size[0] * size[1]:
        return Glance(quad=shown, reason="too_small")
    inside = np.zeros(grey.shape, np.uint8)
    cv2.fillConvexPoly(inside, quad.astype(np.int32), 255)
    pixels = grey[inside > 0]
    if float((pixels >= _GLARE_LEVEL).mean()) > _MOST_GLARE:
        return Glance(quad=shown, reason="glare")
    steps = cv2.Laplacian(grey, cv2.CV_32F)
    inner = cv2.erode(inside, np.ones((9, 9), np.uint8)) > 0
    sharp = float(steps[inner].var()) if inner.any() else 0.0
    return Glance(quad=shown, reason="" if sharp >= _SHARP_FROM else "blur")


def _card(
    grey: np.ndarray[Any, np.dtype[np.uint8]],
) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    """Corners of the largest four-cornered outline, top left first and clockwise."""
    smooth = cv2.GaussianBlur(grey, (5, 5), 0)
    middle = float(np.median(smooth))
    edges = cv2.Canny(smooth, 0.5 * middle, max(30.0, 1.1 * middle))
    edges = cv2.dilate(edges, np.ones((3, 3), np.uint8), iterations=2)
    outlines, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    best, area = None, 0.05 * grey.size
    for outline in outlines:
        hull = cv2.convexHull(outline)
        corners = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True)
        if len(corners) == 4 and cv2.contourArea(corners) > area:
            best, area = corners[:, 0, :], cv2.contourArea(corners)
    if best is None:
        return None
    points = np.asarray(best, np.float32)
    sums, differences = points.sum(axis=1), points[:, 0] - points[:, 1]
    order = [sums.argmin(), differences.argmax(), sums.argmax(), differences.argmin()]
    return np.asarray(points[order], np.float32)
