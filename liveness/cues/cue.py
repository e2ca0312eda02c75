"""What is a cue? One sign that speaks against an applicant, or says nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from veridical.types import Clip, View

__all__ = ["Cue", "Limits"]


class Cue(Protocol):
    """One sign of a presentation attack.

    Attributes:
        name: Its name in evidence and in `silent.toml`.
        reason: Stable code given when it decides.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def reason(self) -> str: ...  # noqa: D102

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure the sign.

        Args:
            views: Judged views, in order of time, each with a subject.
            clip: The clip they come from; None for a picture.

        Returns:
            Strength of the sign, higher speaks for an attack; None when it could not be looked
            for, which speaks for nobody.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a cue counts.

    A cue is one-sided: it can lower a score and never raise one, because the absence of a sign is
    no proof of life.

    Attributes:
        clear: Up to here the cue says nothing.
        certain: From here on no more than `left` is left of the score.
        left: What a cue leaves that is not trusted to refuse anybody by itself, 0..1.

    Raises:
        ValueError: `certain` is not above `clear`, or `left` not within 0..1.
    """

    clear: float
    certain: float
    left: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.left <= 1:
            raise ValueError(f"left must lie within 0..1, got {self.left}")
        if not self.certain > self.clear:
            raise ValueError(f"certain must be above clear, got {self.certain} and {self.clear}")

    def cap(self, value: float | None) -> float:
        """Highest score the sign leaves, 0..1; falls in a straight line between the limits."""
        if value is None or value != value:
            return 1.0
        share = min(1.0, max(0.0, (self.certain - value) / (self.certain - self.clear)))
        return self.left + (1 - self.left) * share
