"""Graphs in fewer bits, the precision standing in the graph itself."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

# Most of the time goes there; all else stays in float32. Where almost nothing is signal, what the sampler
# adds up has no room in 16 bits.
_HALVED = {"Conv", "Gemm", "MatMul"}
# In 8 bits: matrix products of so few tokens gain nothing.
_OPERATORS = ["Conv"]


class _Feeds(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Sequence[Mapping[str, np.ndarray]]) -> None:
        self._left: Iterator[Mapping[str, np.ndarray]] = iter(feeds)

    def get_next(self) -> Mapping[str, np.ndarray] | None:
        return next(self._left, None)


def halve(path: Path) -> None:
    """Replace the graph at `path` by one whose convolutions and matrix products are of float16, with casts
    about each and their weights stored so."""
    model = onnx.load(path)
    graph = model.graph
    weights = {one.name: one for one in graph.initializer if one.data_type == TensorProto.FLOAT}
    users: Counter[str] = Counter()
    for node in graph.node:
        if node.op_type not in _HALVED:
            users.update(set(node.input))
    nodes: list[NodeProto] = []
    halved: dict[str, str] = {}
    for node in graph.node:
        if node.op_type not in _HALVED:
            nodes.append(node)
            continue
        for position, name in enumerate(node.input):
            if not name:
                continue
            if name not in halved:
                halved[name] = f"{name}_half"
                if name in weights:
                    values = numpy_helper.to_array(weights[name]).astype(np.float16)
                    graph.initializer.append(numpy_helper.from_array(values, halved[name]))
                    if not users[name]:
                        graph.initializer.remove(weights[name])
                else:
                    nodes.append(helper.make_node("Cast", [name], [halved[name]], to=TensorProto.FLOAT16))
            node.input[position] = halved[name]
        whole = node.output[0]
        node.output[0] = f"{whole}_of_half"
        nodes += [node, helper.make_node("Cast", [node.output[0]], [whole], to=TensorProto.FLOAT)]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]  # what it says of types is no longer so
    onnx.save_model(model, path)


def _saturates() -> bool:
    """Whether two products of 8 bits may overflow the 16 in which this processor adds them: those of AVX2 do,
    integer dot products (VNNI, and ARM's) do not."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx2")) and not (has.get("avx512_vnni") or has.get("avx_vnni"))


def quantise(path: Path, feeds: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Replace the graph at `path` by one whose convolutions are of 8 bits: weights by channel (7 bits where
    this processor saturates), activations by the range that the feeds show, every step of the sampler with
    its own."""
    logging.getLogger().addFilter(lambda record: "pre-process" not in record.getMessage())
    whole = path.with_suffix(".float.onnx")
    path.rename(whole)
    quantize_static(
        whole,
        path,
        _Feeds(feeds),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=_OPERATORS,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        reduce_range=_saturates(),
        calibrate_method=CalibrationMethod.MinMax,
    )
    whole.unlink()
