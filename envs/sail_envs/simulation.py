"""What the Gymnasium environment needs of a simulated task: MetaWorld's and the Panda's table top have it."""

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
    drawn_as: simulations with the same one have models of the same XML, and share a renderer. cameras: by
    name.
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
        """Begin an episode: the same seed, the same one to the byte."""
        ...

    def step(self, action: Float32) -> float:
        """One control step: action float32 (4,) in -1..1; returns the reward."""
        ...

    def outcome(self) -> Ending:
        """What has been done up to now."""
        ...

    def state(self) -> NDArray[Any]:
        """What scripted experts read, in the simulation's own order, float64."""
        ...

    def things(self) -> NDArray[Any]:
        """Where there is something to touch: float64 (N, 3), metres."""
        ...

    def proprioception(self) -> Float32:
        """End-effector position in metres and gripper opening 0..1: float32 (4,)."""
        ...
