"""Export of a planner or a policy: write the graphs into a folder and compare them with their source."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from sail.embodiment import Embodiment
from sail.export.comparison_frames import Scenes
from sail.export.folder import (
    DECODE,
    DYNAMICS,
    MODELS,
    PLAN,
    POLICY,
    SAMPLES,
    TEXT,
    TOKENIZER,
    Config,
    ExportedPlannerConfig,
    ExportedPolicyConfig,
    ExportError,
    Precision,
    file_hash,
    new_folder,
    write_config,
)
from sail.export.graphs import (
    OPSET,
    DecodeGraph,
    DynamicsGraph,
    PlanGraph,
    PolicyGraph,
    TextGraph,
    halve,
    quantise,
    trace,
)
from sail.export.parity import PolicySamples, Samples, check_folder, write_samples
from sail.export.runtime import normal_noise
from sail.loop.agent import Agent, PolicyAgent
from sail.system.versions import environment_versions, package_version
from sail_models.interfaces import Sampling, check_frames
from sail_models.saving import model_identity
from sail_models.spaces.text_encoder import load_encoder, model_folder

# Most plans, or decisions of a policy, in one call.
MAX_BATCH = 64


@dataclass(frozen=True)
class Exportable:
    """A planning agent with its sampling settings."""

    agent: Agent
    sampling: Sampling

    @property
    def embodiment(self) -> Embodiment:
        """The agent's."""
        return self.agent.embodiment

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """(F, C, h, w) of a plan."""
        return (self.agent.planner.frames, *self.agent.planner.latent_shape)

    def inputs(self, scenes: Scenes) -> dict[str, Tensor]:
        """Inputs of `PlanGraph` for N scenes; plan i has seed i."""
        count = len(scenes.frames)
        noise = np.stack([normal_noise(seed, self.latent_shape) for seed in range(count)])
        return {
            "frames": torch.from_numpy(scenes.frames),
            "text": self.agent.text(list(scenes.prompts)),
            "noise": self.sampling.temperature * torch.from_numpy(noise),
            "guidance": torch.full((count,), self.sampling.guidance),
        }


def export_planner(
    source: Exportable,
    compared: Scenes,
    calibration: Scenes,
    out: Path,
    precision: Precision = "fp32",
    report: Callable[[str], None] = lambda stage: None,
) -> ExportedPlannerConfig:
    """Write planner, prior, autoencoder, text encoder and inverse dynamics into the empty folder `out`.

    compared: scenes at which the exported models are compared with their source. calibration: other scenes,
    that set the ranges of int8. report: called with the name of each stage. Raises ExportError, also where an
    output is too far from its source, and FrameError for scenes of other frames; then nothing is left in
    `out`.
    """
    if source.agent.prior is not None and not isinstance(source.agent.prior, nn.Module):
        raise ExportError("this prior cannot be exported: choose prior.kind=compact or none")
    for scenes in (compared, calibration):
        check_frames(scenes.frames, source.embodiment.height, source.embodiment.width)
    with new_folder(out) as folder:
        _write_graphs(source, compared, folder, report)
        if precision == "fp16":
            report("halve")
            halve(folder / PLAN)
            halve(folder / DECODE)
        if precision == "int8":
            report("quantise")
            inputs = {name: value.numpy() for name, value in source.inputs(calibration).items()}
            rows = range(len(calibration.frames))
            quantise(
                folder / PLAN, [{name: value[i : i + 1] for name, value in inputs.items()} for i in rows]
            )
        return _compared(_describe(source, folder, precision), folder, report)


def _write_graphs(source: Exportable, compared: Scenes, folder: Path, report: Callable[[str], None]) -> None:
    agent = source.agent
    plan, decode = PlanGraph(agent.video_planner, source.sampling), DecodeGraph(agent.autoencoder)
    dynamics = DynamicsGraph(agent.inverse_dynamics)
    inputs = source.inputs(compared)
    report("trace the plan")
    two = {name: value[:2] for name, value in inputs.items()}
    trace(plan, two, ("latents", "moved"), folder / PLAN)
    report("trace the rest")
    trace(decode, {"latents": torch.zeros(2, *source.latent_shape[1:])}, ("frames",), folder / DECODE)
    acting = _acting(dynamics, inputs["frames"], inputs["frames"])
    trace(dynamics, {name: value[:2] for name, value in acting.items()}, ("actions",), folder / DYNAMICS)
    _write_text_encoder(folder)
    report("plan with the source")
    samples = _sample(plan, decode, dynamics, inputs, compared.prompts)
    write_samples(folder, samples)


def _acting(dynamics: DynamicsGraph, current: Tensor, goal: Tensor) -> dict[str, Tensor]:
    """Inputs of the graph of inverse dynamics, with proprioception zero and seed 0."""
    count, size = len(current), dynamics.model.size
    noise = torch.from_numpy(normal_noise(0, (size,))).expand(count, -1).contiguous()
    arm = torch.zeros(count, len(dynamics.model.config.ranges))
    return {"current": current, "goal": goal, "proprioception": arm, "noise": noise}


