"""The parts of a base training, each with its loss on noise: what `tell_costs` tries."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sail.data.episode_file import EpisodeRecord
from sail.data.store import EpisodeStore
from sail.embodiment import Embodiment
from sail.training.autoencoder_fit import OWN, autoencoder_loss, frames_a_step
from sail.training.base_config import BaseConfig
from sail.training.costs import Part
from sail.training.held_frames import BUDGET, frame_bytes
from sail.training.inverse_dynamics_fit import DynamicsBatch, dynamics_loss
from sail.training.policy_fit import PolicyBatch, PolicySchedule, policy_loss
from sail.training.recipes import Recipe
from sail.training.verifier_fit import VERIFIER_BATCH, VerifierBatch, verifier_loss
from sail_models.diffusion.denoiser import PlanBatch, diffusion_loss
from sail_models.networks.inverse_dynamics import InverseDynamics, dynamics_config
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig, planner_config
from sail_models.networks.policy import Policy, policy_config
from sail_models.networks.verifier import Verifier, verifier_config
from sail_models.saving import CONFIG
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig
from sail_models.spaces.text_encoder import TEXT_TOKENS, TEXT_WIDTH

# Pairs of frames a step of inverse dynamics.
DYNAMICS_BATCH = 64


def parts_of(recipe: Recipe, config: BaseConfig, store: EpisodeStore, out: Path) -> list[Part]:
    """What is to be trained: every part that is asked for and that `out` does not hold yet."""
    embodiment = recipe.embodiment
    frames = min(BUDGET, frame_bytes(store.records()))
    shown = recipe.demonstrations(store)
    latents = _latent_bytes([*shown, *recipe.captioned_play(store), *(shown if recipe.reversals else [])])
    demonstrations = min(BUDGET, frame_bytes(shown))
    parts = {
        "autoencoder": _autoencoder(embodiment, config.autoencoder_steps, frames),
        "planner": _planner(embodiment, config, latents),
        "inverse_dynamics": _inverse_dynamics(embodiment, config, frames),
        "policy": _policy(embodiment, config, demonstrations),
        "verifier": _verifier(embodiment, config.verifier_steps, frames),
    }
    if config.autoencoder != OWN:
        del parts["autoencoder"]
    return [part for folder, part in parts.items() if not (out / folder / CONFIG).is_file()]


def _latent_bytes(records: Sequence[EpisodeRecord]) -> int:
    """Bytes of the latents of some episodes, float32."""
    channels, step = AutoencoderConfig.latent_channels, Autoencoder.step
    return frame_bytes(records) // (3 * step**2) * channels * torch.float32.itemsize


def _autoencoder(embodiment: Embodiment, steps: int, held: int) -> Part:
    height, width = embodiment.height, embodiment.width

    def loss(network: Any, count: int, generator: torch.Generator) -> Tensor:
        frames = _noise(generator, count, 3, height, width).contiguous(memory_format=torch.channels_last)
        return autoencoder_loss(network, frames, torch.zeros_like(frames))[0]

    def make() -> nn.Module:
        network: nn.Module = Autoencoder(AutoencoderConfig())
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    return Part("autoencoder", steps, frames_a_step(height, width), held, make, loss)


def _planner(embodiment: Embodiment, config: BaseConfig, held: int) -> Part:
    layers = PlannerNetworkConfig.grounding_layers if config.grounding_steps else 0
    shape = planner_config(config.planner_network, embodiment, grounding_layers=layers)
    latent = shape.latent_channels, shape.latent_height, shape.latent_width

    def loss(network: Any, count: int, generator: torch.Generator) -> Tensor:
        first, future = (_noise(generator, count, *more, *latent) for more in ((), (shape.frames,)))
        return diffusion_loss(network, PlanBatch(first, future, _text(generator, count)), generator)

    return Part(
        "planner", config.planner_steps, config.planner_batch, held, lambda: PlannerNetwork(shape), loss
    )


def _inverse_dynamics(embodiment: Embodiment, config: BaseConfig, held: int) -> Part:
    shape = dynamics_config(embodiment, config.inverse_dynamics_head)
    autoencoder = Autoencoder(AutoencoderConfig()).requires_grad_(False)

    def loss(network: Any, count: int, generator: torch.Generator) -> Tensor:
        current, goal = (_noise(generator, count, 3, shape.height, shape.width) for _ in range(2))
        arm, reached = (_noise(generator, count, len(shape.ranges)) for _ in range(2))
        actions = _noise(generator, count, shape.chunk, shape.actions)
        batch = DynamicsBatch(current, goal, arm, actions, reached)
        return dynamics_loss(autoencoder.to(generator.device), count)(network, batch, generator)

    steps = config.inverse_dynamics_steps
    return Part("inverse dynamics", steps, DYNAMICS_BATCH, held, lambda: InverseDynamics(shape), loss)


def _policy(embodiment: Embodiment, config: BaseConfig, held: int) -> Part:
    shape = policy_config(config.policy_network, embodiment)

    def loss(network: Any, count: int, generator: torch.Generator) -> Tensor:
        frames = _noise(generator, count, 3, shape.height, shape.width)
        arm = _noise(generator, count, len(shape.ranges))
        actions = _noise(generator, count, shape.chunk, shape.actions)
        return policy_loss(network, PolicyBatch(frames, _text(generator, count), arm, actions), generator)

    return Part("policy", config.policy_steps, PolicySchedule.batch, held, lambda: Policy(shape), loss)


def _verifier(embodiment: Embodiment, steps: int, held: int) -> Part:
    height, width = embodiment.height, embodiment.width

    def loss(network: Any, count: int, generator: torch.Generator) -> Tensor:
        first, current = (_noise(generator, count, 3, height, width) for _ in range(2))
        arms, done = torch.zeros_like(first[:, :2]), torch.zeros_like(first[:, 0, 0, 0])
        batch = VerifierBatch(first, current, arms, _text(generator, count), done)
        return verifier_loss(network, batch, generator)

    shape = verifier_config(height, width, arm=True)
    return Part("verifier", steps, VERIFIER_BATCH, held, lambda: Verifier(shape), loss)


def _noise(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _text(generator: torch.Generator, count: int) -> Tensor:
    return _noise(generator, count, TEXT_TOKENS, TEXT_WIDTH)
