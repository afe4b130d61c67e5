"""Base weights from nothing: fit autoencoder, planner, inverse dynamics, policy and verifier, with resume.

`sail.training.recipes` says what each of them learns from. All sizes follow from the recipe's embodiment.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from sail.data.episode_file import EpisodeRecord
from sail.data.store import EpisodeStore
from sail.embodiment import FILE, Embodiment
from sail.system.files import write_atomically
from sail.training.autoencoder_fit import OWN, train_autoencoder
from sail.training.base_config import BaseConfig
from sail.training.base_parts import DYNAMICS_BATCH, parts_of
from sail.training.batches import join, reorder
from sail.training.checkpointed_fit import NOTHING, TrainError, begin, content_of, fit, fit_grounding
from sail.training.costs import tell_costs
from sail.training.held_frames import episodes_within, frames_within
from sail.training.inverse_dynamics_fit import dynamics_loss, gripping_starts, sample_dynamics_batch
from sail.training.planner_batches import LatentEpisode, backwards, change_scale, sample_batch, to_latents
from sail.training.policy_fit import PolicySchedule, train_policy
from sail.training.recipes import Recipe, recipe_of
from sail.training.trainer import Trainer
from sail.training.verifier_fit import train_verifier
from sail.types import Progress
from sail_envs.suite import Directions
from sail_models.device import best_device
from sail_models.diffusion.denoiser import PlanBatch, diffusion_loss
from sail_models.networks.inverse_dynamics import InverseDynamics, dynamics_config
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig, planner_config
from sail_models.networks.policy import policy_config
from sail_models.saving import CONFIG, load_model, save_model
from sail_models.spaces.autoencoder import Autoencoder, latent_sides
from sail_models.spaces.text_encoder import TextEncoder

SETTINGS = "training.json"
# Says which episodes a training began with.
EPISODES = "episodes.json"


def train_base(
    config: BaseConfig,
    data: Path,
    out: Path,
    progress: Progress,
    workers: int = 2,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Fill `out` with autoencoder/, planner/, inverse_dynamics/ and, if asked, policy/ and verifier/.

    What is there is kept. data: the episode store; the recipe collects what it lacks. tell: is given one line
    with the time and memory that the training takes, before it begins. Raises TrainError, also where the
    memory is not there, and EmbodimentError for a frame that the autoencoder cannot encode.
    """
    store = EpisodeStore(data)
    recipe = recipe_of(config, store)
    embodiment = recipe.embodiment
    latent_sides(embodiment)  # refuses a frame that cannot be encoded
    recipe.check(store)
    begin(asdict(config), out / SETTINGS)
    write_atomically(out / FILE, embodiment.as_json())
    recipe.prepare(store, progress, workers)
    begin({"episodes": content_of(store.records())}, out / EPISODES)
    tell_costs(parts_of(recipe, config, store, out), best_device(), tell)
    if not (out / "autoencoder" / CONFIG).is_file():
        save_model(out / "autoencoder", _autoencoder(store, config, progress), half=True)
    autoencoder: Autoencoder = load_model(out / "autoencoder", "autoencoder").to(best_device())
    if not (out / "planner" / CONFIG).is_file():
        _train_planner(store, recipe, autoencoder, config, out, progress)
    if not (out / "inverse_dynamics" / CONFIG).is_file():
        dynamics = _train_inverse_dynamics(store, autoencoder, config, embodiment, progress)
        save_model(out / "inverse_dynamics", dynamics, half=True)
    if config.policy_steps and not (out / "policy" / CONFIG).is_file():
        episodes = episodes_within(store, recipe.demonstrations(store))
        schedule = PolicySchedule(config.policy_steps, seed=config.seed)
        shape = policy_config(config.policy_network, embodiment)
        policy = train_policy(episodes, shape, schedule, out / "policy_training", progress)
        save_model(out / "policy", policy, half=True)
    if config.verifier_steps and not (out / "verifier" / CONFIG).is_file():
        shown, saved = recipe.shown(store, out / "attempts", progress, workers), out / "verifier_training"
        verifier = train_verifier(shown, config.verifier_steps, config.seed, saved, progress)
        save_model(out / "verifier", verifier, half=True)


def _autoencoder(store: EpisodeStore, config: BaseConfig, progress: Progress) -> Autoencoder:
    if config.autoencoder != OWN:
        shared: Autoencoder = load_model(Path(config.autoencoder), "autoencoder")
        return shared
    frames = frames_within(store, store.records())
    progress.stage("autoencoder", config.autoencoder_steps)
    return train_autoencoder([frames], config.autoencoder_steps, lambda *_: progress.advance(), config.seed)


