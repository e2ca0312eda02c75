"""How bona fide does one network find one frame?"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.liveness.crop import crop, share_in_view
from veridical.models import Card, Session
from veridical.types import Box, Image

__all__ = ["FrameScorer", "ScorerInput"]


@dataclass(frozen=True, slots=True)
class ScorerInput:
    """What one network wants at its door, as its card says.

    Attributes:
        crop_scale: Side of the window in multiples of the face box's longer side.
        side_px: Side of the square the network reads.
        colour: Order in which it wants the channels, `rgb` or `bgr`.
        bona_fide_class: Index of the logit that means bona fide.
        logit_offset: Margin of the bona fide logit at which the score is one half.
        logit_scale: Change of the margin that takes the score from 0.5 to 0.73.

    Raises:
        ModelError: `model.card`: a value no network of this kind can have.
    """

    crop_scale: float
    side_px: int
    colour: str
    bona_fide_class: int
    logit_offset: float = 0.0
    logit_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.colour not in ("rgb", "bgr"):
            raise ModelError(
                f"a liveness model's colour must be rgb or bgr, got {self.colour!r}", "model.card"
            )
        if not (self.crop_scale >= 1 and self.side_px >= 1 and self.bona_fide_class >= 0):
            raise ModelError(
                "a liveness model needs crop_scale >= 1, side_px >= 1 and bona_fide_class >= 0, "
                f"got {self.crop_scale}, {self.side_px} and {self.bona_fide_class}",
                "model.card",
            )
        if not (self.logit_scale > 0 and math.isfinite(self.logit_offset)):
            raise ModelError(
                "a liveness model needs logit_scale > 0 and a finite logit_offset, got "
                f"{self.logit_scale} and {self.logit_offset}",
                "model.card",
            )

    @classmethod
    def from_card(cls, card: Card) -> "ScorerInput":
        """Read a card's parameters.

        Raises:
            ModelError: `model.card`: one is missing or of another kind.
        """
        try:
            return cls(
                crop_scale=float(str(card.parameters["crop_scale"])),
                side_px=int(str(card.parameters["side_px"])),
                colour=str(card.parameters["colour"]),
                bona_fide_class=int(str(card.parameters["bona_fide_class"])),
                logit_offset=float(str(card.parameters["logit_offset"])),
                logit_scale=float(str(card.parameters["logit_scale"])),
            )
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"card {card.name}: [parameters] needs crop_scale, side_px, colour, "
                f"bona_fide_class, logit_offset and logit_scale; wrong or missing: {error}",
                "model.card",
            ) from error


class FrameScorer:
    """One presentation attack detection network, fed as its card says.

    Args:
        session: Maps `input` (1, 3, side_px, side_px) float32 0..255 to (1, n) logits.
        wants: Crop, size, colour order and class of the network.

    Attributes:
        ref: The model behind the scores.
    """

    def __init__(self, session: Session, wants: ScorerInput) -> None:
        self._session = session
        self._wants = wants
        self.ref = session.ref

    def steady(self, image: Image, box: Box) -> float:
        """Score the one face of a picture by several windows, as a clip is by several frames.

        Coding, scaling and a box a few pixels off move a network's answer; the median over windows
        a little nearer, farther, aside and mirrored moves less
        (docs/measurements/silent-liveness.md).

        Returns:
            As calling it.
        """
        margins = [self._margin(self._blob(image, box, window)) for window in WINDOWS]
        return self._score(float(np.median(margins)))

    def __call__(self, image: Image, box: Box) -> float:
        """Score one face.

        The networks are sure of themselves: their softmax is 0 or 1 nearly everywhere. The margin
        behind it, moved and flattened as the card says, keeps the order and admits doubt.

        Returns:
            0..1, higher is more bona fide; NaN when the network answered no number.
        """
        return self._score(self._margin(self.blob(image, box)))

    def _margin(self, blob: NDArray[np.float32]) -> float:
        """Logit of bona fide against the others; NaN when the network answered no number."""
        logits = self._session.run({"input": blob})[0].astype(np.float64).ravel()
        if not np.isfinite(logits).all():
            return math.nan
        others = np.delete(logits, self._wants.bona_fide_class)
        return float(logits[self._wants.bona_fide_class] - np.logaddexp.reduce(others))

    def _score(self, margin: float) -> float:
        steps = (margin - self._wants.logit_offset) / self._wants.logit_scale
        return float(1 / (1 + np.exp(-np.clip(steps, -60, 60))))

    def in_view(self, image: Image, box: Box) -> float:
        """How much of the window it wants the picture offers, 0..1, by the side."""
        return share_in_view(image, box, self._wants.crop_scale)

    def blob(self, image: Image, box: Box) -> NDArray[np.float32]:
        """Make the network's input: (1, 3, side_px, side_px) float32, 0..255."""
        return self._blob(image, box, WINDOWS[0])

    def _blob(self, image: Image, box: Box, window: "_Window") -> NDArray[np.float32]:
        """The input of one window."""
        side = max(box.width, box.height)
        right, down = window.right * side, window.down * side
        moved = Box(box.left + right, box.top + down, box.right + right, box.bottom + down)
        scale = self._wants.crop_scale * window.scale
        pixels = crop(image, moved, scale, self._wants.side_px)
        if window.mirrored:
            pixels = pixels[:, ::-1]
        if self._wants.colour == "bgr":
            pixels = pixels[:, :, ::-1]
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Window:
    """How a window differs from the one a network asks for; moves by the face's longer side."""

    scale: float = 1.0
    right: float = 0.0
    down: float = 0.0
    mirrored: bool = False


WINDOWS = (
    _Window(),
    _Window(mirrored=True),
    _Window(0.93),
    _Window(1.07, mirrored=True),
    _Window(1.0, -0.04, 0.02),
    _Window(1.0, 0.04, -0.02, mirrored=True),
)
"""What a single picture is looked at through; as many as a clip has views."""
