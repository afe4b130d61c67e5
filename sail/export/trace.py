"""A module to an ONNX graph."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

# ONNX's operators: the newest that TensorRT 10 and ONNX Runtime 1.20 know.
OPSET = 20


def trace(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: tuple[str, ...],
    path: Path,
    axis: int = 0,
) -> None:
    """Write one graph. Dimension `axis` of all inputs is free, called "batch"; the examples have two of
    it."""
    # Bounds that torch's tracing finds for itself: told others, it traces all again in a slower way. The
    # graph knows nothing of them.
    free = torch.export.Dim("batch", min=2, max=63)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            dynamo=True,
            dynamic_shapes=tuple({axis: free} for _ in inputs),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    onnx.save_model(program.model_proto, path)
