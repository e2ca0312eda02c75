"""What does one face recogniser take, and what does it answer?"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.models import Card, Session
from veridical.result import ModelRef

__all__ = ["CROP_PX", "Recogniser", "RecogniserInput"]

CROP_PX = 112
"""Side of an aligned face."""


@dataclass(frozen=True, slots=True)
class RecogniserInput:
    """What a recogniser wants at its door, as its card says.

    Attributes:
        side_px: Side of the square it reads.
        columns: First and last column, exclusive, of the aligned face that are shown to it.
        colour: Order in which it wants the channels, `rgb` or `bgr`.
        mean: Subtracted from the 0..255 pixels first.
        scale: Divides them then.
        poor_length: Length of its vector of a face it can hardly recognise.
        good_length: Length of the vector of a face captured well. Not a number where nobody
            measured a model's lengths.
        least_length: Length below which it knows a face too little for its score to speak of
            anybody; 0 asks for nothing.
        weight: What its cosine counts beside a first recogniser's.

    Raises:
        InputError: `face.recogniser`: a value that no recogniser can have.
    """

    side_px: int = CROP_PX
    columns: tuple[int, int] = (0, CROP_PX)
    colour: str = "rgb"
    mean: float = 0.0
    scale: float = 1.0
    poor_length: float = float("nan")
    good_length: float = float("nan")
    least_length: float = 0.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        first, last = self.columns
        if not (
            0 <= first < last <= CROP_PX and self.side_px > 0 and self.colour in ("rgb", "bgr")
        ):
            raise InputError(
                f"a face recogniser needs side_px > 0, two columns of 0..{CROP_PX} and colour rgb "
                f"or bgr, got {self.side_px}, {self.columns} and {self.colour!r}",
                "face.recogniser",
            )
        if not (self.scale != 0 and self.weight > 0):
            raise InputError(
                "a face recogniser needs a scale other than 0 and a weight above 0, got "
                f"{self.scale} and {self.weight}",
                "face.recogniser",
            )

    @classmethod
    def from_card(cls, card: Card) -> Self:
        """Read a card's parameters; those it does not name are as above."""
        given = card.parameters
        numbers = {
            key: float(value)
            for key, value in given.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        columns = given.get("columns", (0, CROP_PX))
        if not isinstance(columns, tuple) or len(columns) != 2:
            raise InputError(
                f"card {card.name}: columns must be two numbers, got {columns!r}", "face.recogniser"
            )
        if "columns" not in given and numbers.get("side_px", CROP_PX) != CROP_PX:
            raise InputError(
                f"card {card.name}: a recogniser takes crops of {CROP_PX} pixels a side, or says "
                "by columns what of them it is shown",
                "face.recogniser",
            )
        return cls(
            side_px=int(numbers.get("side_px", CROP_PX)),
            columns=(int(columns[0]), int(columns[1])),
            colour=str(given.get("colour", "rgb")),
            mean=numbers.get("pixel_mean", 0.0),
            scale=numbers.get("pixel_scale", 1.0),
            poor_length=numbers.get("poor_length", float("nan")),
            good_length=numbers.get("good_length", float("nan")),
            least_length=numbers.get("least_length", 0.0),
            weight=numbers.get("weight", 1.0),
        )


class Recogniser:
    """One net: aligned faces in, vectors out.

    Args:
        session: (n, 3, side_px, side_px) float32 to (n, d) float32.
        wants: How its input is made.

    Attributes:
        ref: The model.
        weight: What its cosine counts beside a first recogniser's.
        least_length: Length of a vector below which its scores speak of nobody.
    """

    def __init__(self, session: Session, wants: RecogniserInput) -> None:
        self._session = session
        self._wants = wants
        self._input, shape = next(iter(session.inputs.items()))
        # Some files take one picture at a time.
        self._at_once = shape[0] if shape and isinstance(shape[0], int) else None
        self.ref: ModelRef = session.ref
        self.weight = wants.weight
        self.least_length = wants.least_length

    @classmethod
    def from_card(cls, session: Session, card: Card) -> Self:
        """Make a recogniser whose input is made as the model's card says.

        Raises:
            InputError: `face.recogniser`: the card names what no recogniser can take.
        """
        return cls(session, RecogniserInput.from_card(card))

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the net.

        Args:
            crops: (n, 112, 112, 3) uint8 RGB, aligned.

        Returns:
            (n, d) float32, not of unit length.
        """
        pixels = (self._shown(crops) - np.float32(self._wants.mean)) / np.float32(self._wants.scale)
        batch = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        if self._at_once is None or len(batch) == self._at_once:
            return self._session.run({self._input: batch})[0]
        return np.concatenate([self._session.run({self._input: one[None]})[0] for one in batch])

    def quality(self, length: float) -> float | None:
        """The quality 0..100 a vector's length stands for; None where nobody measured lengths."""
        poor, good = self._wants.poor_length, self._wants.good_length
        if not np.isfinite(good - poor):
            return None
        return 100 * float(np.clip((length - poor) / (good - poor), 0, 1))

    def _shown(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The part of the crops that is shown, in the net's size and order of colours."""
        first, last = self._wants.columns
        cut = crops[:, :, first:last]
        if cut.shape[1:3] != (self._wants.side_px, self._wants.side_px):
            size = (self._wants.side_px, self._wants.side_px)
            cut = np.stack([cv2.resize(np.ascontiguousarray(one), size) for one in cut])
        return (cut if self._wants.colour == "rgb" else cut[..., ::-1]).astype(np.float32)
