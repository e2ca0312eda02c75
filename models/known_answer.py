"""Does a model still answer as it did when its card was written?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.models.tables import Table

__all__ = ["InputSpec", "KnownAnswer", "OutputSample", "describe_outputs", "read_known_answer"]

SAMPLES = 12
"""Numbers kept of each output: enough to notice a swapped layer, short enough to read."""


TOLERANCE = 2e-4


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input, made by seed.

    Attributes:
        name: As the model calls it.
        shape: Every side fixed.
        low: Lowest value.
        high: Highest value, exclusive; equal to `low` for a constant.
        dtype: `float32`, `int64`, ...
    """

    name: str
    shape: tuple[int, ...]
    low: float
    high: float
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class OutputSample:
    """Some numbers of one output.

    Attributes:
        at: Flat indices.
        values: What stood there.
        tolerance: Largest absolute difference that counts as the same.
    """

    at: tuple[int, ...]
    values: tuple[float, ...]
    tolerance: float


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """Inputs by seed and what came out.

    Attributes:
        seed: Of the inputs.
        inputs: In the order they are drawn.
        outputs: One sample per output, in the model's order.
    """

    seed: int
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSample, ...]

    def feeds(self) -> dict[str, NDArray[np.generic]]:
        """The inputs.

        `RandomState` rather than `default_rng`: its stream never changes between numpy versions
        (NEP 19), and a card outlives them.
        """
        random = np.random.RandomState(self.seed)
        return {
            spec.name: np.asarray(random.uniform(spec.low, spec.high, spec.shape)).astype(
                spec.dtype
            )
            for spec in self.inputs
        }

    def difference(self, outputs: Sequence[NDArray[np.generic]]) -> str:
        """What differs, in words; empty when everything is within tolerance."""
        if len(outputs) != len(self.outputs):
            return f"{len(self.outputs)} outputs wanted, {len(outputs)} came"
        for index, (sample, output) in enumerate(zip(self.outputs, outputs, strict=True)):
            flat = output.reshape(-1)
            if flat.size <= max(sample.at, default=-1):
                return f"output {index} has {flat.size} numbers, index {max(sample.at)} wanted"
            apart = np.abs(flat[list(sample.at)].astype(np.float64) - np.array(sample.values))
            if not apart.max(initial=0.0) <= sample.tolerance:  # a NaN is a difference too
                return f"output {index} is {apart.max():.3g} off, {sample.tolerance:.3g} allowed"
        return ""


def read_known_answer(table: Table) -> KnownAnswer:
    """Read the `known_answer` table of a card."""
    inputs = []
    for entry in table.tables("inputs"):
        low = entry.number("low", 0.0)
        inputs.append(
            InputSpec(
                name=entry.text("name"),
                shape=tuple(int(side) for side in entry.numbers("shape")),
                low=low,
                high=entry.number("high", low),
                dtype=entry.text("dtype", "float32"),
            )
        )
    outputs = [
        OutputSample(
            at=tuple(int(index) for index in entry.numbers("at")),
            values=entry.numbers("values"),
            tolerance=entry.number("tolerance"),
        )
        for entry in table.tables("outputs")
    ]
    return KnownAnswer(table.whole("seed"), tuple(inputs), tuple(outputs))


def describe_outputs(outputs: Sequence[NDArray[np.generic]]) -> str:
    """The TOML that a card's known answer stores: evenly spaced numbers of each output.

    The tolerance is `TOLERANCE` of the largest number, and of 1 where all are smaller: room for
    another processor's rounding, none for another weight.
    """
    blocks = []
    for output in outputs:
        flat = output.reshape(-1).astype(np.float64)
        at = np.unique(np.linspace(0, flat.size - 1, SAMPLES).astype(int))
        tolerance = TOLERANCE * max(1.0, float(np.abs(flat).max()))
        values = ", ".join(f"{value:.7g}" for value in flat[at])
        blocks.append(
            "[[known_answer.outputs]]\n"
            f"at = {at.tolist()}\n"
            f"values = [{values}]\n"
            f"tolerance = {tolerance:.1g}\n"
        )
    return "\n".join(blocks)
