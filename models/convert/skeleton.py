"""How does a checkpoint become ONNX without PyTorch? By filling a graph that waits for its weights.

A skeleton is an ONNX file whose initialisers have names (the keys of the state dict), types and
shapes but no numbers; `research/training/export_skeleton.py` makes one out of a network of our own.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from veridical.errors import ModelError

__all__ = ["fill_skeleton", "is_hollow"]

COUNTERS = "num_batches_tracked"
"""Batch normalisation counts its steps while it is trained; inference has no use for it."""


def is_hollow(tensor: onnx.TensorProto) -> bool:
    """Whether an initialiser waits for its numbers."""
    stored = (tensor.raw_data, tensor.float_data, tensor.int64_data, tensor.int32_data)
    return not any(stored) and 0 not in tensor.dims


def fill_skeleton(
    skeleton: bytes, state: Mapping[str, NDArray[np.generic]], *, strip_prefix: str = ""
) -> bytes:
    """Fill a skeleton with the tensors of a checkpoint.

    Args:
        skeleton: ONNX file without weights.
        state: Tensors by state-dict key.
        strip_prefix: What a data-parallel wrapper put before every key, such as `module.`.

    Returns:
        A complete ONNX file.

    Raises:
        ModelError: `model.conversion`: a tensor is missing, left over, or of another shape.
    """
    model = onnx.load_model_from_string(skeleton)
    tensors = {name.removeprefix(strip_prefix): tensor for name, tensor in state.items()}
    waiting = {entry.name: entry for entry in model.graph.initializer if is_hollow(entry)}
    unused = {name for name in tensors if not name.endswith(COUNTERS)} - waiting.keys()
    absent = waiting.keys() - tensors.keys()
    if unused or absent:
        raise ModelError(
            f"the checkpoint does not fit its skeleton: {len(absent)} tensors are missing "
            f"({', '.join(sorted(absent)[:3])}), {len(unused)} are left over "
            f"({', '.join(sorted(unused)[:3])})",
            "model.conversion",
        )
    for name, entry in waiting.items():
        values = tensors[name]
        wanted = onnx.helper.tensor_dtype_to_np_dtype(entry.data_type)
        if values.shape != tuple(entry.dims):
            raise ModelError(
                f"the checkpoint does not fit its skeleton: {name} is {values.shape}, "
                f"{tuple(entry.dims)} wanted",
                "model.conversion",
            )
        entry.CopyFrom(numpy_helper.from_array(values.astype(wanted), name))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
