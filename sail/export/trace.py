"""A module to an ONNX graph."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import onnx_ir as ir
import torch
from onnx_ir import passes
from onnx_ir.passes import common
from onnxscript.optimizer import fold_constants
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
            optimize=False,
        )
    assert program is not None
    _simplify(program.model)
    onnx.save_model(program.model_proto, path)


def _simplify(model: ir.Model) -> None:
    """Compute what is constant, keep each thing once, and forget which line of which file asked for it. The
    exporter's own way also looks for patterns, in time that grows with the square of the graph; ONNX Runtime
    and TensorRT look for theirs when they load."""
    fold_constants(model)
    passes.Sequential(
        common.RemoveUnusedNodesPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.ClearMetadataAndDocStringPass(),
    )(model)