def _train_planner(
    store: EpisodeStore,
    recipe: Recipe,
    autoencoder: Autoencoder,
    config: BaseConfig,
    out: Path,
    progress: Progress,
) -> None:
    records = recipe.demonstrations(store)
    arm = recipe.embodiment
    demonstrations = _latents(store, autoencoder, records, arm, "demonstrations", progress)
    captioned = recipe.captioned_play(store)
    play = _latents(store, autoencoder, captioned, arm, "play", progress, recipe.directions)
    reverse = [
        backwards(episode, shown)
        for prompt, shown in recipe.reversals.items()
        for episode in demonstrations
        if episode.prompt == prompt
    ]
    text, rng = TextEncoder(), np.random.default_rng(config.seed)
    future, skip = recipe.embodiment.plan_frames, recipe.embodiment.frame_skip

    def batch(size: int) -> PlanBatch:
        others = [config.play_share if play else 0.0, config.backwards_share if reverse else 0.0]
        counts = rng.multinomial(size, [1.0 - sum(others), *others])
        return join(
            [
                sample_batch(episodes, text, rng, int(count), skip, future, recipe.beginnings)
                for episodes, count in zip((demonstrations, play, reverse), counts, strict=True)
                if count
            ]
        )

    torch.manual_seed(config.seed)  # each stage begins alike whichever stages ran before it
    scale = autoencoder.config.change_scale or change_scale(batch(512))
    layers = PlannerNetworkConfig.grounding_layers if config.grounding_steps else 0
    shape = planner_config(
        config.planner_network,
        recipe.embodiment,
        latent_channels=autoencoder.config.latent_channels,
        change_scale=scale,
        grounding_layers=layers,
    )
    network = PlannerNetwork(shape).to(best_device())
    learn, rate = lambda: batch(config.planner_batch), config.planner_learning_rate
    if config.planner_start != NOTHING:
        network = _start(Path(config.planner_start), shape).to(best_device())
    elif network.grounding is not None:
        schedule = (config.grounding_steps, rate, config.seed)
        saved = out / "planner_grounding"
        fit_grounding(network.grounding, network, learn, rng, schedule, saved, progress)
    trainer = Trainer(network, diffusion_loss, config.planner_steps, rate, config.seed)
    average = fit(trainer, learn, rng, out / "planner_training", progress, "planner")
    save_model(out / "planner", average, half=True)


def _start(folder: Path, shape: PlannerNetworkConfig) -> PlannerNetwork:
    network: PlannerNetwork = load_model(folder, "planner")
    planned = network.frames, *network.latent_shape
    needed = shape.frames, shape.latent_channels, shape.latent_height, shape.latent_width
    if planned != needed:
        raise TrainError(
            f"the planner in {folder} plans other frames or latents, {planned} and not {needed} (frames, "
            "channels, height, width): start from a planner that was trained with this autoencoder and frame"
        )
    return network.requires_grad_(True)


def _latents(
    store: EpisodeStore,
    autoencoder: Autoencoder,
    records: Sequence[EpisodeRecord],
    embodiment: Embodiment,
    what: str,
    progress: Progress,
    directions: Directions | None = None,
) -> list[LatentEpisode]:
    if records:
        progress.stage(f"encode ({what})", len(records))
    episodes = []
    for record in records:
        episodes.append(to_latents(store.read(record.id), autoencoder, embodiment, directions=directions))
        progress.advance()
    return episodes


def _train_inverse_dynamics(
    store: EpisodeStore,
    autoencoder: Autoencoder,
    config: BaseConfig,
    embodiment: Embodiment,
    progress: Progress,
) -> InverseDynamics:
    episodes, rng = episodes_within(store, store.records()), np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    model = InverseDynamics(dynamics_config(embodiment, config.inverse_dynamics_head)).to(best_device())
    chunk, steps = model.config.chunk, config.inverse_dynamics_steps
    loss = dynamics_loss(autoencoder, DYNAMICS_BATCH)
    trainer = Trainer(model, loss, steps, 1e-3, config.seed)
    gripping = gripping_starts(episodes, embodiment)
    few = round(config.gripping_share * DYNAMICS_BATCH) if len(gripping) else 0
    progress.stage("inverse dynamics", steps)
    for _ in range(steps):
        batch = sample_dynamics_batch(episodes, rng, DYNAMICS_BATCH - few, chunk)
        if few:
            batch = join([batch, sample_dynamics_batch(episodes, rng, few, chunk, gripping)])
            batch = reorder(batch, rng.permutation(DYNAMICS_BATCH))  # the loss decodes the first goals alone
        trainer.step(batch)
        progress.advance()
    return trainer.average
