"""The part that all MuJoCo simulations share: their cameras, drawn by this process's one renderer."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from sail.types import UInt8
from sail_envs.cameras import View
from sail_envs.rendering import shared_renderer
from sail_envs.simulation import Simulation


class MujocoSimulation(Simulation, Protocol):
    """A simulation with a MuJoCo model.

    views: its cameras by name, the suite's own first. drawn_as: a name for the model's XML; simulations that
    share it share a renderer. model, data: MuJoCo's.
    """

    views: Mapping[str, View]
    drawn_as: str
    model: Any
    data: Any

    @property
    def cameras(self) -> Collection[str]:
        """The names of the cameras."""
        return self.views.keys()

    def frame(self, camera: str, height: int, width: int) -> UInt8:
        """See `Simulation`."""
        renderer = shared_renderer(self.drawn_as, self.model, height, width)
        return renderer.frame(self.model, self.data, self.views[camera])

    def arm_mask(self, camera: str, height: int, width: int) -> UInt8:
        """See `Simulation`."""
        renderer = shared_renderer(self.drawn_as, self.model, height, width)
        return renderer.arm(self.model, self.data, self.views[camera])
