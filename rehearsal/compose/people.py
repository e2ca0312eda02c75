"""Specimen cards of people, and what is handed in as the selfie beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage

from veridical.face import FaceDetector
from veridical.rehearsal.simulate import Attack, simulate
from veridical.rehearsal.specimens import Fonts, render_prc_front
from veridical.types import Box, Image

__all__ = [
    "PORTRAIT_FORMS",
    "RENDERED",
    "CardMaker",
    "Form",
    "head_and_shoulders",
    "is_rendered",
]

RENDERED = "specimen, drawn by veridical"
"""What files of our renderer say of themselves. Each carries the mark in its picture as well."""
PROFILES = ("clean", "jpeg", "perspective")


def is_rendered(path: Path) -> bool:
    """Whether a file says that our renderer drew it."""
    with PillowImage.open(path) as picture:
        told = picture.info.get("comment", b"")
    return (told if isinstance(told, bytes) else str(told).encode()) == RENDERED.encode()


@dataclass(frozen=True, slots=True)
class CardMaker:
    """Draws cards.

    Attributes:
        detector: Finds the faces of the pictures.
        fonts: What to write with.
    """

    detector: FaceDetector
    fonts: Fonts

    def card(self, picture: Image, seed: int, photograph: int = 0) -> Image:
        """A photograph of a specimen card with the person of a picture.

        Args:
            picture: Holds one face.
            seed: Decides what is printed.
            photograph: Which way of photographing it.
        """
        face = self._face(picture)
        portrait = head_and_shoulders(picture, face) if face is not None else picture
        profile = PROFILES[(seed + photograph) % len(PROFILES)]
        return render_prc_front(None, portrait, seed, profile, fonts=self.fonts)[0]

    def cropped(self, card: Image, margin: float) -> Image:
        """The card's portrait with some of what is around it."""
        face = self._face(card)
        return card if face is None else _cut(card, face, margin)

    def _face(self, picture: Image) -> Box | None:
        faces = self.detector(picture)
        return faces[0].box if faces else None


def head_and_shoulders(image: Image, face: Box) -> Image:
    """The part of a picture that a passport photographer would keep."""
    height = face.height * 1.75
    x, y = face.centre
    rows = slice(max(0, int(y - height * 0.52)), int(y + height * 0.48))
    columns = slice(max(0, int(x - height * 0.4)), int(x + height * 0.4))
    return Image(np.ascontiguousarray(image.pixels[rows, columns]))


def _cut(image: Image, box: Box, margin: float) -> Image:
    dx, dy = margin * box.width, margin * box.height
    rows = slice(max(0, int(box.top - dy)), int(box.bottom + dy))
    columns = slice(max(0, int(box.left - dx)), int(box.right + dx))
    return Image(np.ascontiguousarray(image.pixels[rows, columns]))


def _enlarged(image: Image, times: float) -> Image:
    made = cv2.resize(image.pixels, None, fx=times, fy=times, interpolation=cv2.INTER_LANCZOS4)
    return Image(np.asarray(made, np.uint8))


Form = Callable[[CardMaker, Image, Image, int], Image]
"""Of the maker, the card, the same card photographed again, and a seed: the selfie."""

PORTRAIT_FORMS: dict[str, Form] = {
    "portrait_same_file": lambda made, card, again, seed: card,
    "portrait_crop": lambda made, card, again, seed: made.cropped(card, 0.0),
    "portrait_enlarged": lambda made, card, again, seed: _enlarged(made.cropped(card, 0.1), 3),
    "portrait_photographed_again": lambda made, card, again, seed: _enlarged(
        made.cropped(again, 0.3), 2
    ),
    "portrait_before_wall": lambda made, card, again, seed: simulate(
        Attack.PORTRAIT_SELFIE, card, seed, face=made.detector(card)[0].box
    ),
}
