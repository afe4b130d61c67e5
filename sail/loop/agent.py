"""The networks that act, loaded from disk: a planner with its inverse dynamics, or a policy."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from sail.config.method import find_method
from sail.config.schema import NO_PRIOR, NO_WORDS, RunConfig
from sail.embodiment import Embodiment, read_embodiment
from sail.loop.priors import find_prior
from sail.system.checksums import sha256
from sail.types import Float32, UInt8
from sail_models.device import best_device, device_of
from sail_models.diffusion.denoiser import Denoiser
from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.interfaces import Plan, Sampling, check_prompts
from sail_models.networks.inverse_dynamics import InverseDynamics
from sail_models.networks.planner_network import PlannerNetwork
from sail_models.networks.policy import Policy
from sail_models.prior.compatibility import PriorError, check_fit
from sail_models.saving import WeightsError, find_base, load_model, model_identity
from sail_models.spaces.autoencoder import Autoencoder
from sail_models.spaces.text_encoder import TextEncoder


@dataclass(frozen=True)
class Agent:
    """The networks that turn a frame and a prompt into actions, and the planner's identity.

    embodiment: what the networks were trained to see and to do. sampling: how `plan` draws.
    Raises WeightsError and PriorError where the networks do not fit each other.
    """

    autoencoder: Autoencoder
    planner: PlannerNetwork
    inverse_dynamics: InverseDynamics
    text: TextEncoder
    identity: str
    embodiment: Embodiment
    prior: Denoiser | None = None
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        seen, step = self.inverse_dynamics.config, self.autoencoder.step
        channels, *sides = self.planner.latent_shape
        planned, pixels = [step * side for side in sides], "frames of so many pixels"
        for what, one, others, part in (
            ("latents of so many channels", channels, self.autoencoder.config.latent_channels, "autoencoder"),
            (pixels, planned, [seen.height, seen.width], "inverse dynamics"),
            (pixels, planned, [self.embodiment.height, self.embodiment.width], "embodiment"),
        ):
            if one != others:
                raise WeightsError(
                    f"the planner is of other weights than the {part} ({what}: {one} and {others}): "
                    "take all parts from one base"
                )
        if self.prior is not None:
            if self.planner.config.distilled:
                raise PriorError("a distilled planner has the prior in its weights: choose prior.kind=none")
            check_fit(self.prior, self.planner)

    @property
    def parts(self) -> dict[str, str]:
        """The identity of each part that acts, the planner's first; of a foreign prior the name of its
        class."""
        found = {
            "planner": self.identity,
            "autoencoder": model_identity(self.autoencoder),
            "inverse_dynamics": model_identity(self.inverse_dynamics),
            "embodiment": _identity_of(self.embodiment),
        }
        if self.prior is not None:
            known = isinstance(self.prior, nn.Module)
            found["prior"] = model_identity(self.prior) if known else type(self.prior).__name__  # type: ignore[arg-type]
        return found

    @property
    def frame_skip(self) -> int:
        """Control steps between two planned frames: the actions of one chunk."""
        return self.inverse_dynamics.config.chunk

    @property
    def planned_frames(self) -> int:
        """Frames of a plan."""
        return self.planner.frames

    @property
    def video_planner(self) -> VideoPlanner:
        """The planner over these networks."""
        return VideoPlanner(self.planner, self.autoencoder, self.text, self.prior)

    def plan(self, frames: UInt8, prompts: str | Sequence[str], seeds: Sequence[int] | None = None) -> Plan:
        """Imagine what comes after frames, uint8 (B, H, W, 3) RGB, or after one frame (H, W, 3).

        prompts: one for all, or one a frame. seeds: of the noise, 0, 1, … where None. The plan's frames are
        uint8 (B, F, H, W, 3). Raises PromptError.
        """
        batch = frames[None] if frames.ndim == 3 else frames
        words = [prompts] * len(batch) if isinstance(prompts, str) else prompts
        return self.video_planner.plan(batch, words, seeds or range(len(batch)), self.sampling)

    def act(self, frame: UInt8, goal: UInt8, proprioception: Float32) -> Float32:
        """The actions that lead from a frame to a goal, both uint8 (H, W, 3) RGB: float32 (K, A) in -1..1.

        proprioception: float32 (P,), in the embodiment's units.
        """
        chunk: Float32 = self.inverse_dynamics.act(frame[None], goal[None], proprioception[None])[0]
        return chunk


@dataclass(frozen=True)
class PolicyAgent:
    """A policy, which acts without a plan, its identity and its embodiment."""

    policy: Policy
    text: TextEncoder
    identity: str
    embodiment: Embodiment

    @property
    def parts(self) -> dict[str, str]:
        """The identities of the policy and of its embodiment."""
        return {"policy": self.identity, "embodiment": _identity_of(self.embodiment)}

    def decide(
        self, frames: UInt8, prompts: Sequence[str], proprioception: Float32, seeds: Sequence[int]
    ) -> Float32:
        """Action chunks; see `Deciding`."""
        check_prompts(prompts)
        return self.policy.act(frames, self.text(list(prompts)), proprioception, seeds)


def _identity_of(embodiment: Embodiment) -> str:
    return sha256(embodiment.as_json())[:12]


def sampling_of(config: RunConfig) -> Sampling:
    """The sampling of a configuration's plans."""
    prior, planner = config.prior, config.planner
    composed = prior.kind != NO_PRIOR
    return Sampling(
        steps=planner.steps,
        guidance=planner.guidance,
        temperature=planner.temperature,
        rule=prior.rule if composed else "in_domain",
        strength=prior.strength if composed else None,
        until=prior.until if composed else 1.0,
        negative="" if prior.negative == NO_WORDS else prior.negative,
    )


