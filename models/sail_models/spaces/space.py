"""What a latent space offers to planner and prior: a frame codec and a prompt encoder."""

from typing import Protocol

from torch import Tensor

from sail.types import UInt8


class FrameCodec(Protocol):
    """Encodes frames as latents, and decodes latents to frames.

    step: pixels a side of the square that one place of the latents stands for.
    """

    @property
    def step(self) -> int: ...

    def encode_frames(self, frames: UInt8) -> Tensor:
        """Latents float32 (B, C, h, w) of frames uint8 (B, H, W, 3) RGB."""
        ...

    def decode_frames(self, latents: Tensor) -> UInt8:
        """Frames uint8 (B, H, W, 3) RGB of latents (B, C, h, w)."""
        ...


class PromptEncoder(Protocol):
    """Embeds prompts: a list of N strings as float32 (N, L, D), each prompt computed once."""

    def __call__(self, prompts: list[str]) -> Tensor: ...
