"""What digits does a sound hold, every 40 ms? A small net over what Whisper's encoder heard."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.models import Session
from veridical.result import ModelRef
from veridical.voiceprint.fbank import RATE_HZ
from veridical.voiceprint.whisper import LONGEST_S, hear

__all__ = ["DigitNet", "HearsDigits", "last_layer"]


class HearsDigits(Protocol):
    """Something that follows spoken digits; safe to call from many threads."""

    @property
    def ref(self) -> ModelRef:
        """The model, as verdicts quote it."""
        ...

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Follow a sound.

        Args:
            samples: (n,) float32 at 16 kHz, n above 0.

        Returns:
            (steps, 11) float32 logits of ten digits and the blank, 40 ms a step.
        """
        ...


class DigitNet:
    """Follows digits in what Whisper's encoder makes of a sound.

    The encoder heard thousands of voices, lines and rooms; the net behind it learns from a few
    hundred strings which of what it hears are digits (docs/measurements/voice.md).

    Args:
        net: `heard` (1, steps, 512) float32, 20 ms a step, to (1, steps / 2, 11) logits.
        encoder: Gives Whisper's encoder; called on first use, since it is large.
    """

    def __init__(self, net: Session, encoder: Callable[[], Session]) -> None:
        self._net = net
        self._encoder = encoder
        self.ref: ModelRef = net.ref

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Follow a sound; see `HearsDigits`."""
        encoder, longest = self._encoder(), int(LONGEST_S * RATE_HZ)
        starts = range(0, max(len(samples), 1), longest)
        heard = [last_layer(encoder, samples[start : start + longest]) for start in starts]
        logits: NDArray[np.float32] = self._net.run({"heard": np.concatenate(heard)[None]})[0][0]
        return logits


def last_layer(encoder: Session, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the decoder's last layer would attend to: (steps, 512) float32, 20 ms a step.

    The values of the last layer, which are a linear map of what the encoder gives.
    """
    values = hear(encoder, samples, LEAST_S).cross[-1, 0]
    heads, steps, width = values.shape
    return np.ascontiguousarray(values.transpose(1, 0, 2).reshape(steps, heads * width))


LEAST_S = 2.0
"""Silence fills a shorter sound up to this length."""
