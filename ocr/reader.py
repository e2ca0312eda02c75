"""Which document is in a picture, and what does it say?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np

from veridical.ocr.document import Document
from veridical.ocr.geometry import bounds, crop_quad, edge_lengths
from veridical.ocr.page import Page, reading_angle
from veridical.ocr.resident import Front, read_front
from veridical.ocr.text import TextBox, TextDetector, TextDirection, TextRecogniser
from veridical.ocr.validate import validate
from veridical.result import EvidenceValue
from veridical.types import Image

__all__ = ["DocumentReader"]

COARSE_SIDE_PX = 416
"""Where text is, is seen at this size; whether it must be looked at closer follows from it."""
SMALL_TEXT_PX = 10.0
"""Boxes lower than this at the size the detector saw merge and lose characters."""
CLOSER_TEXT_PX = (17.0, 24.0)
"""Heights at which text is seen when it is looked at again, one after the other."""
FINEST_SIDE_PX = 960
MARGIN_LINES = 3.0
"""Lines of margin around the text when the detector looks again."""
CARD_HEIGHT_PX = 540
PORTRAIT_HEIGHT_PX = 320


class DocumentReader:
    """Reads identity documents in pictures.

    Args:
        detector: Finds lines.
        recogniser: Reads them.
        direction: Tells upright lines from those on their head.
    """

    def __init__(
        self, detector: TextDetector, recogniser: TextRecogniser, direction: TextDirection
    ) -> None:
        self._detector = detector
        self._recogniser = recogniser
        self._direction = direction

    def __call__(
        self, image: Image, *, kind: str | None = None, today: date | None = None
    ) -> Document:
        """Read the document in a picture.

        Args:
            image: The picture, turned any way.
            kind: What to read it as, such as `prc_id_front`; found out when None.
            today: Day by which validity is judged; the current one when None.

        Returns:
            What was read; kind `none` when the picture shows no document known here.
        """
        models = (self._detector.ref, self._recogniser.ref, self._direction.ref)
        best: Front | None = None
        angle_deg = 0.0
        evidence: dict[str, EvidenceValue] = {"looks": 0}
        for looks, page in enumerate(self._looks(image), 1):
            evidence["looks"] = looks
            front = read_front(page)
            if best is None or (front and front.agreement > best.agreement):
                best, angle_deg = front, page.angle_deg
                evidence |= {"lines": len(page.lines), "text_height_px": round(page.height, 1)}
            if best and best.complete:
                break
        if best is None:
            return Document("none", rotation_deg=angle_deg, evidence=evidence, models=models)
        return replace(
            _front_document(image, best, today or date.today()),
            rotation_deg=angle_deg,
            evidence=evidence,
            models=models,
        )

    def _looks(self, image: Image) -> Iterator[Page]:
        """One page after the other, each of text seen larger than before."""
        boxes = self._detector(image, COARSE_SIDE_PX)
        if not boxes:
            return
        angle_deg = reading_angle(image, boxes, self._direction)
        text_px = _text_height(boxes)
        seen_px = text_px * min(1.0, COARSE_SIDE_PX / max(image.width, image.height))
        if seen_px >= SMALL_TEXT_PX:
            yield Page(image, boxes, angle_deg, self._recogniser)
        for wanted_px in CLOSER_TEXT_PX:
            if wanted_px <= seen_px:
                continue
            boxes = self._look_closer(image, boxes, text_px, wanted_px) or boxes
            text_px = _text_height(boxes)
            angle_deg = reading_angle(image, boxes, self._direction)
            yield Page(image, boxes, angle_deg, self._recogniser)

    def _look_closer(
        self, image: Image, boxes: list[TextBox], text_px: float, wanted_px: float
    ) -> list[TextBox]:
        """Look at the part of the picture around some text again, at a larger size."""
        around = bounds(np.concatenate([box.quad for box in boxes]))
        margin = MARGIN_LINES * text_px
        left, top = max(0, int(around.left - margin)), max(0, int(around.top - margin))
        right, bottom = int(around.right + margin) + 1, int(around.bottom + margin) + 1
        part = Image(np.ascontiguousarray(image.pixels[top:bottom, left:right]))
        side_px = min(FINEST_SIDE_PX, int(max(part.width, part.height) * wanted_px / text_px))
        shift = np.array([left, top], np.float32)
        return [TextBox(box.quad + shift, box.score) for box in self._detector(part, side_px)]


def _text_height(boxes: list[TextBox]) -> float:
    """Median height of a line in pixels."""
    return float(np.median([edge_lengths(box.quad)[1] for box in boxes]))


def _front_document(image: Image, front: Front, today: date) -> Document:
    """The front of a resident identity card, with its crops and what does not fit."""
    return Document(
        kind="prc_id_front",
        fields=front.fields,
        quad=front.quad,
        card=Image(crop_quad(image, front.quad, CARD_HEIGHT_PX)),
        portrait_box=bounds(front.portrait),
        portrait=Image(crop_quad(image, front.portrait, PORTRAIT_HEIGHT_PX)),
        texts=front.texts,
        warnings=validate("prc_id_front", front.fields, None, today),
    )
