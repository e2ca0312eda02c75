"""How is a model run? One onnxruntime session per file and process, on one thread."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.models.card import Card
from veridical.result import ModelRef

__all__ = ["OnnxSession", "Session", "open_session"]

ARENA_BELOW_BYTES = 8 * 2**20
"""Size of a file from which its session allocates and frees as it goes: large networks take as long
as before that way, and less memory (docs/measurements/benchmarks.md); small ones that run a hundred
times a clip are slower."""

Shape = tuple[int | str | None, ...]


class Session(Protocol):
    """Something that runs a model; safe to call from many threads."""

    @property
    def ref(self) -> ModelRef:
        """The model, as verdicts quote it."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says of itself, such as PP-OCR's dictionary under `character`."""
        ...

    @property
    def inputs(self) -> Mapping[str, Shape]:
        """Shape of each input, in order; a side that may vary is a name or None."""
        ...

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """Run the model.

        Args:
            feeds: One array per input, by name.

        Returns:
            The outputs, in the file's order.
        """
        ...


class OnnxSession:
    """A model in onnxruntime.

    Args:
        session: The loaded file.
        ref: Name and hash of the source weights.
        file_sha256: Hash of the ONNX file that was loaded.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, ref: ModelRef, file_sha256: str
    ) -> None:
        self._session = session
        self.ref = ref
        self.file_sha256 = file_sha256
        self.metadata: Mapping[str, str] = MappingProxyType(
            dict(session.get_modelmeta().custom_metadata_map)
        )
        self.inputs: Mapping[str, Shape] = MappingProxyType(
            {port.name: tuple(port.shape) for port in session.get_inputs()}
        )
        self.outputs: tuple[str, ...] = tuple(port.name for port in session.get_outputs())

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """Run the model."""
        return [np.asarray(output) for output in self._session.run(None, dict(feeds))]


def open_session(data: bytes, card: Card, file_sha256: str) -> OnnxSession:
    """Load a model from its bytes and prove it by its card's known answer.

    Args:
        data: The ONNX file; its hash has been checked by the caller.
        card: Whose model it is.
        file_sha256: Hash of `data`.

    Raises:
        ModelError: `model.altered`: onnxruntime does not load it, or it answers differently.
    """
    options = onnxruntime.SessionOptions()
    # A service runs one transaction per core: threads inside a session would only fight, and
    # spinning ones would burn the cores of a container that has a quota.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # An arena never gives back its peak: of a large model that is more than the model itself.
    options.enable_cpu_mem_arena = len(data) < ARENA_BELOW_BYTES
    options.log_severity_level = 3
    try:
        loaded = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no base but this
        raise ModelError(
            f"model {card.name} does not load in onnxruntime {onnxruntime.__version__}; "
            f"run `veridical models pull` again: {str(error)[:200]}",
            "model.altered",
            card.name,
        ) from error
    # Kept by onnxruntime's wrapper for a change of providers; here it would double every model.
    loaded._model_bytes = b""
    session = OnnxSession(loaded, card.ref, file_sha256)
    difference = _difference(session, card)
    if difference:
        raise ModelError(
            f"model {card.name} does not give its known answer: {difference}; "
            "run `veridical models pull` again",
            "model.altered",
            card.name,
        )
    return session


def _difference(session: OnnxSession, card: Card) -> str:
    if card.known_answer is None:
        return ""
    try:
        outputs = session.run(card.known_answer.feeds())
    except Exception as error:  # as above
        return str(error)[:200]
    return card.known_answer.difference(outputs)
