"""Base weights from nothing: collect, then fit autoencoder, planner and inverse dynamics, with resume.

The planner sees expert demonstrations of the seen tasks and play in the seen scenes, captioned with its
own motion; the autoencoder and inverse dynamics also see unlabelled play in every other scene.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import safetensors.torch
import torch

from sail.collect import Job, collect, expert_jobs, play_jobs
from sail.config import Count, Share
from sail.data.atomic import write_atomically
from sail.data.store import EpisodeStore
from sail.report.live import LiveTable
from sail.rollout import FRAME_SKIP
from sail.settings import Range, check_limits
from sail.train.autoencoder import train_autoencoder
from sail.train.inverse_dynamics import InverseDynamicsTrainer
from sail.train.plan_data import LatentEpisode, change_scale, join, sample_batch, to_latents
from sail.train.planner import PlanBatch, PlannerTrainer
from sail.types import Episode, Source
from sail_envs.tasks import SEEN, TASKS, UNSEEN
from sail_models.autoencoder import Autoencoder
from sail_models.inverse_dynamics import Head, InverseDynamics, InverseDynamicsConfig
from sail_models.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.saving import CONFIG, load_model, save_model
from sail_models.text import TextEncoder

CHECKPOINT_EVERY = 500


@dataclass(frozen=True)
class BaseConfig:
    """Episodes to collect (each number is a task's or a scene's) and optimiser steps.

    play_share: share of the planner's batches that is captioned play.
    """

    demonstrations: Annotated[int, Range(1, 10_000)] = 25
    play_seen: Annotated[int, Range(0, 10_000)] = 12
    play_unseen: Annotated[int, Range(0, 10_000)] = 8
    play_other: Annotated[int, Range(0, 10_000)] = 3
    autoencoder_steps: Count = 2000
    planner_steps: Count = 6000
    planner_batch: Annotated[int, Range(1, 4096)] = 32
    planner_learning_rate: Annotated[float, Range(1e-8, 1)] = 5e-4
    play_share: Share = 0.25
    inverse_dynamics_steps: Count = 3000
    inverse_dynamics_head: Head = "regression"
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0

    def __post_init__(self) -> None:
        check_limits(self, "")


def train_base(config: BaseConfig, data: Path, out: Path, live: LiveTable, workers: int = 2) -> None:
    """Fill `out` with autoencoder/, planner/ and inverse_dynamics/; what is there already is kept.

    data: the episode store, collected first where it lacks episodes.
    """
    store = EpisodeStore(data)
    _collect_missing(store, config, live, workers)
    if not (out / "autoencoder" / CONFIG).is_file():
        frames = np.concatenate([episode.frames for episode in _episodes(store)])
        live.stage("autoencoder", config.autoencoder_steps)
        model = train_autoencoder(frames, config.autoencoder_steps, lambda *_: live.advance(), config.seed)
        save_model(out / "autoencoder", model, half=True)
    autoencoder: Autoencoder = load_model(out / "autoencoder", "autoencoder")
    if not (out / "planner" / CONFIG).is_file():
        _train_planner(store, autoencoder, config, out, live)
    if not (out / "inverse_dynamics" / CONFIG).is_file():
        save_model(
            out / "inverse_dynamics", _train_inverse_dynamics(store, autoencoder, config, live), half=True
        )


def base_jobs(config: BaseConfig) -> list[Job]:
    """Every episode that base weights are trained on."""
    others = [task for task in TASKS if task not in SEEN + UNSEEN]
    return [
        *expert_jobs(SEEN, config.demonstrations),
        *play_jobs(SEEN, config.play_seen),
        *play_jobs(UNSEEN, config.play_unseen),
        *play_jobs(others, config.play_other),
    ]


def _collect_missing(store: EpisodeStore, config: BaseConfig, live: LiveTable, workers: int) -> None:
    """Collect the jobs that the store does not hold yet (episodes are stored in the jobs' order)."""
    jobs = base_jobs(config)
    missing = jobs[len(store.records()) :]
    if missing:
        live.stage("collect", len(missing))
        for episode in collect(missing, workers):
            store.add(episode)
            live.advance()


def _episodes(store: EpisodeStore) -> list[Episode]:
    return [store.read(record.id) for record in store.records()]


def _train_planner(
    store: EpisodeStore, autoencoder: Autoencoder, config: BaseConfig, out: Path, live: LiveTable
) -> None:
    demonstrations = _latents(store, autoencoder, "expert")
    play = _latents(store, autoencoder, "play")
    text, rng = TextEncoder(), np.random.default_rng(config.seed)

    def batch(size: int) -> PlanBatch:
        from_play = int(rng.binomial(size, config.play_share)) if play else 0
        parts = [(demonstrations, size - from_play), (play, from_play)]
        return join(
            [
                sample_batch(episodes, text, rng, count, FRAME_SKIP, PlannerNetworkConfig.frames)
                for episodes, count in parts
                if count
            ]
        )

    torch.manual_seed(config.seed)  # each stage begins alike whichever stages ran before it
    network = PlannerNetwork(PlannerNetworkConfig(change_scale=change_scale(batch(512))))
    trainer = PlannerTrainer(network, config.planner_steps, config.planner_learning_rate, config.seed)
    saved = out / "planner_training"
    if (saved / "state.json").is_file():
        rng.bit_generator.state = json.loads((saved / "state.json").read_text())
        trainer.restore(safetensors.torch.load((saved / "state.safetensors").read_bytes()))
    live.stage("planner", config.planner_steps)
    live.advance(trainer.step_count)
    while trainer.step_count < config.planner_steps:
        trainer.step(batch(config.planner_batch))
        live.advance()
        if trainer.step_count % CHECKPOINT_EVERY == 0:
            saved.mkdir(parents=True, exist_ok=True)
            write_atomically(saved / "state.safetensors", safetensors.torch.save(trainer.state()))
            write_atomically(saved / "state.json", json.dumps(rng.bit_generator.state).encode())
    save_model(out / "planner", trainer.average, half=True)


def _latents(store: EpisodeStore, autoencoder: Autoencoder, source: Source) -> list[LatentEpisode]:
    """Latents of the seen tasks' episodes of one source: all that the planner may see."""
    records = [record for task in SEEN for record in store.records(task=task, source=source)]
    return [to_latents(store.read(record.id), autoencoder) for record in records]


def _train_inverse_dynamics(
    store: EpisodeStore, autoencoder: Autoencoder, config: BaseConfig, live: LiveTable
) -> InverseDynamics:
    episodes = _episodes(store)
    torch.manual_seed(config.seed)
    model = InverseDynamics(InverseDynamicsConfig(head=config.inverse_dynamics_head))
    trainer = InverseDynamicsTrainer(
        model,
        autoencoder,
        [episode.frames for episode in episodes],
        [episode.proprioception for episode in episodes],
        [episode.actions for episode in episodes],
        config.inverse_dynamics_steps,
        seed=config.seed,
    )
    live.stage("inverse dynamics", config.inverse_dynamics_steps)
    for _ in range(config.inverse_dynamics_steps):
        trainer.step()
        live.advance()
    return model.eval()
