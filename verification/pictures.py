"""Pictures for people: what was found, drawn over what was judged."""

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.face.align import TEMPLATE_112, similarity
from veridical.ocr import Document
from veridical.types import Box, Image, View

__all__ = ["draw_document", "draw_faces", "face_at_scale", "to_jpeg", "to_png"]

Colour = tuple[int, int, int]
SUBJECT: Colour = (46, 160, 67)
OTHER: Colour = (207, 34, 46)
FIELD: Colour = (9, 105, 218)
FACE_PX = (420, 510)
"""Width and height of faces that are laid side by side."""
_FACE_POINTS = (TEMPLATE_112 * 2.3 + np.array([82, 130], np.float32)).astype(np.float32)


def draw_document(image: Image, document: Document | None) -> Image:
    """The picture with the card's outline, its fields and its portrait."""
    canvas = image.pixels.copy()
    if document is not None:
        if document.quad is not None:
            corners = np.asarray(document.quad, np.float32).round().astype(np.int32)
            cv2.polylines(canvas, [corners], True, SUBJECT, _stroke(image), cv2.LINE_AA)
        for field in document.fields.values():
            if field.box is not None:
                _rectangle(canvas, field.box, FIELD, _stroke(image))
        if document.portrait_box is not None:
            _rectangle(canvas, document.portrait_box, SUBJECT, _stroke(image))
    return Image(canvas)


def draw_faces(view: View) -> Image:
    """The picture with every face: the judged one with its points, the others crossed out."""
    canvas = view.image.pixels.copy()
    stroke = _stroke(view.image)
    for face in view.faces:
        colour = SUBJECT if face is view.subject else OTHER
        _rectangle(canvas, face.box, colour, stroke)
        if face is view.subject:
            for x, y in face.points:
                cv2.circle(canvas, (round(x), round(y)), stroke * 2, colour, -1, cv2.LINE_AA)
    return Image(canvas)


def face_at_scale(view: View) -> Image | None:
    """The judged face, upright, with eyes and mouth at the same place in every such picture.

    Two of them can be compared by eye, feature by feature. None without a single face.
    """
    if view.subject is None:
        return None
    try:
        matrix = similarity(view.subject.points, _FACE_POINTS)
    except InputError:
        return None
    pixels = cv2.warpAffine(
        view.image.pixels, matrix, FACE_PX, flags=cv2.INTER_CUBIC, borderValue=(128, 128, 128)
    )
    return Image(np.asarray(pixels, np.uint8))


def to_jpeg(image: Image, max_side_px: int | None = None) -> bytes:
    """Encode a picture, reduced to a longest side when one is given."""
    pixels = _reduced(image, max_side_px)
    _, encoded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return encoded.tobytes()


def to_png(image: Image, max_side_px: int | None = None) -> bytes:
    """The same without loss."""
    return cv2.imencode(".png", _reduced(image, max_side_px)[:, :, ::-1])[1].tobytes()


def _reduced(image: Image, max_side_px: int | None) -> NDArray[np.uint8]:
    pixels = image.pixels
    if max_side_px is not None and max(image.width, image.height) > max_side_px:
        scale = max_side_px / max(image.width, image.height)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels


def _rectangle(canvas: NDArray[np.uint8], box: Box, colour: Colour, stroke: int) -> None:
    top_left, bottom_right = (
        (round(box.left), round(box.top)),
        (round(box.right), round(box.bottom)),
    )
    cv2.rectangle(canvas, top_left, bottom_right, colour, stroke, cv2.LINE_AA)


def _stroke(image: Image) -> int:
    return max(2, round(max(image.width, image.height) / 400))
