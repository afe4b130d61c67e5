"""How plans and actions are asked for, and what comes back; without torch, for exported models too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sail.errors import SailError
from sail.types import Float32, UInt8


class PromptError(SailError):
    """A prompt that says nothing."""


@dataclass(frozen=True)
class Plan:
    """Imagined frames uint8 (B, F, H, W, 3) RGB, `frame_skip` control steps apart.

    moved: float32 (B,), how much changes in them, as a share of what changed in the planner's training; near
    0 it imagines standstill.
    """

    frames: UInt8
    moved: Float32


@dataclass(frozen=True)
class Sampling:
    """How plans are drawn.

    steps: denoising steps. guidance: text guidance w (1 is the conditional model, 0 ignores the text).
    temperature: standard deviation of the starting noise. rule: the composition's name (see `RULES`); all but
    "in_domain" want a prior. strength: γ, the rule's own where None. until: the share of the steps, the
    noisiest, that are composed. negative: the prior's unconditional text.
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


class Planning(Protocol):
    """See `VideoPlanner.plan`."""

    def plan(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None = None,
        keep: int | None = None,
    ) -> Plan:
        """Imagine the next frames."""
        ...


class Acting(Protocol):
    """See `InverseDynamics.act`."""

    def act(
        self, current: UInt8, goal: UInt8, proprioception: Float32, seeds: Sequence[int] | None = None
    ) -> Float32:
        """Action chunks."""
        ...


@runtime_checkable
class Deciding(Protocol):
    """A policy: what acts without a plan. identity: of its weights."""

    @property
    def identity(self) -> str: ...

    def decide(
        self, frames: UInt8, prompts: Sequence[str], proprioception: Float32, seeds: Sequence[int]
    ) -> Float32:
        """Action chunks float32 (B, chunk, 4) in -1..1. frames: uint8 (B, H, W, 3). proprioception: float32
        (B, 4). prompts, seeds: length B. Raises PromptError where a prompt is empty."""
        ...
