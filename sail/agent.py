"""Everything that acts, loaded from disk: autoencoder, planner and inverse dynamics."""

from dataclasses import dataclass, replace
from pathlib import Path

from sail_models.autoencoder import DOWNSAMPLING, Autoencoder
from sail_models.inverse_dynamics import InverseDynamics
from sail_models.planner import VideoPlanner
from sail_models.planner_network import PlannerNetwork
from sail_models.saving import WeightsError, find_base, load_model, model_identity
from sail_models.text import TextEncoder

FRAME_SIZE = 64  # pixels of a frame's side


@dataclass(frozen=True)
class Agent:
    """The networks that turn a frame and a prompt into actions, and the planner's identity.

    Raises WeightsError where the networks do not fit each other.
    """

    autoencoder: Autoencoder
    planner: PlannerNetwork
    inverse_dynamics: InverseDynamics
    text: TextEncoder
    identity: str

    def __post_init__(self) -> None:
        side = FRAME_SIZE // DOWNSAMPLING
        latents = (self.autoencoder.config.latent_channels, side, side)
        if self.planner.latent_shape != latents:
            raise WeightsError(
                f"the planner is of other weights than the autoencoder (latents {self.planner.latent_shape} "
                f"and {latents}): take all parts from one base"
            )
        if self.inverse_dynamics.config.frame_size != FRAME_SIZE:
            raise WeightsError(
                f"inverse dynamics wants frames of {self.inverse_dynamics.config.frame_size} pixels, "
                f"not {FRAME_SIZE}: take all parts from one base"
            )

    @property
    def video_planner(self) -> VideoPlanner:
        """The planner over these networks."""
        return VideoPlanner(self.planner, self.autoencoder, self.text)


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
    )


def with_checkpoint(agent: Agent, folder: Path) -> Agent:
    """The agent with a checkpoint's planner, and its inverse dynamics where the checkpoint has one."""
    planner = load_model(folder / "planner", "planner")
    inverse_dynamics = agent.inverse_dynamics
    if (folder / "inverse_dynamics").is_dir():
        inverse_dynamics = load_model(folder / "inverse_dynamics", "inverse_dynamics")
    return replace(
        agent, planner=planner, inverse_dynamics=inverse_dynamics, identity=model_identity(planner)
    )
