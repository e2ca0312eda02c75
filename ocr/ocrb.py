"""What does a line of OCR-B say? A small net of our own: `research/training/train_ocrb.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.models import Session
from veridical.ocr.geometry import Quad, crop_quad, edge_lengths
from veridical.ocr.text import Reading, decode_ctc
from veridical.result import ModelRef
from veridical.types import Image

__all__ = ["OcrbLine", "OcrbRecogniser", "lean_of", "sheared"]

HEIGHT_PX = 32
STEP_PX = 4
LONGEST_PX = 1600
LEAST_PROBABILITY = 1e-4
LEANS = tuple(float(step) / 10 for step in range(-6, 7))
LOOSE_PITCH = 0.35
"""How far a pitch may be from the line's mean, as a share of it."""


@dataclass(frozen=True, slots=True, eq=False)
class OcrbLine:
    """One line as the net sees it.

    Attributes:
        probability: (steps, classes) float32; class 0 is the blank.
        characters: Text of each class.
    """

    probability: NDArray[np.float32]
    characters: tuple[str, ...]

    def read(self) -> Reading:
        """The best path."""
        return decode_ctc(self.probability, self.characters)

    def within(self, reading: Reading, alphabets: Sequence[str]) -> Reading:
        """A reading of this line with only such characters as can stand in their places.

        Where any character can, the reading stays as it is; elsewhere the likeliest of those that
        can is taken, and its probability is its share among them and the blank: a letter that
        might be a digit is sure where only letters can stand.

        Args:
            reading: What `read` or `read_exactly` answered.
            alphabets: The characters that can stand in each place; empty where any can.
        """
        texts, scores = list(reading.text), list(reading.scores)
        for place, (alphabet, centre) in enumerate(zip(alphabets, reading.centres, strict=True)):
            if not alphabet:
                continue
            middle = min(int(centre * len(self.probability)), len(self.probability) - 1)
            around = self.probability[max(0, middle - 1) : middle + 2]
            step = around[int(around[:, 0].argmin())]
            fit = np.array([character in alphabet for character in self.characters[1:]])
            likely = np.where(fit, step[1:], 0)
            best = int(likely.argmax())
            texts[place] = self.characters[best + 1]
            scores[place] = float(likely[best] / (likely.sum() + step[0]))
        return Reading("".join(texts), float(np.mean(scores)), tuple(scores), reading.centres)

    def read_exactly(self, length: int) -> Reading:
        """The best reading with so many characters at a nearly even pitch.

        A zone's lines have a known length and OCR-B one pitch: what the best path doubled or lost
        is decided here for the line as a whole, by dynamic programming over (character, step).

        Args:
            length: Characters of the line, at least 2.
        """
        log = np.log(np.maximum(self.probability[:, 1:], LEAST_PROBABILITY))
        gain = log.max(axis=1)
        steps = len(gain)
        first, last = _extent(self.probability[:, 0])
        pitch = (last - first) / (length - 1)
        near, far = max(1, int(pitch * (1 - LOOSE_PITCH))), int(np.ceil(pitch * (1 + LOOSE_PITCH)))
        best = np.full((length, steps), -np.inf)
        came = np.zeros((length, steps), np.intp)
        best[0] = gain
        for place in range(1, length):
            for gap in range(near, min(far, steps - 1) + 1):
                # An uneven pitch costs a little, or runs of one character could be walked freely.
                tried = best[place - 1, : steps - gap] - 0.5 * ((gap - pitch) / pitch) ** 2
                better = tried > best[place, gap:]
                best[place, gap:][better] = tried[better]
                came[place, gap:][better] = gap
            best[place] += gain
        step = int(best[-1].argmax())
        path = [step]
        for place in range(length - 1, 0, -1):
            step -= int(came[place, step])
            path.append(step)
        path.reverse()
        classes = self.probability[path, 1:].argmax(axis=1) + 1
        scores = tuple(float(p) for p in self.probability[path, classes])
        return Reading(
            "".join(self.characters[int(one)] for one in classes),
            float(np.mean(scores)),
            scores,
            tuple((one + 0.5) / steps for one in path),
        )


def _extent(blank: NDArray[np.float32]) -> tuple[float, float]:
    """First and last step at which something stands."""
    inked = np.flatnonzero(blank < 0.5)
    return (float(inked[0]), float(inked[-1])) if len(inked) > 1 else (0.0, float(len(blank) - 1))


def lean_of(image: Image, quads: Sequence[Quad]) -> float:
    """How far characters of some lines lean to the right, as a share of their height.

    Upright strokes stand in few columns: the lean is the shear that makes the sums of ink by
    columns differ most from one to the next (R. Bozinovic and S. Srihari, PAMI 11(1), 1989).

    Args:
        image: The picture.
        quads: The lines' corners, reading direction first.

    Returns:
        -0.6 to 0.6, positive to the right.
    """
    flat = [cv2.cvtColor(crop_quad(image, quad, HEIGHT_PX), cv2.COLOR_RGB2GRAY) for quad in quads]
    sharpness: list[float] = []
    for lean in LEANS:
        total = 0.0
        for grey in flat:
            matrix = np.array([[1, lean, -lean * HEIGHT_PX / 2], [0, 1, 0]], np.float32)
            upright = cv2.warpAffine(
                grey, matrix, (grey.shape[1], HEIGHT_PX), borderMode=cv2.BORDER_REPLICATE
            )
            columns = upright.mean(axis=0, dtype=np.float32)
            total += float(np.square(np.diff(columns)).sum())
        sharpness.append(total)
    return LEANS[int(np.argmax(sharpness))]


def sheared(quad: Quad, lean: float) -> Quad:
    """The quad in which characters that lean so far stand upright.

    Args:
        quad: A line's corners, reading direction first.
        lean: To the right, as a share of the height.
    """
    along, down = edge_lengths(quad)
    shift = (quad[1] - quad[0]) / max(along, 1e-6) * down * lean / 2
    moved: Quad = (quad + np.array([shift, shift, -shift, -shift])).astype(np.float32)
    return moved


class OcrbRecogniser:
    """Reads lines of OCR-B.

    Args:
        session: Maps (1, 1, 32, w) float32, black 0 to white 1, to (1, w / 4, 38) probabilities;
            its metadata lists the characters under `character`, one a line.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._characters = ("", *session.metadata["character"].split("\n"))

    @property
    def ref(self) -> ModelRef:
        """The model behind it."""
        return self._session.ref

    def __call__(self, image: Image, quad: Quad) -> OcrbLine:
        """Look at one line.

        Args:
            image: The picture.
            quad: The line's corners, reading direction first.
        """
        grey = cv2.cvtColor(crop_quad(image, quad, HEIGHT_PX), cv2.COLOR_RGB2GRAY)
        width = min(max(-(-grey.shape[1] // STEP_PX) * STEP_PX, HEIGHT_PX), LONGEST_PX)
        if width != grey.shape[1]:
            grey = cv2.resize(grey, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        low, high = np.percentile(grey, (2, 98))
        line = (grey.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 8))
        (probability,) = self._session.run({"line": np.clip(line, 0, 1)[None, None]})
        return OcrbLine(probability[0], self._characters)
