"""Inverse dynamics: from the current frame and a goal frame to the actions that lead there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sail.embodiment import Embodiment
from sail.types import Float32, UInt8
from sail_models.device import device_of
from sail_models.interfaces import check_frames
from sail_models.networks.action_head import ArmInput, Head, Ranges, chunk_noise, coordinate_planes, make_head
from sail_models.networks.sizes import arm_sizes, halvings, with_finer
from sail_models.spaces.autoencoder import frames_to_tensor

# A chunk of actions moves an arm by about a tenth of half of its range; scaled by this the change is about 1.
_CHANGE_SCALE = 10.0


@dataclass(frozen=True)
class InverseDynamicsConfig:
    """Shapes and widths.

    head: "regression" (mean squared error), or "diffusion" (denoises the action chunk, as the paper does in
    simulation). chunk: actions a goal, as many as there are control steps between two planned frames.
    features: width of the input of the head. height, width: of a frame, in pixels. actions: numbers of one
    action. ranges: lowest and highest value of each number of proprioception. proprioception: whether
    proprioception is an input beside the two frames. state: whether the network estimates the goal's
    proprioception first; its difference from the arm's is then an input, too. diffusion_steps: denoising
    steps of the diffusion head.
    """

    ranges: Ranges
    height: int
    width: int
    actions: int

    head: Head = "regression"
    chunk: int = 8
    widths: tuple[int, ...] = (32, 64, 96, 128)
    features: int = 256
    proprioception: bool = True
    state: bool = False
    diffusion_steps: int = 5


def dynamics_config(embodiment: Embodiment, head: Head = "regression") -> InverseDynamicsConfig:
    """Inverse dynamics for an embodiment: a larger frame has finer levels before the others, and an arm that
    feels anything has its state estimated."""
    widths = with_finer(InverseDynamicsConfig.widths, halvings(embodiment.height, embodiment.width), 16)
    state = len(embodiment.proprioception) > 0
    return InverseDynamicsConfig(**arm_sizes(embodiment), head=head, widths=widths, state=state)


class InverseDynamics(nn.Module):
    """A convolutional network over both frames and their difference, with coordinate channels.

    Raises ValueError for a configuration that estimates a state without proprioception.
    """

    coordinates: Tensor

    def __init__(self, config: InverseDynamicsConfig) -> None:
        super().__init__()
        self.config = config
        felt = len(config.ranges)
        if config.state and not (config.proprioception and felt):
            raise ValueError("there is no proprioception whose value at the goal could be estimated")
        layers: list[nn.Module] = []
        channels = 3 * 3 + 2
        for width in config.widths:
            layers += [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.GroupNorm(8, width), nn.SiLU()]
            channels = width
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        pixels = (config.height // 2 ** len(config.widths)) * (config.width // 2 ** len(config.widths))
        inputs = channels * pixels
        if config.state:
            self.state = nn.Sequential(
                nn.Linear(inputs, config.features), nn.SiLU(), nn.Linear(config.features, felt)
            )
        self.features = nn.Sequential(
            nn.Linear(inputs + felt * (2 if config.state else 1), config.features),
            nn.SiLU(),
            nn.Linear(config.features, config.features),
            nn.SiLU(),
        )
        self.arm = ArmInput(config.ranges)
        self.head = make_head(config.head, config.features, self.size, steps=config.diffusion_steps)
        self.register_buffer("coordinates", coordinate_planes(config.height, config.width), persistent=False)

    @property
    def size(self) -> int:
        """Numbers of a flat chunk, chunk × A."""
        return self.config.chunk * self.config.actions

    def encode(self, current: Tensor, goal: Tensor, proprioception: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (B, features) of frames (B, 3, H, W) in -1..1 and unscaled proprioception (B, P); and the
        scaled estimate of the goal's proprioception (B, P), None where the network estimates no state."""
        coordinates = self.coordinates.expand(current.shape[0], -1, -1, -1)
        flat = self.convolutions(torch.cat([current, goal, goal - current, coordinates], dim=1))
        arm: Tensor = self.arm(proprioception)
        if not self.config.proprioception:
            arm = torch.zeros_like(arm)
        inputs, state = [flat, arm], None
        if self.config.state:
            state = self.state(flat)
            inputs.append(_CHANGE_SCALE * (state - arm))
        features: Tensor = self.features(torch.cat(inputs, dim=1))
        return features, state

    def loss(
        self,
        current: Tensor,
        goal: Tensor,
        proprioception: Tensor,
        actions: Tensor,
        reached: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The head's mean squared error of the action chunk (B, chunk, A) in -1..1, and that of the estimate
        of the goal's unscaled proprioception `reached` (B, P), if there is one (one scalar)."""
        features, state = self.encode(current, goal, proprioception)
        loss = self.head.loss(features, actions.flatten(1), generator)
        if state is not None:
            loss = loss + (state - self.arm(reached)).square().mean()
        return loss

    @torch.inference_mode()
    def act(
        self, current: UInt8, goal: UInt8, proprioception: Float32, seeds: Sequence[int] | None = None
    ) -> Float32:
        """Action chunks: float32 (B, chunk, A) in -1..1.

        current, goal: uint8 (B, H, W, 3) RGB. proprioception: float32 (B, P). seeds: one an environment, for
        the diffusion head's noise; 0 for all where None. Raises FrameError for frames of another size.
        """
        self.eval()
        for frames in (current, goal):
            check_frames(frames, self.config.height, self.config.width)
        noise = chunk_noise(seeds if seeds is not None else [0] * len(current), self.size)
        arm = torch.from_numpy(proprioception)
        inputs = (frames_to_tensor(current), frames_to_tensor(goal), arm, noise)
        actions: Float32 = self(*(one.to(device_of(self)) for one in inputs)).cpu().numpy()
        return actions

    def forward(self, current: Tensor, goal: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks (B, chunk, A) in -1..1.

        current, goal: (B, 3, H, W) in -1..1. noise: (B, chunk × A), which only the diffusion head uses.
        """
        features, _ = self.encode(current, goal, proprioception)
        chunk = self.head.sample(features, noise)
        return chunk.clamp(-1.0, 1.0).reshape(-1, self.config.chunk, self.config.actions)
