"""What several checks read of one transaction, computed once."""

import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property
from typing import TypeVar

import numpy as np

from veridical.face import FaceDetector, FaceMesher, look
from veridical.ocr import Document, DocumentReader
from veridical.types import Clip, Image, View
from veridical.verification.transaction import Transaction

__all__ = ["Analyser", "Analysis"]

CLIP_VIEWS = 12
"""Frames of a clip that are looked at, spread evenly: 8 to 15 steady the vote of frames that are
near-copies of each other, and every one costs a detection (docs/silent-liveness.md)."""

T = TypeVar("T")


class Analyser:
    """The engines an analysis runs; one set serves every transaction and thread.

    Args:
        reader: Reads documents; None when its models are missing.
        detector: Finds faces; None when its model is missing.
        mesher: Finds dense landmarks; None when its model is missing.
    """

    def __init__(
        self,
        reader: DocumentReader | None,
        detector: FaceDetector | None,
        mesher: FaceMesher | None,
    ) -> None:
        self.reader = reader
        self.detector = detector
        self.mesher = mesher


class Analysis:
    """One transaction, looked at once.

    Everything is computed when it is first asked for. Belongs to one thread.

    Attributes:
        transaction: What was handed in.
        timings_ms: Wall time by stage, filled as stages run.
    """

    def __init__(self, transaction: Transaction, analyser: Analyser) -> None:
        self.transaction = transaction
        self.timings_ms: dict[str, float] = {}
        self._analyser = analyser

    def _timed(self, stage: str, compute: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            return compute()
        finally:
            elapsed = (time.perf_counter() - start) * 1000
            self.timings_ms[stage] = self.timings_ms.get(stage, 0.0) + elapsed

    @property
    def today(self) -> date:
        """The day by which a document counts as expired."""
        return self.transaction.today or date.today()

    @cached_property
    def front(self) -> Document | None:
        """The document's front, read; None when no picture of it was handed in."""
        return self._read(self.transaction.document_front)

    @cached_property
    def back(self) -> Document | None:
        """The document's back, read; None when no picture of it was handed in."""
        return self._read(self.transaction.document_back)

    def _read(self, image: Image | None) -> Document | None:
        reader = self._analyser.reader
        if image is None or reader is None:
            return None
        return self._timed("document", lambda: reader(image))

    @cached_property
    def portrait(self) -> View | None:
        """The document's portrait; None when there is no document or no portrait on it."""
        if self.front is None or self.front.portrait is None:
            return None
        portrait = self.front.portrait
        return self._timed("portrait", lambda: self._look(portrait, 0.0))

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Frames of the clip spread evenly over it, or the one selfie; empty without either."""
        clip, selfie = self.transaction.clip, self.transaction.selfie
        if clip is not None:
            return self._timed("face", lambda: self._look_over(clip))
        if selfie is not None:
            return (self._timed("face", lambda: self._look(selfie, 0.0)),)
        return ()

    def _look_over(self, clip: Clip) -> tuple[View, ...]:
        chosen = spread(len(clip.frames), CLIP_VIEWS)
        return tuple(self._look(clip.frames[i], float(clip.times_ms[i])) for i in chosen)

    def _look(self, image: Image, time_ms: float) -> View:
        detector = self._analyser.detector
        if detector is None:
            return View(image, (), None, "model_missing", None, time_ms)
        return look(image, detector, self._analyser.mesher, time_ms)


def spread(available: int, wanted: int) -> Sequence[int]:
    """Indices of at most `wanted` of `available` items, evenly spread, ends included."""
    if available <= wanted:
        return range(available)
    return [int(i) for i in np.linspace(0, available - 1, wanted).round()]
