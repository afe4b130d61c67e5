"""Base weights from nothing: collect, then fit autoencoder, planner and inverse dynamics, with resume.

The planner sees expert demonstrations of the seen tasks; those of tasks with an opposite also backwards
under the opposite's prompt (with one prompt a scene the text would tell nothing); and play in the seen
scenes, captioned with its own motion. The autoencoder and inverse dynamics also see unlabelled play in
every other scene.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch

from sail.config.overrides import Range, check_limits
from sail.config.schema import Count, Demonstrator, Share
from sail.data.demonstrations import DEMONSTRATED, Job, collect, demonstration_jobs, missing_jobs, play_jobs
from sail.data.episode_file import EpisodeRecord
from sail.data.store import EpisodeStore
from sail.embodiment import EMBODIMENTS, Embodiment, write_embodiment
from sail.training.autoencoder_fit import OWN, train_autoencoder
from sail.training.batches import join
from sail.training.inverse_dynamics_fit import dynamics_loss, sample_dynamics_batch
from sail.training.judged_attempts import judged_attempts
from sail.training.planner_batches import (
    BEGINNINGS,
    LatentEpisode,
    backwards,
    change_scale,
    sample_batch,
    to_latents,
)
from sail.training.planner_loss import PlanBatch, diffusion_loss
from sail.training.policy_fit import PolicySchedule, train_policy
from sail.training.resume import NOTHING, TrainError, begin, fit, fit_grounding
from sail.training.trainer import Trainer
from sail.training.verifier_fit import Shown, shown_by, shown_in, train_verifier
from sail.types import FRAME_SIZE, FRAME_SKIP, Episode, Progress, Source
from sail_envs.tasks import FAMILIES, METAWORLD, OPPOSITES, SEEN, TASKS, UNSEEN
from sail_models.device import best_device
from sail_models.networks.action_head import Head
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.networks.planner_network import CONFIGURATIONS, PlannerNetwork, PlannerNetworkConfig
from sail_models.networks.policy import CONFIGURATIONS as POLICIES
from sail_models.saving import CONFIG, load_model, save_model
from sail_models.spaces.autoencoder import Autoencoder
from sail_models.spaces.text_encoder import TextEncoder

SETTINGS = "training.json"
# The camera of scenes that are no one's own.
SIMULATED = "simulated"
# Episodes in which a task is shown as it should be done.
SHOWN: tuple[Source, ...] = ("expert", "teleop")
# Tasks whose demonstration, played backwards, shows their opposite being done.
REVERSIBLE = ("door-open", "drawer-close", "window-open", "faucet-close")
# Pairs of frames a step.
_DYNAMICS_BATCH = 64


@dataclass(frozen=True)
class BaseConfig:
    """Episodes to collect (each number is a task's or a scene's) and optimiser steps.

    scenes: MetaWorld's, both of the Panda's table top, or your own: then nothing is collected, all episodes
    are trained on as they are, and camera names what they were recorded with. demonstrator: of the tasks
    seen; "suboptimal" takes 70 % of its actions at random. autoencoder: "own" is trained on these episodes,
    else the folder of one that is shared (with a prior, say). play_share, backwards_share:
    shares of the planner's batches that are captioned play and demonstrations played backwards (MetaWorld's).
    planner_start: "nothing", or the folder of a planner in this autoencoder's latents to go on from.
    planner_network: one of `CONFIGURATIONS`. grounding_steps: with 0 the planner has no grounding, like the
    base that ships. Neither counts where the planner goes on. policy_steps: with 0 there is no policy, which
    only method=bc-loop begins from, and verifier_steps: none for filter=verifier, which learns from
    verifier_attempts at each task that is not unseen.
    """

    scenes: Literal["metaworld", "panda", "own"] = "metaworld"
    camera: str = SIMULATED
    autoencoder: str = OWN
    demonstrator: Demonstrator = "expert"
    demonstrations: Annotated[int, Range(1, 10_000)] = 25
    play_seen: Annotated[int, Range(0, 10_000)] = 12
    play_unseen: Annotated[int, Range(0, 10_000)] = 8
    play_other: Annotated[int, Range(0, 10_000)] = 3
    autoencoder_steps: Count = 2500
    planner_start: str = NOTHING
    planner_network: Literal["compact", "wide"] = "compact"
    grounding_steps: Annotated[int, Range(0, 1_000_000)] = 0
    planner_steps: Count = 20_000
    planner_batch: Annotated[int, Range(1, 4096)] = 16
    planner_learning_rate: Annotated[float, Range(1e-8, 1)] = 1e-3
    play_share: Share = 0.2
    backwards_share: Share = 0.1
    inverse_dynamics_steps: Count = 2500
    inverse_dynamics_head: Head = "regression"
    policy_steps: Annotated[int, Range(0, 1_000_000)] = 0
    verifier_steps: Annotated[int, Range(0, 1_000_000)] = 0
    verifier_attempts: Annotated[int, Range(5, 10_000)] = 30
    policy_network: Literal["compact", "wide"] = "wide"
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0

    def __post_init__(self) -> None:
        check_limits(self, "")
        if (self.scenes == "own") == (self.camera == SIMULATED):
            raise TrainError(
                "camera=NAME goes with scenes=own, and scenes=own with camera=NAME: what your robot's file "
                "calls the camera that the demonstrations were recorded with"
            )


def train_base(config: BaseConfig, data: Path, out: Path, progress: Progress, workers: int = 2) -> None:
    """Fill `out` with autoencoder/, planner/, inverse_dynamics/ and, if asked, policy/ and verifier/.

    What is there is kept. data: the episode store, collected first where it lacks some. Raises TrainError.
    """
    begin(asdict(config), out / SETTINGS)
    write_embodiment(out, _embodiment(config))
    store = EpisodeStore(data)
    if config.scenes == "own":
        _check_own(store, config)
    else:
        _collect_missing(store, config, progress, workers)
    if not (out / "autoencoder" / CONFIG).is_file():
        save_model(out / "autoencoder", _autoencoder(store, config, progress), half=True)
    autoencoder: Autoencoder = load_model(out / "autoencoder", "autoencoder").to(best_device())
    if not (out / "planner" / CONFIG).is_file():
        _train_planner(store, autoencoder, config, out, progress)
    if not (out / "inverse_dynamics" / CONFIG).is_file():
        save_model(
            out / "inverse_dynamics", _train_inverse_dynamics(store, autoencoder, config, progress), half=True
        )
    if config.policy_steps and not (out / "policy" / CONFIG).is_file():
        episodes = [store.read(record.id) for record in _demonstrations(store, config)]
        schedule = PolicySchedule(config.policy_steps, seed=config.seed)
        policy = train_policy(
            episodes, POLICIES[config.policy_network], schedule, out / "policy_training", progress
        )
        save_model(out / "policy", policy, half=True)
    if config.verifier_steps and not (out / "verifier" / CONFIG).is_file():
        shown, saved = _shown(store, config, out, progress, workers), out / "verifier_training"
        verifier = train_verifier(shown, config.verifier_steps, config.seed, saved, progress)
        save_model(out / "verifier", verifier, half=True)


def _shown(
    store: EpisodeStore, config: BaseConfig, out: Path, progress: Progress, workers: int
) -> list[Shown]:
    """What a verifier learns from: attempts at every simulated task that is not among the unseen ones."""
    if config.scenes == "own":
        demonstrations = [store.read(record.id) for record in _demonstrations(store, config)]
        return shown_in(demonstrations, [store.read(record.id) for record in store.records(source="play")])
    tasks = _seen(config) if config.scenes == "panda" else [task for task in METAWORLD if task not in UNSEEN]
    made = judged_attempts(tasks, config.verifier_attempts, out / "attempts", progress, workers)
    return [one for task, judged in made for one in shown_by(task, judged)]


def _embodiment(config: BaseConfig) -> Embodiment:
    if config.scenes == "own":  # the robot's nodes move and record every arm alike
        return replace(EMBODIMENTS["panda"], camera=config.camera)
    return EMBODIMENTS[config.scenes]


def _demonstrations(store: EpisodeStore, config: BaseConfig) -> list[EpisodeRecord]:
    if config.scenes == "own":
        return [record for source in SHOWN for record in store.records(source=source, success=True)]
    source = DEMONSTRATED[config.demonstrator]
    return [record for task in _seen(config) for record in store.records(task=task, source=source)]


def _check_own(store: EpisodeStore, config: BaseConfig) -> None:
    records = store.records()
    if not _demonstrations(store, config):
        raise TrainError(
            f"{store.folder} holds no successful demonstration: record some (docs/robot.md), and label them"
        )
    for record in records:
        if (record.height, record.width) != (FRAME_SIZE, FRAME_SIZE):
            raise TrainError(
                f"{record.file} in {store.folder} has frames of {record.width}×{record.height} pixels, not "
                f"{FRAME_SIZE}×{FRAME_SIZE}: record it again, or leave it out"
            )


def base_jobs(config: BaseConfig) -> list[Job]:
    """Every episode that base weights are trained on."""
    seen = _seen(config)
    shown = demonstration_jobs(config.demonstrator, seen, config.demonstrations)
    jobs = [*shown, *play_jobs(seen, config.play_seen)]
    if config.scenes == "panda":
        return jobs  # nothing of the unseen colours, not even play
    others = [task for task in METAWORLD if task not in SEEN + UNSEEN]
    return [*jobs, *play_jobs(UNSEEN, config.play_unseen), *play_jobs(others, config.play_other)]


def _seen(config: BaseConfig) -> tuple[str, ...]:
    return SEEN if config.scenes == "metaworld" else FAMILIES["cups"].seen + FAMILIES["drawers"].seen


def _autoencoder(store: EpisodeStore, config: BaseConfig, progress: Progress) -> Autoencoder:
    if config.autoencoder != OWN:
        shared: Autoencoder = load_model(Path(config.autoencoder), "autoencoder")
        return shared
    frames = np.concatenate([episode.frames for episode in _episodes(store)])
    progress.stage("autoencoder", config.autoencoder_steps)
    return train_autoencoder([frames], config.autoencoder_steps, lambda *_: progress.advance(), config.seed)


def _collect_missing(store: EpisodeStore, config: BaseConfig, progress: Progress, workers: int) -> None:
    """Collect the jobs that the store does not hold yet."""
    missing = missing_jobs(store, base_jobs(config))
    if missing:
        progress.stage("collect", len(missing))
        for episode in collect(missing, workers):
            store.add(episode)
            progress.advance()


def _episodes(store: EpisodeStore) -> list[Episode]:
    return [store.read(record.id) for record in store.records()]


def _train_planner(
    store: EpisodeStore, autoencoder: Autoencoder, config: BaseConfig, out: Path, progress: Progress
) -> None:
    demonstrations = _latents(store, autoencoder, _demonstrations(store, config), "demonstrations", progress)
    play, reversible = [], []
    if config.scenes == "metaworld":
        records = [record for task in SEEN for record in store.records(task=task, source="play")]
        play = _latents(store, autoencoder, records, "play", progress)
        reversible = [
            backwards(episode, TASKS[OPPOSITES[task]])
            for task in REVERSIBLE
            for episode in demonstrations
            if episode.prompt == TASKS[task]
        ]
    text, rng = TextEncoder(), np.random.default_rng(config.seed)
    beginnings = 0.0 if config.scenes == "metaworld" else BEGINNINGS

    def batch(size: int) -> PlanBatch:
        others = [config.play_share if play else 0.0, config.backwards_share if reversible else 0.0]
        counts = rng.multinomial(size, [1.0 - sum(others), *others])
        return join(
            [
                sample_batch(
                    episodes, text, rng, int(count), FRAME_SKIP, PlannerNetworkConfig.frames, beginnings
                )
                for episodes, count in zip((demonstrations, play, reversible), counts, strict=True)
                if count
            ]
        )

    torch.manual_seed(config.seed)  # each stage begins alike whichever stages ran before it
    scale = autoencoder.config.change_scale or change_scale(batch(512))
    layers = PlannerNetworkConfig.grounding_layers if config.grounding_steps else 0
    shape = CONFIGURATIONS[config.planner_network]
    network = PlannerNetwork(replace(shape, change_scale=scale, grounding_layers=layers)).to(best_device())
    learn, rate = lambda: batch(config.planner_batch), config.planner_learning_rate
    if config.planner_start != NOTHING:
        network = _start(Path(config.planner_start), autoencoder).to(best_device())
    elif network.grounding is not None:
        schedule = (config.grounding_steps, rate, config.seed)
        saved = out / "planner_grounding"
        fit_grounding(network.grounding, network, learn, rng, schedule, saved, progress)
    trainer = Trainer(network, diffusion_loss, config.planner_steps, rate, config.seed)
    average = fit(trainer, learn, rng, out / "planner_training", progress, "planner")
    save_model(out / "planner", average, half=True)


def _start(folder: Path, autoencoder: Autoencoder) -> PlannerNetwork:
    network: PlannerNetwork = load_model(folder, "planner")
    planned, made = network.latent_shape[0], autoencoder.config.latent_channels
    if planned != made:
        raise TrainError(
            f"the planner in {folder} plans latents of {planned} channels, the autoencoder's have {made}: "
            "start from a planner that was trained with it"
        )
    return network.requires_grad_(True)


def _latents(
    store: EpisodeStore,
    autoencoder: Autoencoder,
    records: Sequence[EpisodeRecord],
    what: str,
    progress: Progress,
) -> list[LatentEpisode]:
    progress.stage(f"encode ({what})", len(records))
    episodes = []
    for record in records:
        episodes.append(to_latents(store.read(record.id), autoencoder))
        progress.advance()
    return episodes


def _train_inverse_dynamics(
    store: EpisodeStore, autoencoder: Autoencoder, config: BaseConfig, progress: Progress
) -> InverseDynamics:
    episodes, rng = _episodes(store), np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    model = InverseDynamics(InverseDynamicsConfig(head=config.inverse_dynamics_head)).to(best_device())
    chunk, steps = model.config.chunk, config.inverse_dynamics_steps
    loss = dynamics_loss(autoencoder, _DYNAMICS_BATCH)
    trainer = Trainer(model, loss, steps, 1e-3, config.seed)
    progress.stage("inverse dynamics", steps)
    for _ in range(steps):
        trainer.step(sample_dynamics_batch(episodes, rng, _DYNAMICS_BATCH, chunk))
        progress.advance()
    return trainer.average
