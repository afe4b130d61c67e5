"""The interfaces of planner, inverse dynamics and policy, and the data that pass through them.

This module does not need torch, so that exported models offer the same interfaces without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sail.embodiment import Embodiment
from sail.errors import SailError
from sail.types import Float32, UInt8


class PromptError(SailError):
    """An empty prompt."""


class FrameError(SailError):
    """Frames of another size than the weights'."""


@dataclass(frozen=True)
class Plan:
    """A batch of imagined clips.

    frames: uint8 (B, F, H, W, 3) RGB, one chunk of control steps apart. motion: float32 (B,), root mean
    square of the imagined change of the latents, in units of the change in the planner's training windows:
    near 0 where the plan imagines standstill.
    """

    frames: UInt8
    motion: Float32


@dataclass(frozen=True)
class Sampling:
    """How the sampler draws plans.

    steps: denoising steps. guidance: text guidance w; 1 is the conditional model, 0 ignores the text.
    temperature: standard deviation of the starting noise. rule: the composition's name, a key of
    `composition.RULES`; every rule but "in_domain" needs a prior. strength: prior strength γ; the rule's own
    where None. until: share of the steps, the noisiest, that are composed. negative: the text that the prior
    takes as its unconditional text.
    """

    steps: int = 4
    guidance: float = 2.0
    temperature: float = 1.0
    rule: str = "in_domain"
    strength: float | None = None
    until: float = 1.0
    negative: str = ""


def check_prompts(prompts: Sequence[str]) -> None:
    """Raises PromptError where a prompt is empty."""
    if not all(prompt.strip() for prompt in prompts):
        raise PromptError("an empty prompt plans nothing: say what the arm is to do")


def check_frames(frames: UInt8, height: int, width: int) -> None:
    """Raises FrameError where frames uint8 (..., H, W, 3) have another height or width than the weights'."""
    given = frames.shape[-3:]
    if given != (height, width, 3):
        shown = f"{given[1]}×{given[0]} pixels" if given[2:] == (3,) else f"the shape {frames.shape}"
        raise FrameError(
            f"the frames have {shown}, the weights were trained on RGB frames of {width}×{height}: "
            "give such frames, or train base weights for yours (sail train)"
        )


class Planning(Protocol):
    """A planner: imagines the next frames from frames and prompts."""

    def plan(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None = None,
        keep: int | None = None,
    ) -> Plan:
        """Imagine the next frames; for the arguments see `VideoPlanner.plan`."""
        ...


class Acting(Protocol):
    """Inverse dynamics: the actions that lead from a frame to a goal frame."""

    def act(
        self, current: UInt8, goal: UInt8, proprioception: Float32, seeds: Sequence[int] | None = None
    ) -> Float32:
        """Action chunks; for the arguments see `InverseDynamics.act`."""
        ...


@runtime_checkable
class Deciding(Protocol):
    """A policy: acts on frames and prompts without a plan."""

    @property
    def identity(self) -> str:
        """The identity of the policy's weights."""
        ...

    @property
    def embodiment(self) -> Embodiment:
        """What the weights were trained to see and to do."""
        ...

    def decide(
        self, frames: UInt8, prompts: Sequence[str], proprioception: Float32, seeds: Sequence[int]
    ) -> Float32:
        """Action chunks float32 (B, chunk, 4) in -1..1.

        frames: uint8 (B, H, W, 3) RGB. proprioception: float32 (B, 4). prompts, seeds: length B. Raises
        PromptError where a prompt is empty.
        """
        ...
