"""The protocol of a simulated task, which `sail_envs.environment` makes a Gymnasium environment of."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from sail.types import Float32
from sail_envs.cameras import Camera

# How an episode stands. MetaWorld says "failure" and not why; the table top says whether another object was
# moved, or none. An episode's first success or wrong object counts.
Ending = Literal["success", "wrong_object", "no_motion", "failure"]


class Simulation(Protocol):
    """One task in MuJoCo.

    prompt: the task in words. control_seconds: how long a control step lasts. model, data: MuJoCo's.
    cameras: by name. drawn_as: a name for the model's XML; simulations that share it share a renderer.
    """

    prompt: str
    drawn_as: str
    control_seconds: float

    @property
    def cameras(self) -> Mapping[str, Camera]: ...

    @property
    def model(self) -> Any: ...

    @property
    def data(self) -> Any: ...

    def reset(self, seed: int) -> None:
        """Begin an episode. The same seed gives the same episode to the byte."""
        ...

    def step(self, action: Float32) -> float:
        """One control step: action float32 (4,) in -1..1; returns the reward."""
        ...

    def outcome(self) -> Ending:
        """How the episode stands now."""
        ...

    def state(self) -> NDArray[Any]:
        """The state that scripted experts read: float64, in the simulation's own order."""
        ...

    def things(self) -> NDArray[Any]:
        """The places of the things to touch: float64 (N, 3), metres."""
        ...

    def proprioception(self) -> Float32:
        """End-effector position in metres and gripper opening 0..1: float32 (4,)."""
        ...
