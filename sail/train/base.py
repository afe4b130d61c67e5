"""Base weights from nothing: collect, then fit autoencoder, planner and inverse dynamics, with resume.

The planner sees expert demonstrations of the seen tasks; those of tasks with an opposite also backwards
under the opposite's prompt (with one prompt a scene the text would tell nothing); and play in the seen
scenes, captioned with its own motion. The autoencoder and inverse dynamics also see unlabelled play in
every other scene.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from sail.collect import Job, collect, expert_jobs, play_jobs
from sail.config import Count, Share
from sail.data.atomic import write_atomically
from sail.data.store import EpisodeStore
from sail.report.live import LiveTable
from sail.rollout import FRAME_SKIP
from sail.settings import Range, check_limits
from sail.train.autoencoder import train_autoencoder
from sail.train.inverse_dynamics import InverseDynamicsTrainer
from sail.train.plan_data import LatentEpisode, backwards, change_scale, join, sample_batch, to_latents
from sail.train.planner import PlanBatch, PlannerTrainer
from sail.types import Episode, SailError, Source
from sail_envs.tasks import OPPOSITES, SEEN, TASKS, UNSEEN
from sail_models.autoencoder import Autoencoder
from sail_models.inverse_dynamics import Head, InverseDynamics, InverseDynamicsConfig
from sail_models.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.saving import CONFIG, load_model, save_model
from sail_models.text import TextEncoder

CHECKPOINT_EVERY = 500
SETTINGS = "training.json"
# Tasks whose demonstration, played backwards, shows their opposite being done.
REVERSIBLE = ("door-open", "drawer-close", "window-open", "faucet-close")


@dataclass(frozen=True)
class BaseConfig:
    """Episodes to collect (each number is a task's or a scene's) and optimiser steps.

    play_share, backwards_share: shares of the planner's batches that are captioned play and demonstrations
    played backwards.
    """

    demonstrations: Annotated[int, Range(1, 10_000)] = 25
    play_seen: Annotated[int, Range(0, 10_000)] = 12
    play_unseen: Annotated[int, Range(0, 10_000)] = 8
    play_other: Annotated[int, Range(0, 10_000)] = 3
    autoencoder_steps: Count = 2500
    planner_steps: Count = 20_000
    planner_batch: Annotated[int, Range(1, 4096)] = 16
    planner_learning_rate: Annotated[float, Range(1e-8, 1)] = 1e-3
    play_share: Share = 0.2
    backwards_share: Share = 0.1
    inverse_dynamics_steps: Count = 2500
    inverse_dynamics_head: Head = "regression"
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0

    def __post_init__(self) -> None:
        check_limits(self, "")


class TrainError(SailError):
    """A folder of base weights that was begun otherwise, or whose training state is damaged."""


def train_base(config: BaseConfig, data: Path, out: Path, live: LiveTable, workers: int = 2) -> None:
    """Fill `out` with autoencoder/, planner/ and inverse_dynamics/; what is there already is kept.

    data: the episode store, collected first where it lacks episodes. Raises TrainError.
    """
    _begin(config, out)
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


def _begin(config: BaseConfig, out: Path) -> None:
    """Write the settings down, or check that they are those that `out` was begun with."""
    path, settings = out / SETTINGS, asdict(config)
    if not path.exists():
        write_atomically(path, (json.dumps(settings, indent=2) + "\n").encode())
        return
    try:
        begun = json.loads(path.read_text())
        other = [key for key, value in settings.items() if begun[key] != value]
    except (ValueError, LookupError, TypeError) as error:
        raise TrainError(f"{path} is damaged: remove {out} and train again") from error
    if other:
        was = ", ".join(f"{key}={begun[key]}" for key in other)
        raise TrainError(f"{out} was begun with {was}: go on with that, or choose another --out")


def _collect_missing(store: EpisodeStore, config: BaseConfig, live: LiveTable, workers: int) -> None:
    """Collect the jobs that the store does not hold yet (those of a task and source come in order)."""
    there = Counter((record.task, record.source) for record in store.records())
    missing = [job for job in base_jobs(config) if job.index >= there[job.task, job.source]]
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
    demonstrations = _latents(store, autoencoder, SEEN, "expert")
    play = _latents(store, autoencoder, SEEN, "play")
    reversible = [
        backwards(episode, TASKS[OPPOSITES[task]])
        for task in REVERSIBLE
        for episode in _latents(store, autoencoder, [task], "expert")
    ]
    text, rng = TextEncoder(), np.random.default_rng(config.seed)

    def batch(size: int) -> PlanBatch:
        others = [config.play_share if play else 0.0, config.backwards_share]
        counts = rng.multinomial(size, [1.0 - sum(others), *others])
        return join(
            [
                sample_batch(episodes, text, rng, int(count), FRAME_SKIP, PlannerNetworkConfig.frames)
                for episodes, count in zip((demonstrations, play, reversible), counts, strict=True)
                if count
            ]
        )

    torch.manual_seed(config.seed)  # each stage begins alike whichever stages ran before it
    network = PlannerNetwork(PlannerNetworkConfig(change_scale=change_scale(batch(512))))
    trainer = PlannerTrainer(network, config.planner_steps, config.planner_learning_rate, config.seed)
    saved = out / "planner_training"
    if (saved / "state.json").is_file():
        try:
            rng.bit_generator.state = json.loads((saved / "state.json").read_text())
            trainer.restore(safetensors.torch.load((saved / "state.safetensors").read_bytes()))
        except (ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
            raise TrainError(f"{saved} is damaged: remove it to train the planner again") from error
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


def _latents(
    store: EpisodeStore, autoencoder: Autoencoder, tasks: Sequence[str], source: Source
) -> list[LatentEpisode]:
    records = [record for task in tasks for record in store.records(task=task, source=source)]
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
