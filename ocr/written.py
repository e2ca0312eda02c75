"""What stands in some lines, with how sure each character is: fields are cut out of it.

Whoever cuts a value out keeps the characters' probabilities, and says when something was left
behind that is no caption: then the value is doubted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from veridical.ocr.document import Field, Source
from veridical.ocr.geometry import bounds
from veridical.ocr.page import Line, Page
from veridical.types import Box

__all__ = ["Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """Characters in reading order, without spaces.

    Attributes:
        text: The characters.
        scores: Probability of each.
        score: Mean probability of the lines they stand in.
        box: Where these lines are in the picture.
        doubted: Whether it is known that something is wrong with them, however sure each is.
        changes: Characters that were replaced, each as `read>value`.
    """

    text: str
    scores: tuple[float, ...]
    score: float
    box: Box
    doubted: bool = False
    changes: tuple[str, ...] = ()

    @classmethod
    def on(cls, page: Page, lines: Sequence[Line]) -> "Written":
        """What some lines say, one after the other.

        Args:
            page: Their page.
            lines: At least one.
        """
        readings = [page.read(line) for line in lines]
        read = [pair for one in readings for pair in zip(one.text, one.scores, strict=True)]
        read = [(character, score) for character, score in read if not character.isspace()]
        return cls(
            "".join(character for character, _ in read),
            tuple(score for _, score in read),
            float(np.mean([one.score for one in readings])),
            bounds(np.concatenate([line.quad for line in lines])),
        )

    def part(self, start: int, end: int | None = None) -> "Written":
        """Some of the characters; what a caption left and right of them says does not matter."""
        return replace(self, text=self.text[start:end], scores=self.scores[start:end])

    def only(self, belongs: Callable[[str], bool]) -> "Written":
        """The characters that may stand there; doubted if one is left behind."""
        kept = [place for place, character in enumerate(self.text) if belongs(character)]
        return replace(
            self,
            text="".join(self.text[place] for place in kept),
            scores=tuple(self.scores[place] for place in kept),
            doubted=self.doubted or len(kept) < len(self.text),
        )

    def folded(self, forms: Mapping[str, str], *, doubted: bool = True) -> "Written":
        """The characters with some put in another form.

        Args:
            forms: Form to print by form read.
            doubted: Whether a change means that the reading is not to be trusted.
        """
        changes = tuple(f"{c}>{forms[c]}" for c in self.text if c in forms)
        return replace(
            self,
            text="".join(forms.get(character, character) for character in self.text),
            doubted=self.doubted or (doubted and bool(changes)),
            changes=self.changes + (changes if doubted else ()),
        )

    def field(self, value: str | None = None, *, guarded: bool = False) -> Field:
        """A field that says this.

        Args:
            value: What it says, where that is put differently, as dates are.
            guarded: Whether another field or a check digit confirms every character.
        """
        weakest = 0.0 if self.doubted else min(self.scores, default=0.0)
        guard = guarded and not self.doubted
        return Field(
            self.text if value is None else value,
            self.score,
            self.box,
            Source.CORRECTED if self.changes else Source.READ,
            self.changes,
            None if guard else weakest,
        )
