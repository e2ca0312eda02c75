"""What do the separate scores say together?

Each attack leaves its own trace: a dub parts lips and sound, an old clip misses the schedule, a
mouth that says something else misses the text. A genuine clip must refute every one of them, so
the least refuted attack decides: strength in one score never pays for weakness in another.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from veridical.errors import ModelError
from veridical.models import Card

__all__ = ["CONSISTENCY", "SCHEDULE", "TEXT", "Fusion"]

CONSISTENCY, SCHEDULE, TEXT = "consistency", "schedule", "text"

_REFERENCE_PLACES = 75
_LONGEST_GAIN = 1.5


@dataclass(frozen=True, slots=True)
class Fusion:
    """Turns scores into log-likelihood ratios of genuine against one attack each, and joins them.

    Attributes:
        bias: Of the consistency ratio for 3 s.
        similarity: Its weight of the network's similarity.
        correlation: Its weight of the predicted lips' correlation.
        text_bias: Of the text ratio.
        text_slope: Its weight of the text score, in standard deviations.
        text_at_least: Lowest text ratio: a weak reader may object only so loudly.
        shares: How common each attack is assumed to be among attacks.
    """

    bias: float
    similarity: float
    correlation: float
    text_bias: float
    text_slope: float
    text_at_least: float
    shares: Mapping[str, float]

    @classmethod
    def from_card(cls, card: Card) -> Self:
        """Read the numbers from the card of the network they were fitted for.

        Raises:
            ModelError: `model.card`: one is missing or no number.
        """

        def number(key: str) -> float:
            value = card.parameters.get(key)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ModelError(
                    f"card {card.name}: parameters.{key} must be a number", "model.card"
                )
            return float(value)

        return cls(
            bias=number("consistency_bias"),
            similarity=number("consistency_similarity"),
            correlation=number("consistency_correlation"),
            text_bias=number("text_bias"),
            text_slope=number("text_slope"),
            text_at_least=number("text_at_least"),
            shares={
                CONSISTENCY: number("share_dubbed"),
                SCHEDULE: number("share_old_clip"),
                TEXT: number("share_other_words"),
            },
        )

    def adapted(self, bias: float, similarity: float, correlation: float) -> Self:
        """The same with other weights of the consistency ratio."""
        return replace(self, bias=bias, similarity=similarity, correlation=correlation)

    def consistency_llr(self, similarity: float, correlation: float, places: int) -> float:
        """Ratio of lips that make this sound against lips that make another.

        Args:
            similarity: Of lip code and sound code, -1..1.
            correlation: Of measured and predicted lips, -1..1.
            places: Length of the comparison in steps of 40 ms; it gains with its square root, as
                evidence that is correlated over time does, up to 6.75 s.
        """
        gain = min(math.sqrt(places / _REFERENCE_PLACES), _LONGEST_GAIN)
        return gain * (self.bias + self.similarity * similarity + self.correlation * correlation)

    def text_llr(self, score: float) -> float:
        """Ratio of lips that say the prompt against others; never above 0: it can only object."""
        return min(0.0, max(self.text_at_least, self.text_bias + self.text_slope * score))

    def join(self, ratios: Mapping[str, float]) -> tuple[float, str]:
        """Join the ratios that could be measured.

        The evidence's ratio against a mixture of attacks, each of which shows in one score alone.

        Args:
            ratios: Log-likelihood ratio by attack; at least one.

        Returns:
            The joint ratio, and the attack that is refuted least.
        """
        whole = sum(self.shares[name] for name in ratios)
        terms = {name: math.log(self.shares[name] / whole) - r for name, r in ratios.items()}
        top = max(terms, key=lambda name: terms[name])
        joint = -terms[top] - math.log(sum(math.exp(t - terms[top]) for t in terms.values()))
        return joint, top
