"""The methods of a run: what acts, and whether it learns from what it collects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sail.errors import SailError
from sail.system.plugins import PlugIns

METHODS = PlugIns(
    "method",
    "sail.methods",
    {
        "sail": "sail.config.method:SAIL",
        "frozen": "sail.config.method:FROZEN",
        "random": "sail.config.method:RANDOM",
        "bc-loop": "sail.config.method:BC_LOOP",
        "sail-joint": "sail.config.method:SAIL_JOINT",
        "bc-joint": "sail.config.method:BC_JOINT",
    },
)


class MethodError(SailError):
    """A name of something that is no method."""


@dataclass(frozen=True)
class Method:
    """The loop is the same for all methods; these properties say where they differ.

    acts: "planner" or "policy", the network of the base weights that acts, by the name of its folder;
    "chance" where chance does, and nothing is loaded. learns: every iteration fine-tunes on what was kept.
    joint: the runs of several tasks share what learns. learner: makes the `Learner`
    (sail/loop/learners.py) of a run's settings; None means the one of planners or policies.
    """

    acts: Literal["planner", "policy", "chance"]
    learns: bool = True
    joint: bool = False
    learner: Callable[[Any], Any] | None = None

    @property
    def plans(self) -> bool:
        """The base weights are a planner with inverse dynamics; else they are a policy."""
        return self.acts != "policy"

    @property
    def needs_weights(self) -> bool:
        """Base weights act; else chance does."""
        return self.acts != "chance"


# sail: the planner learns. frozen: the planner collects and never learns. random: random motion, measured
# once. bc-loop: a policy learns by behaviour cloning. sail-joint, bc-joint: one planner, or one policy,
# learns from the runs of several tasks.
SAIL = Method("planner")
FROZEN = Method("planner", learns=False)
RANDOM = Method("chance", learns=False)
BC_LOOP = Method("policy")
SAIL_JOINT = Method("planner", joint=True)
BC_JOINT = Method("policy", joint=True)


def find_method(name: str) -> Method:
    """The method of a name: built in, of the entry points' group `sail.methods`, or `package.module:NAME`.
    Raises PlugInError and MethodError."""
    method = METHODS.find(name)
    if not isinstance(method, Method):
        raise MethodError(f"{name} is {type(method).__name__}, not a Method: name the method itself")
    return method
