"""A policy: from the current frame, the prompt and proprioception to actions, without a plan.

A diffusion policy (Chi et al., arXiv 2303.04137) over one chunk of actions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sail.embodiment import Embodiment
from sail.types import Float32, UInt8
from sail_models.device import device_of
from sail_models.interfaces import check_frames
from sail_models.networks.action_head import ArmInput, Head, Ranges, chunk_noise, make_head
from sail_models.networks.film import FilmEncoder
from sail_models.networks.sizes import Preset, arm_sizes, halvings, with_finer
from sail_models.spaces.autoencoder import frames_to_tensor


@dataclass(frozen=True)
class PolicyConfig:
    """Shapes and widths.

    ranges, height, width, actions, head, features, diffusion_steps: see `InverseDynamicsConfig`. chunk:
    actions of one decision. hidden: width of the diffusion head.
    """

    ranges: Ranges
    height: int
    width: int
    actions: int

    head: Head = "diffusion"
    chunk: int = 8
    widths: tuple[int, ...] = (32, 64, 96, 128)
    features: int = 256
    hidden: int = 512
    diffusion_steps: int = 5


# compact: acts fast; with two denoising steps it succeeds as often as with five. wide: about as large as the
# compact planner, for comparisons with it.
_PRESETS: dict[Preset, dict[str, Any]] = {
    "compact": {"widths": PolicyConfig.widths, "diffusion_steps": 2},
    "wide": {"widths": (64, 128, 256, 512), "features": 512, "hidden": 1024},
}


def policy_config(preset: Preset, embodiment: Embodiment) -> PolicyConfig:
    """A policy for an embodiment: a larger frame has finer levels before the others."""
    shape = PolicyConfig(**arm_sizes(embodiment), **_PRESETS[preset])
    return replace(shape, widths=with_finer(shape.widths, halvings(shape.height, shape.width), 16))


class Policy(nn.Module):
    """A convolutional network over frame and prompt, and an action head."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        size = config.height, config.width
        self.encoder = FilmEncoder(3, config.widths, size, len(config.ranges), config.features)
        self.arm = ArmInput(config.ranges)
        self.head = make_head(config.head, config.features, self.size, config.hidden, config.diffusion_steps)

    @property
    def size(self) -> int:
        """Numbers of a flat chunk, chunk × A."""
        return self.config.chunk * self.config.actions

    def encode(self, frame: Tensor, text: Tensor, proprioception: Tensor) -> Tensor:
        """Features (B, features) of frames (B, 3, H, W) in -1..1, text (B, 16, 384) and unscaled
        proprioception (B, P)."""
        features: Tensor = self.encoder(frame, text, self.arm(proprioception))
        return features

    def loss(
        self,
        frame: Tensor,
        text: Tensor,
        proprioception: Tensor,
        actions: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The head's mean squared error of the action chunk (B, chunk, A) in -1..1 (one scalar)."""
        return self.head.loss(self.encode(frame, text, proprioception), actions.flatten(1), generator)

    @torch.inference_mode()
    def act(self, frames: UInt8, text: Tensor, proprioception: Float32, seeds: Sequence[int]) -> Float32:
        """Action chunks: float32 (B, chunk, A) in -1..1.

        frames: uint8 (B, H, W, 3) RGB. text: float32 (B, 16, 384). proprioception: float32 (B, P). seeds: one
        an environment, for the diffusion head's noise. Raises FrameError for frames of another size.
        """
        self.eval()
        check_frames(frames, self.config.height, self.config.width)
        noise = chunk_noise(seeds, self.size)
        inputs = (frames_to_tensor(frames), text, torch.from_numpy(proprioception), noise)
        actions: Float32 = self(*(one.to(device_of(self)) for one in inputs)).cpu().numpy()
        return actions

    def forward(self, frame: Tensor, text: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks (B, chunk, A) in -1..1, from noise (B, chunk × A)."""
        chunk = self.head.sample(self.encode(frame, text, proprioception), noise)
        return chunk.clamp(-1.0, 1.0).reshape(-1, self.config.chunk, self.config.actions)
