"""Cameras: a model's own and free ones; and MetaWorld's, turned the right way up, with one framed on the
workspace."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """A view: MuJoCo camera name, vertical field of view in degrees (None keeps the model's own), and
    whether the image is turned by 180 degrees (MetaWorld's corner cameras hang upside down)."""

    mujoco_name: str
    fovy: float | None = None
    turned: bool = False


@dataclass(frozen=True)
class FreeCamera:
    """A view that is in no model: from `distance` metres away at the point `lookat` (metres, world frame).

    azimuth, elevation: where it looks, in degrees: at azimuth 0 along +x, at 90 along +y; below the horizon
    where elevation is negative. fovy: the vertical field of view in degrees.
    """

    lookat: tuple[float, float, float]
    distance: float
    azimuth: float
    elevation: float
    fovy: float = 45.0
    turned: bool = False

    def pose(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The eye, float64 (3,), and the axes right, up and back as columns, float64 (3, 3)."""
        azimuth, elevation = np.radians((self.azimuth, self.elevation))
        level = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
        forward = np.cos(elevation) * level + [0.0, 0.0, np.sin(elevation)]
        up = -np.sin(elevation) * level + [0.0, 0.0, np.cos(elevation)]
        axes = np.column_stack([np.cross(forward, up), up, -forward])
        return np.array(self.lookat) - self.distance * forward, axes


# What a renderer draws from.
View = Camera | FreeCamera

CAMERAS: dict[str, Camera] = {
    "workspace": Camera("corner", fovy=30.0, turned=True),
    "corner": Camera("corner", turned=True),
    "corner2": Camera("corner2", turned=True),
    "corner3": Camera("corner3", turned=True),
    "corner4": Camera("corner4", turned=True),
    "topview": Camera("topview"),
    "behindGripper": Camera("behindGripper"),
    "gripperPOV": Camera("gripperPOV"),
}
