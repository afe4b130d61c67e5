"""The cameras: MetaWorld's own, turned the right way up, and one framed on the workspace."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Camera:
    """A view: MuJoCo camera name, vertical field of view in degrees (None keeps the model's own), and
    whether the image is turned by 180 degrees (MetaWorld's corner cameras hang upside down)."""

    mujoco_name: str
    fovy: float | None = None
    turned: bool = False


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