def load_agent(config: RunConfig, device: torch.device | None = None) -> Agent:
    """The planner, inverse dynamics and prior that a configuration names, on the device; None means the best
    device. AnimateDiff is always on the best device. Raises WeightsError and PriorError."""
    agent = load_base(config.base)
    agent = replace(agent, prior=find_prior(config, agent), sampling=sampling_of(config))
    return moved_to(device or best_device(), agent)


def moved_to(device: torch.device, agent: Agent) -> Agent:
    """The agent itself, after moving its networks (but AnimateDiff) to the device."""
    for network in (agent.autoencoder, agent.planner, agent.inverse_dynamics, agent.prior):
        if isinstance(network, nn.Module):
            network.to(device)
    return agent


def load_base(name: str) -> Agent:
    """Base weights: a shipped name, or a folder with autoencoder/, planner/ and inverse_dynamics/."""
    folder = find_base(name)
    planner = load_model(folder / "planner", "planner")
    return Agent(
        autoencoder=load_model(folder / "autoencoder", "autoencoder"),
        planner=planner,
        inverse_dynamics=load_model(folder / "inverse_dynamics", "inverse_dynamics"),
        text=TextEncoder(),
        identity=model_identity(planner),
        embodiment=read_embodiment(folder),
    )


def load_policy(
    folder: Path, device: torch.device | None = None, embodiment: Embodiment | None = None
) -> PolicyAgent:
    """The policy in a folder of base weights, or in a checkpoint; see `load_agent`.

    embodiment: the folder's own where None; a checkpoint has none. Raises WeightsError and EmbodimentError.
    """
    known = embodiment or read_embodiment(folder)
    policy: Policy = load_model(folder / "policy", "policy").to(device or best_device())
    return PolicyAgent(policy, TextEncoder(), model_identity(policy), known)


def base_of(config: RunConfig) -> Path:
    """The folder of the base weights, which must hold the network that acts by this method. Raises
    WeightsError."""
    return find_base(config.base, find_method(config.method).acts)


def with_checkpoint(agent: Agent, folder: Path) -> Agent:
    """The agent with a checkpoint's planner, and its inverse dynamics where the checkpoint has one."""
    device = device_of(agent.planner)
    planner = load_model(folder / "planner", "planner").to(device)
    inverse_dynamics = agent.inverse_dynamics
    if (folder / "inverse_dynamics").is_dir():
        inverse_dynamics = load_model(folder / "inverse_dynamics", "inverse_dynamics").to(device)
    return replace(
        agent, planner=planner, inverse_dynamics=inverse_dynamics, identity=model_identity(planner)
    )
