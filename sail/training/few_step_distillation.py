"""Few-step distillation: a student planner learns which plan its teacher draws from which noise.

A teacher's plan and the noise it was drawn from make a pair. The student sees the two mixed at every signal
share, and predicts the plan (pairs as in Liu et al., arXiv 2209.03003, section 2.2; a whole plan in one step
as in Luhman & Luhman, arXiv 2101.02388). The teacher's plans contain guidance and the prior's share, so that
a step of the student is one forward pass of one network. A step of the teacher may take three.
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
from sail.system.checksums import read_checked, write_checked
from sail.training.checkpointed_fit import TrainError, begin, content_of, fit
from sail.training.trainer import Trainer
from sail.types import Progress, UInt8
from sail_models.device import uniform
from sail_models.diffusion.denoiser import ChangeDenoiser, PlanBatch, denoising_loss, noisier_timesteps
from sail_models.diffusion.schedule import TRAINING_STEPS
from sail_models.diffusion.video_planner import noise_of
from sail_models.interfaces import Sampling
from sail_models.networks.planner_network import PlannerNetwork
from sail_models.saving import save_model

SETTINGS = "student.json"
# Pairs in one file. They are planned in one batch, and an interruption loses at most as many.
SHARD = 64
# Frames taken from an episode each time the episode is read.
EPISODE_FRAMES = 8
# Share of the training samples at the last timestep, where the input is pure noise: a one-step planner sees
# no other.
PURE_NOISE = 0.3


@dataclass(frozen=True)
class StudentConfig:
    """pairs: number of plans that the teacher draws. steps, batch, learning_rate: of the optimiser."""

    pairs: int = 6000
    steps: int = 4000
    batch: int = 32
    learning_rate: float = 5e-4
    seed: int = 0


@dataclass(frozen=True)
class Pairs:
    """The teacher's plans. Plan i was drawn from the noise of seed i.

    first_frame: latents float16 (N, C, h, w). future: the plans' latents float16 (N, F, C, h, w). prompts: N.
    """

    first_frame: Tensor
    future: Tensor
    prompts: tuple[str, ...]


def distillation_loss(network: ChangeDenoiser, batch: PlanBatch, generator: torch.Generator) -> Tensor:
    """The denoising loss of the teacher's plans under the noise that they were drawn from (one scalar)."""
    assert batch.noise is not None
    timestep = noisier_timesteps(batch.future.shape[0], generator)
    pure = uniform(batch.future.shape[:1], generator) < PURE_NOISE
    timestep = timestep.masked_fill(pure, TRAINING_STEPS - 1)
    return denoising_loss(network, batch, timestep, batch.noise, batch.text)


def distil(
    agent: Agent,
    sampling: Sampling,
    store: EpisodeStore,
    prompts: Sequence[str],
    config: StudentConfig,
    out: Path,
    progress: Progress,
) -> PlannerNetwork:
    """Train a student of the agent's planner into out/planner, or continue a training in `out`.

    sampling: how the teacher draws its plans. store: episodes, from whose frames the teacher plans. prompts:
    of the plans, drawn at random; the episodes' own where empty. Raises TrainError.
    """
    if agent.planner.config.distilled:
        raise TrainError("this planner is a student itself: distil its teacher")
    settings = {
        "teacher": agent.parts,
        "episodes": content_of(store.records()),
        "prompts": list(prompts),
        **asdict(sampling),
        **asdict(config),
    }
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
    trainer = Trainer(network, distillation_loss, config.steps, config.learning_rate, config.seed)
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
    """The teacher's plans. Plans in the folder are read, the missing ones drawn and written there."""
    folder.mkdir(parents=True, exist_ok=True)
    progress.stage("teacher", config.pairs)
    first_frames, futures, used = [], [], []
    for begin_at, (frames, prompt) in _scenes(store, prompts, config):
        file = folder / f"{begin_at:06d}.checked"
        if not file.is_file():
            seeds = list(range(begin_at, begin_at + len(prompt)))
            planned = agent.video_planner.plan_latents(frames, prompt, seeds, sampling).cpu()
            first = agent.autoencoder.encode_frames(frames)
            tensors = {"first_frame": first.half().contiguous(), "future": planned.half().contiguous()}
            write_checked(file, safetensors.torch.save(tensors))
        cure = "remove it to draw its plans again"
        content = read_checked(file, TrainError, cure)
        try:
            tensors = safetensors.torch.load(content)
        except SafetensorError as error:
            raise TrainError(f"{file} holds no plans ({error}): {cure}") from error
        first_frames.append(tensors["first_frame"])
        futures.append(tensors["future"])
        used.extend(prompt)
        progress.advance(len(prompt))
    return Pairs(torch.cat(first_frames), torch.cat(futures), tuple(used))


def _scenes(
    store: EpisodeStore, prompts: Sequence[str], config: StudentConfig
) -> Iterator[tuple[int, tuple[UInt8, list[str]]]]:
    """Each shard's first pair number, frames uint8 (N, H, W, 3) and N prompts.

    Episodes are drawn uniformly, and so are the frames of each.
    """
    records = store.records()
    rng = np.random.default_rng(config.seed)
    which = np.repeat(rng.integers(len(records), size=-(-config.pairs // EPISODE_FRAMES)), EPISODE_FRAMES)
    share, chosen = rng.random(config.pairs), rng.integers(max(1, len(prompts)), size=config.pairs)
    for first in range(0, config.pairs, SHARD):
        frames, used = [], []
        for index in range(first, min(first + SHARD, config.pairs)):
            if index % EPISODE_FRAMES == 0:
                episode = store.read(records[which[index]].id)
            frames.append(episode.frames[int(share[index] * len(episode.frames))])
            used.append(prompts[chosen[index]] if prompts else episode.prompt)
        yield first, (np.stack(frames), used)
