"""Networks as ONNX graphs: modules of tensors in and tensors out, their export, float16 and int8."""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx_ir import passes
from onnx_ir.passes import common
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxscript.optimizer import fold_constants
from torch import Tensor, nn

from sail_models.diffusion.composition import Part
from sail_models.diffusion.sampler import ConditionedDenoiser, denoise, make_sampling_schedule
from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.interfaces import Sampling
from sail_models.networks.inverse_dynamics import InverseDynamics
from sail_models.networks.policy import Policy
from sail_models.spaces.autoencoder import Autoencoder
from sail_models.spaces.text_encoder import standardise


class PlanGraph(nn.Module):
    """A whole plan without its decoding: encoder, all denoising steps of all models and their composition.

    The loop over the steps is unrolled into the graph. `VideoPlanner.plan_latents` is the same computation.
    """

    negative: Tensor

    def __init__(self, planner: VideoPlanner, sampling: Sampling) -> None:
        super().__init__()
        assert isinstance(planner.codec, Autoencoder)
        self.codec, self.network, self.prior = planner.codec, planner.network, planner.prior
        rule = planner.rule(sampling)
        alphas: dict[Part, Tensor] = {"domain": planner.network.alphas}
        if planner.prior is not None:
            alphas["prior"] = planner.prior.alphas
        self.schedule = make_sampling_schedule(rule, alphas, sampling.steps, sampling.until)
        self.strength = rule.strength if sampling.strength is None else sampling.strength
        self.register_buffer("negative", planner.text([sampling.negative]), persistent=False)

    def forward(self, frames: Tensor, text: Tensor, noise: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        """Latents of the imagined frames, float32 (B × F, C, h, w), and `Plan.motion`, float32 (B,).

        frames: uint8 (B, H, W, 3), 0..255. text: float32 (B, L, D). noise: float32 (B, F, C, h, w), normal,
        times the temperature. guidance: float32 (B,), the weight w of each plan.
        """
        first = self.codec.encode(_pixels(frames))
        models: dict[Part, ConditionedDenoiser] = {
            "domain": ConditionedDenoiser(self.network, text, torch.zeros_like(text), first)
        }
        if self.prior is not None:
            negative = self.negative.expand(text.shape)
            models["prior"] = ConditionedDenoiser(self.prior, text, negative, first)
        change = denoise(self.schedule, models, noise, guidance, self.strength)
        latents = self.network.to_frames(change, first)
        return latents.flatten(0, 1).float(), change.float().square().mean((1, 2, 3, 4)).sqrt()


class DecodeGraph(nn.Module):
    """The autoencoder's decoder."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, latents: Tensor) -> Tensor:
        """Frames uint8 (N, H, W, 3), 0..255, of latents float32 (N, C, h, w)."""
        pixels = (self.autoencoder.decode(latents).float().clamp(-1.0, 1.0) + 1.0) * 127.5
        return pixels.round().to(torch.uint8).movedim(1, -1)


class DynamicsGraph(nn.Module):
    """Inverse dynamics, from frames to actions."""

    def __init__(self, model: InverseDynamics) -> None:
        super().__init__()
        self.model = model

    def forward(self, current: Tensor, goal: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks float32 (B, K, A), -1..1.

        current, goal: uint8 (B, H, W, 3), 0..255. proprioception: float32 (B, P). noise: float32 (B, K × A),
        normal; the regression head ignores it.
        """
        actions: Tensor = self.model(_pixels(current), _pixels(goal), proprioception, noise)
        return actions.float()


class PolicyGraph(nn.Module):
    """A policy, from frames to actions."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, frames: Tensor, text: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks float32 (B, K, A), -1..1.

        frames: uint8 (B, H, W, 3), 0..255. text: float32 (B, L, D). proprioception: float32 (B, P). noise:
        float32 (B, K × A), normal; the regression head ignores it.
        """
        actions: Tensor = self.policy(_pixels(frames), text, proprioception, noise)
        return actions.float()


class TextGraph(nn.Module):
    """The text encoder: standardised embeddings of a prompt's tokens."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor) -> Tensor:
        """Embeddings float32 (1, L, D) of one prompt. ids: int64 (1, L), numbers of its tokens."""
        hidden = self.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return standardise(hidden)


def _pixels(frames: Tensor) -> Tensor:
    return frames.movedim(-1, -3).float() / 127.5 - 1.0


# Version of ONNX's operators: the newest that TensorRT 10 and ONNX Runtime 1.20 support.
OPSET = 20


def trace(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: tuple[str, ...],
    path: Path,
    axis: int = 0,
) -> None:
    """Write a module as an ONNX graph.

    inputs: an example of each input, by name, with size 2 along `axis`. That axis is free in the graph, where
    its name is "batch". outputs: names of the outputs. path: file to write.
    """
    # These bounds are the ones that torch infers: with others it traces again, more slowly. The graph does
    # not contain them.
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
    """Fold constants, merge equal nodes and weights, drop metadata.

    The exporter's own `optimize` also searches for patterns, in time that grows with the square of the graph.
    ONNX Runtime and TensorRT search for patterns themselves when they load a graph.
    """
    fold_constants(model)
    passes.Sequential(
        common.RemoveUnusedNodesPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.ClearMetadataAndDocStringPass(),
    )(model)


# Operators that compute in float16: they take most of the time. The sampler's sums stay in float32: in the
# noisiest steps the signal is too small for 16 bits.
_HALVED = {"Conv", "Gemm", "MatMul"}
# Operators that compute in int8. Matrix products of so few tokens would not become faster.
_OPERATORS = ["Conv"]


class _Feeds(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Sequence[Mapping[str, np.ndarray]]) -> None:
        self._left: Iterator[Mapping[str, np.ndarray]] = iter(feeds)

    def get_next(self) -> Mapping[str, np.ndarray] | None:
        return next(self._left, None)


def halve(path: Path) -> None:
    """Replace the graph at `path` by one whose convolutions and matrix products compute in float16.

    Their weights are stored in float16; casts stand before and after each of them.
    """
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
    del graph.value_info[:]  # the types recorded there are those of the float32 graph
    onnx.save_model(model, path)


def _saturates() -> bool:
    """Whether the sum of two 8-bit products may overflow 16 bits on this processor.

    AVX2 adds them in 16 bits. Integer dot products (VNNI, and ARM's) add in 32.
    """
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx2")) and not (has.get("avx512_vnni") or has.get("avx_vnni"))


def quantise(path: Path, feeds: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Replace the graph at `path` by one whose convolutions compute in int8.

    Weights have a scale per channel (and 7 bits where this processor saturates). Activations have the range
    that they take on `feeds`, inputs of the graph by name; every denoising step has ranges of its own.
    """
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
