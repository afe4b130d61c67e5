"""A planner of few steps, taught by one of many: it learns which plan the teacher draws from which noise.

The student sees a pair of noise and plan mixed to every degree, and predicts the plan (the pairs and their
straight paths of Liu et al., arXiv 2209.03003, section 2.2; the whole way in one step, as in Luhman & Luhman,
arXiv 2101.02388). Guidance, and a prior's share, are in the plans that it is taught: a step of it is one
network's, once, where a teacher's may take three.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from sail.data.store import EpisodeStore
from sail.loop.agent import Agent
from sail.system.files import write_atomically
from sail.training.planner_loss import PlanBatch, noisier_timesteps, signal_weight
from sail.training.resume import TrainError, begin, fit
from sail.training.trainer import Trainer
from sail.types import Progress, UInt8
from sail_models.device import uniform
from sail_models.diffusion.denoiser import ChangeDenoiser
from sail_models.diffusion.schedule import TRAINING_STEPS
from sail_models.diffusion.video_planner import noise_of
from sail_models.interfaces import Sampling
from sail_models.networks.planner_network import PlannerNetwork
from sail_models.precision import mixed_precision
from sail_models.saving import save_model

SETTINGS = "student.json"
# Pairs in one file: what an interruption loses at most, and what is planned at once.
SHARD = 64
# Frames that are taken of an episode when it is read.
EACH = 8
# The share of training that is the first step: whoever takes one step takes this one alone.
PURE = 0.3


@dataclass(frozen=True)
class StudentConfig:
    """pairs: plans that the teacher draws. steps, batch, learning_rate: of the optimiser."""

    pairs: int = 6000
    steps: int = 4000
    batch: int = 32
    learning_rate: float = 5e-4
    seed: int = 0


@dataclass(frozen=True)
class Pairs:
    """first_frame: latents (N, C, h, w). future: the teacher's plans as latents (N, F, C, h, w). prompts: of
    each. Pair i was drawn with seed i."""

    first_frame: Tensor
    future: Tensor
    prompts: tuple[str, ...]


def path_loss(network: ChangeDenoiser, batch: PlanBatch, generator: torch.Generator) -> Tensor:
    """The weighted squared error of the plan that is predicted anywhere between it and its noise (one
    scalar)."""
    assert batch.noise is not None
    clean = network.to_change(batch.future, batch.first_frame)
    timestep = noisier_timesteps(clean.shape[0], generator)
    pure = uniform(clean.shape[:1], generator) < PURE
    timestep = timestep.masked_fill(pure, TRAINING_STEPS - 1)
    alpha = network.alphas[timestep][:, None, None, None, None]
    noisy = alpha.sqrt() * clean + (1.0 - alpha).sqrt() * batch.noise
    with mixed_precision(generator.device):
        predicted: Tensor = network(noisy, timestep, batch.text, batch.first_frame)
    return (signal_weight(alpha) * (predicted.float() - clean).square()).mean()


def distil(
    agent: Agent,
    sampling: Sampling,
    store: EpisodeStore,
    prompts: Sequence[str],
    config: StudentConfig,
    out: Path,
    progress: Progress,
) -> PlannerNetwork:
    """Fill out/planner with a student of the agent's planner, or go on with it.

    sampling: how the teacher draws its plans. store: episodes, at whose frames it plans. prompts: what it is
    asked there; those of the episodes where there are none. Raises TrainError.
    """
    if agent.planner.config.distilled:
        raise TrainError("this planner is a student itself: distil its teacher")
    settings = {"teacher": agent.identity, "prompts": list(prompts), **asdict(sampling), **asdict(config)}
    begin(settings, out / SETTINGS)
    pairs = _pairs(agent, sampling, store, prompts, config, out / "pairs", progress)
    rng = np.random.default_rng(config.seed)
    shape = (agent.planner.frames, *agent.planner.latent_shape)

    def batch() -> PlanBatch:
        chosen = rng.integers(len(pairs.prompts), size=config.batch)
        return PlanBatch(
            pairs.first_frame[chosen].float(),
            pairs.future[chosen].float(),
            agent.text([pairs.prompts[index] for index in chosen]),
            noise=torch.stack([sampling.temperature * noise_of(int(index), shape) for index in chosen]),
        )

    torch.manual_seed(config.seed)
    network = PlannerNetwork(replace(agent.planner.config, distilled=True))
    network.load_state_dict(copy.deepcopy(agent.planner.state_dict()))
    trainer = Trainer(network, path_loss, config.steps, config.learning_rate, config.seed)
    student = fit(trainer, batch, rng, out / "planner_training", progress, "student")
    save_model(out / "planner", student, half=True)
    return student


def _pairs(
    agent: Agent,
    sampling: Sampling,
    store: EpisodeStore,
    prompts: Sequence[str],
    config: StudentConfig,
    folder: Path,
    progress: Progress,
) -> Pairs:
    """The teacher's plans; those that are in the folder are not drawn again."""
    folder.mkdir(parents=True, exist_ok=True)
    progress.stage("teacher", config.pairs)
    first_frames, futures, asked = [], [], []
    for begin_at, (frames, prompt) in _questions(store, prompts, config):
        file = folder / f"{begin_at:06d}.safetensors"
        if not file.is_file():
            seeds = list(range(begin_at, begin_at + len(prompt)))
            planned = agent.video_planner.plan_latents(frames, prompt, seeds, sampling).cpu()
            first = agent.autoencoder.encode_frames(frames)
            tensors = {"first_frame": first.half().contiguous(), "future": planned.half().contiguous()}
            write_atomically(file, safetensors.torch.save(tensors))
        try:
            tensors = safetensors.torch.load(file.read_bytes())
        except SafetensorError as error:
            raise TrainError(f"{file} is damaged: remove it to draw its plans again") from error
        first_frames.append(tensors["first_frame"])
        futures.append(tensors["future"])
        asked.extend(prompt)
        progress.advance(len(prompt))
    return Pairs(torch.cat(first_frames), torch.cat(futures), tuple(asked))


def _questions(
    store: EpisodeStore, prompts: Sequence[str], config: StudentConfig
) -> Iterator[tuple[int, tuple[UInt8, list[str]]]]:
    """Where each shard begins, and its frames and prompts, drawn evenly from all episodes' frames."""
    records = store.records()
    rng = np.random.default_rng(config.seed)
    which = np.repeat(rng.integers(len(records), size=-(-config.pairs // EACH)), EACH)
    share, said = rng.random(config.pairs), rng.integers(max(1, len(prompts)), size=config.pairs)
    for first in range(0, config.pairs, SHARD):
        frames, asked = [], []
        for index in range(first, min(first + SHARD, config.pairs)):
            if index % EACH == 0:
                episode = store.read(records[which[index]].id)
            frames.append(episode.frames[int(share[index] * len(episode.frames))])
            asked.append(prompts[said[index]] if prompts else episode.prompt)
        yield first, (np.stack(frames), asked)
