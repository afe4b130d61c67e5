"""Whether base weights were trained for this robot's camera and for what its controller does with actions."""

from sail.embodiment import Embodiment, read_embodiment
from sail.types import SailError
from sail_envs.panda.arm import CONTROL_SECONDS, STEP_LENGTH
from sail_models.saving import find_base


class FittingError(SailError):
    """Base weights of another camera or another action space."""


def check_base(base: str, camera: str) -> None:
    """Refuse base weights (a shipped name, or a folder) of another camera than the robot's, or of actions
    that are no displacements of STEP_LENGTH within CONTROL_SECONDS. Raises SailError."""
    known, needed = read_embodiment(find_base(base)), Embodiment(camera, CONTROL_SECONDS, STEP_LENGTH)
    if known.camera != camera:
        raise FittingError(
            f"base '{base}' knows the camera '{known.camera}', the robot's is '{camera}': take weights that "
            "were trained with it (base), or correct the robot's file (camera)"
        )
    if known != needed:
        raise FittingError(
            f"base '{base}' was trained for actions of {known.step_length:g} m in "
            f"{known.control_seconds:g} s, not {STEP_LENGTH:g} m in {CONTROL_SECONDS:g} s: take weights that "
            "were trained for these (base)"
        )
