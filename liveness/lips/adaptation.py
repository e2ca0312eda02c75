"""What do one customer's recordings change about lips? Applies what `veridical adapt lips` fitted.

The networks stay as they are. Laid over them are a correction of the lips that a sound lets expect,
targets of the visemes for the reader, weights of the consistency ratio, the habits of readers, and
thresholds. Correction and targets are kept only where they did better on speakers left out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.liveness.lips.schedule import Reader
from veridical.liveness.lips.sound import BANDS
from veridical.liveness.lips.track import FEATURES
from veridical.liveness.lips.visemes import VISEMES
from veridical.models.fitted import read_fitted
from veridical.result import ModelRef, OperatingPoint

__all__ = ["FORMAT", "Adaptation", "Correction", "Targets", "around", "with_speed"]

FORMAT = "veridical.lips-adaptation/1"
PLACES_BEFORE, PLACES_AFTER = 3, 4
"""Places of 40 ms of sound that the correction reads around each."""
AROUND = (PLACES_BEFORE + PLACES_AFTER + 1) * 2 * BANDS
CLASSES = len(VISEMES) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """Adds to the lips a sound lets expect what the network misses about these speakers.

    Attributes:
        weights: (512, 12) float32.
    """

    weights: NDArray[np.float32]

    def __call__(
        self, sound: NDArray[np.float32], expected: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Correct the expectation.

        Args:
            sound: (n, 128) float32, standardised.
            expected: (n, 12) float32, the network's.
        """
        return np.asarray(expected + around(sound) @ self.weights, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Adds to the reader's opinion how near the lips are to each viseme of these speakers.

    Attributes:
        weights: (24, 13) float32, on the traits and their change from place to place.
        offsets: (13,) float32.
    """

    weights: NDArray[np.float32]
    offsets: NDArray[np.float32]

    def __call__(
        self, lips: NDArray[np.float32], log_probabilities: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Natural log probabilities (n, 13) after the customer's targets are heard."""
        mixed = log_probabilities + with_speed(lips) @ self.weights + self.offsets
        top = mixed.max(1, keepdims=True)
        whole = top + np.log(np.exp(mixed - top).sum(1, keepdims=True))
        return np.asarray(mixed - whole, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Adaptation:
    """Everything an adaptation file holds.

    Attributes:
        sha256: Hash of the file.
        models: The networks it lies over, as `name@sha256`.
        correction: None where the network's own expectation did as well.
        targets: None where the reader alone did as well.
        consistency: Bias and the weights of similarity and correlation of the consistency ratio.
        reader: How these people read; None where no schedules were recorded.
        accept_at: Fitted threshold.
        reject_below: Fitted threshold.
    """

    sha256: str
    models: tuple[str, ...]
    correction: Correction | None
    targets: Targets | None
    consistency: tuple[float, float, float]
    reader: Reader | None
    accept_at: float
    reject_below: float

    @property
    def ref(self) -> ModelRef:
        """What a measurement names beside the networks."""
        return ModelRef("lips-adaptation", self.sha256)

    @property
    def point(self) -> OperatingPoint:
        """The fitted operating point."""
        return OperatingPoint(self.accept_at, self.reject_below, f"adaptation:{self.sha256[:12]}")

    def require(self, models: Sequence[ModelRef]) -> None:
        """See that it was fitted over these very networks.

        Raises:
            InputError: `adaptation.other_model`.
        """
        here = tuple(f"{model.name}@{model.sha256}" for model in models)
        if here != self.models:
            raise InputError(
                "the lip adaptation was fitted over other networks than those in use; "
                "run `veridical adapt lips` again",
                "adaptation.other_model",
            )

    @classmethod
    def load(cls, path: Path) -> "Adaptation":
        """Read an adaptation file.

        Raises:
            InputError: `adaptation.missing`: there is no such file; `adaptation.malformed`: it is
                none.
        """
        return read_fitted(
            path,
            what="lip adaptation",
            made_by="veridical adapt lips",
            area="adaptation",
            wanted_format=FORMAT,
            decode=json.loads,
            checked=cls._checked,
        )

    @classmethod
    def _checked(cls, raw: Mapping[str, Any], sha256: str) -> "Adaptation":
        correction, targets, reader = raw["correction"], raw["targets"], raw["reader"]
        bias, similarity, correlation = (float(value) for value in raw["consistency"])
        accept_at, reject_below = (
            float(raw["operating_point"][key]) for key in ("accept_at", "reject_below")
        )
        if not accept_at >= reject_below:
            raise ValueError("accept_at must not lie below reject_below")
        return cls(
            sha256=sha256,
            models=tuple(map(str, raw["models"])),
            correction=correction
            and Correction(_array(correction["weights"], (AROUND, len(FEATURES)))),
            targets=targets
            and Targets(
                _array(targets["weights"], (2 * len(FEATURES), CLASSES)),
                _array(targets["offsets"], (CLASSES,)),
            ),
            consistency=(bias, similarity, correlation),
            reader=reader and Reader(**{key: float(value) for key, value in reader.items()}),
            accept_at=accept_at,
            reject_below=reject_below,
        )

    def to_json(self, data: Mapping[str, object]) -> str:
        """The file's text.

        Args:
            data: What it was fitted on and how it did, for people.
        """
        return json.dumps(
            {
                "format": FORMAT,
                "models": self.models,
                "operating_point": {
                    "accept_at": self.accept_at,
                    "reject_below": self.reject_below,
                },
                "consistency": self.consistency,
                "reader": self.reader and asdict(self.reader),
                "data": data,
                "targets": self.targets
                and {
                    "weights": _numbers(self.targets.weights),
                    "offsets": _numbers(self.targets.offsets),
                },
                "correction": self.correction and {"weights": _numbers(self.correction.weights)},
            }
        )


def around(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sound of 0.3 s around each place: (n, 128) to (n, 512), two mel frames a place."""
    halves = sound.reshape(len(sound), 2, 2, BANDS).mean(2).reshape(len(sound), 2 * BANDS)
    padded = np.pad(halves, ((PLACES_BEFORE, PLACES_AFTER), (0, 0)))
    width = PLACES_BEFORE + PLACES_AFTER + 1
    return np.concatenate([padded[k : k + len(sound)] for k in range(width)], axis=1)


def with_speed(lips: NDArray[np.float32]) -> NDArray[np.float32]:
    """The traits and their change from place to place: (n, 12) to (n, 24)."""
    return np.concatenate([lips, np.diff(lips, axis=0, prepend=lips[:1])], axis=1)


def _array(values: object, shape: tuple[int, ...]) -> NDArray[np.float32]:
    found = np.array(values, np.float32)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError(f"{shape} finite numbers are wanted, got {found.shape}")
    return found


def _numbers(values: NDArray[np.float32]) -> object:
    return np.round(values.astype(np.float64), 5).tolist()
