"""The methods of a run: what acts, and whether it learns from what it collects."""

from enum import StrEnum
from typing import Literal


class Method(StrEnum):
    """The loop is the same for all; the properties say where the methods differ.

    sail: the planner learns. frozen: the planner collects and never learns. random: random waypoints,
    measured once. bc-loop: a policy learns by behaviour cloning. sail-joint, bc-joint: one planner, or one
    policy, learns from the runs of several tasks.
    """

    SAIL = "sail"
    FROZEN = "frozen"
    RANDOM = "random"
    BC_LOOP = "bc-loop"
    SAIL_JOINT = "sail-joint"
    BC_JOINT = "bc-joint"

    @property
    def learns(self) -> bool:
        """Every iteration fine-tunes on what was kept."""
        return self not in (Method.FROZEN, Method.RANDOM)

    @property
    def plans(self) -> bool:
        """The base weights are a planner with inverse dynamics; else they are a policy."""
        return self not in (Method.BC_LOOP, Method.BC_JOINT)

    @property
    def joint(self) -> bool:
        """The runs of several tasks share what learns."""
        return self in (Method.SAIL_JOINT, Method.BC_JOINT)

    @property
    def needs_weights(self) -> bool:
        """Base weights act; else random waypoints do."""
        return self is not Method.RANDOM

    @property
    def part(self) -> Literal["planner", "policy"]:
        """The network that acts, by the name of its folder in base weights and checkpoints."""
        return "planner" if self.plans else "policy"
