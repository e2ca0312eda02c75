"""Export a PyTorch network to an ONNX file that holds its graph and none of its weights.

The initialisers keep the names of the state dict (`models/convert/skeleton.py` fills them later), which
needs three precautions: every parameter gets numbers of its own before the export, because equal
tensors would be merged into one; nothing is folded into anything else; and the network is in
evaluation mode without the exporter being told so, or batch normalisation would melt into the
convolution before it.
"""

import io

import onnx
import torch
from torch import Tensor, nn


def export_skeleton(
    network: nn.Module,
    example: Tensor,
    *,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    dynamic_axes: dict[str, dict[int, str]] | None = None,
    opset: int = 17,
) -> bytes:
    """Export a network without its weights.

    Args:
        network: Its own numbers are lost.
        example: An input of the right shape.
        inputs: Names for the graph's inputs.
        outputs: Names for its outputs.
        dynamic_axes: Sides that may vary, by input or output; the first of each when not given.
        opset: Of the ONNX file.

    Returns:
        The file.

    Raises:
        ValueError: A tensor of the state dict is not in the graph under its name.
    """
    network.eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    file = io.BytesIO()
    torch.onnx.export(
        network,
        (example,),
        file,
        dynamo=False,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes=dynamic_axes or {name: {0: "n"} for name in (*inputs, *outputs)},
        opset_version=opset,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        keep_initializers_as_inputs=False,
    )
    model = onnx.load_model_from_string(file.getvalue())
    wanted = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    found = {tensor.name for tensor in model.graph.initializer}
    if wanted - found:
        raise ValueError(f"not in the graph under their names: {sorted(wanted - found)[:5]}")
    for tensor in model.graph.initializer:
        if tensor.name in wanted:
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    for node in model.graph.node:
        node.ClearField("doc_string")
    return model.SerializeToString(deterministic=True)