@torch.no_grad()
def _sample(
    plan: PlanGraph,
    decode: DecodeGraph,
    dynamics: DynamicsGraph,
    inputs: dict[str, Tensor],
    prompts: Sequence[str],
) -> Samples:
    """Plans and actions of the source, computed in float32."""
    latents, moved = plan(**inputs)
    imagined = decode(latents)
    goals = imagined.unflatten(0, (len(prompts), -1))[:, 0]
    actions = dynamics(**_acting(dynamics, inputs["frames"], goals))
    return Samples(
        prompts=tuple(prompts),
        frames=inputs["frames"].numpy(),
        text=inputs["text"].numpy(),
        latents=latents.numpy(),
        moved=moved.numpy(),
        imagined=imagined.numpy(),
        goals=goals.numpy(),
        actions=actions.numpy(),
    )


def _describe(source: Exportable, folder: Path, precision: Precision) -> ExportedPlannerConfig:
    agent, text = source.agent, source.agent.text(["text"])
    networks = {
        "planner": agent.planner,
        "autoencoder": agent.autoencoder,
        "inverse_dynamics": agent.inverse_dynamics,
        "prior": agent.prior,
    }
    return ExportedPlannerConfig(
        precision=precision,
        sampling=source.sampling,
        latent_shape=source.latent_shape,
        text_shape=(int(text.shape[1]), int(text.shape[2])),
        chunk=agent.inverse_dynamics.config.chunk,
        most=MAX_BATCH,
        identity=agent.identity,
        embodiment=source.embodiment,
        sources={
            name: model_identity(model) for name, model in networks.items() if isinstance(model, nn.Module)
        },
        opset=OPSET,
        sha256={name: file_hash(folder / name) for name in (*MODELS, TOKENIZER, SAMPLES)},
        versions=_written_by(),
        parity={},
    )


def export_policy(
    agent: PolicyAgent,
    compared: Scenes,
    out: Path,
    report: Callable[[str], None] = lambda stage: None,
) -> ExportedPolicyConfig:
    """Write a policy and its text encoder into the empty folder `out`. See `export_planner`."""
    check_frames(compared.frames, agent.embodiment.height, agent.embodiment.width)
    with new_folder(out) as folder:
        report("trace the policy")
        graph, count = PolicyGraph(agent.policy.eval()), len(compared.frames)
        size = agent.policy.size
        inputs = {
            "frames": torch.from_numpy(compared.frames),
            "text": agent.text(list(compared.prompts)),
            "proprioception": torch.zeros(count, len(agent.embodiment.proprioception)),
            "noise": torch.from_numpy(np.stack([normal_noise(seed, (size,)) for seed in range(count)])),
        }
        trace(graph, {name: value[:2] for name, value in inputs.items()}, ("actions",), folder / POLICY)
        report("trace the text encoder")
        _write_text_encoder(folder)
        with torch.no_grad():
            actions = graph(**inputs).numpy()
        text = inputs["text"].numpy()
        write_samples(folder, PolicySamples(compared.prompts, compared.frames, text, actions))
        config = ExportedPolicyConfig(
            text_shape=(int(text.shape[1]), int(text.shape[2])),
            chunk=agent.policy.config.chunk,
            most=MAX_BATCH,
            identity=agent.identity,
            embodiment=agent.embodiment,
            opset=OPSET,
            sha256={name: file_hash(folder / name) for name in (POLICY, TEXT, TOKENIZER, SAMPLES)},
            versions=_written_by(),
            parity={},
        )
        return _compared(config, folder, report)


def _compared(config: Config, folder: Path, report: Callable[[str], None]) -> Config:
    """Write config.json, compare the models with their source, and write the errors found into config.json.

    Raises ExportError where one is too large.
    """
    write_config(folder, config)
    report("compare")
    config = replace(config, parity=check_folder(folder, "cpu"))
    write_config(folder, config)
    return config


def _write_text_encoder(folder: Path) -> None:
    """Write the graph of the text encoder, and its tokenizer."""
    (folder / TEXT).write_bytes(_text_graph())
    shutil.copy(model_folder() / TOKENIZER, folder / TOKENIZER)


@cache  # a process that exports several folders waits for it once
def _text_graph() -> bytes:
    _, encoder = load_encoder()
    assert isinstance(encoder, nn.Module)
    with TemporaryDirectory() as folder:
        path = Path(folder) / TEXT
        trace(TextGraph(encoder), {"ids": torch.ones(1, 2).long()}, ("tokens",), path, axis=1)
        return path.read_bytes()


def _written_by() -> dict[str, str]:
    """Versions of packages and machine, without those that are not installed."""
    tools = {name: package_version(name) for name in ("onnx", "onnxruntime")}
    return {name: value for name, value in {**environment_versions(), **tools}.items() if value}
