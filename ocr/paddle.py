"""PaddleOCR's own steps in place of ours, over the same two networks, for those who want them."""

import unicodedata
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from veridical.models import ModelStore, Profile
from veridical.models.catalogue import locate
from veridical.models.engines import PaddleText, find_engine
from veridical.ocr.geometry import Quad, crop_quad
from veridical.ocr.ocrb import OcrbRecogniser
from veridical.ocr.reader import DocumentReader
from veridical.ocr.text import LINE_HEIGHT_PX, Reading, TextBox, TextDirection, long_edge_first
from veridical.result import ModelRef
from veridical.types import Image

__all__ = [
    "PaddleDetector",
    "PaddleRecogniser",
    "load_paddle_reader",
    "load_paddle_text",
    "reader_over",
]

FindLines = Callable[[NDArray[np.uint8], int], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""(h, w, 3) uint8 RGB and a size to (n, 4, 2) corners and (n,) scores, as `PaddleText.find`."""
ReadLine = Callable[[NDArray[np.uint8]], tuple[str, float, NDArray[np.float32]]]
"""(h, w, 3) uint8 RGB to text, score and places of its characters, as `PaddleText.read`."""


class PaddleDetector:
    """Puts the engine's detection where `TextDetector` stands.

    Args:
        find: The engine.
        ref: The network it runs.
    """

    def __init__(self, find: FindLines, ref: ModelRef) -> None:
        self._find = find
        self._ref = ref

    @property
    def ref(self) -> ModelRef:
        """The model behind it."""
        return self._ref

    def __call__(self, image: Image, side_px: int) -> list[TextBox]:
        """Find text, looking at the picture with its longer side brought down to a size.

        Raises:
            ModelError: `engine.failed`.
        """
        quads, scores = self._find(image.pixels, side_px)
        return [
            TextBox(long_edge_first(quad), float(score))
            for quad, score in zip(quads, scores, strict=True)
        ]


class PaddleRecogniser:
    """Puts the engine's recognition where `TextRecogniser` stands.

    PaddleOCR tells one probability for a line: each of its characters is given that one.

    Args:
        read: The engine.
        ref: The network it runs.
    """

    def __init__(self, read: ReadLine, ref: ModelRef) -> None:
        self._read = read
        self._ref = ref

    @property
    def ref(self) -> ModelRef:
        """The model behind it."""
        return self._ref

    def __call__(self, image: Image, quad: Quad) -> Reading:
        """Read one line.

        Args:
            image: The picture.
            quad: The line's corners, reading direction first.

        Raises:
            ModelError: `engine.failed`.
        """
        raw, score, places = self._read(crop_quad(image, quad, LINE_HEIGHT_PX))
        text: list[str] = []
        centres: list[float] = []
        for character, place in zip(raw, places, strict=True):
            # One character may become several, such as the ligature of two letters.
            plain = unicodedata.normalize("NFKC", character)
            text.append(plain)
            centres.extend([float(place)] * len(plain))
        return Reading("".join(text), score, (score,) * len(centres), tuple(centres))


def load_paddle_reader(store: ModelStore, profile: Profile) -> DocumentReader:
    """The reader of a profile, with PaddleOCR's detection and recognition.

    Raises:
        ModelError: `engine.missing`: it is not installed; a model is missing or altered.
    """
    return reader_over(load_paddle_text(store, profile), store, profile)


def load_paddle_text(store: ModelStore, profile: Profile) -> PaddleText:
    """The engine over the networks of a profile; who loads it closes it.

    Raises:
        ModelError: `engine.missing`: it is not installed; a model is missing or altered.
    """
    engine = find_engine("paddleocr", store.directory)
    names = [profile.roles[role][0] for role in ("ocr_detector", "ocr_recogniser")]
    for name in names:
        store.session(name)  # proves its bytes; the worker then reads the same file
    return PaddleText(engine, *(locate(store.card(name), store.directory)[0] for name in names))


def reader_over(text: PaddleText, store: ModelStore, profile: Profile) -> DocumentReader:
    """The reader of a profile over an engine that is loaded.

    Direction and machine-readable zones stay ours: PaddleOCR's direction wants another network,
    and it has none for OCR-B.

    Raises:
        ModelError: A model is missing or altered.
    """
    return DocumentReader(
        PaddleDetector(text.find, store.session(profile.roles["ocr_detector"][0]).ref),
        PaddleRecogniser(text.read, store.session(profile.roles["ocr_recogniser"][0]).ref),
        TextDirection(store.session(profile.roles["ocr_direction"][0])),
        OcrbRecogniser(store.session(profile.roles["ocr_zone"][0])),
    )
