"""Whether weights were trained for this robot's camera and for what its controller does with actions."""

from sail.embodiment import Embodiment
from sail.errors import SailError
from sail_envs.panda.arm import CONTROL_SECONDS, STEP_LENGTH


class FittingError(SailError):
    """Weights of another camera or another action space."""


def check_fit(known: Embodiment, camera: str, name: str) -> None:
    """Refuse weights of another camera than the robot's, or of actions that are no displacements of
    STEP_LENGTH within CONTROL_SECONDS. name: what to call them. Raises FittingError."""
    if known.camera != camera:
        raise FittingError(
            f"{name} knows the camera '{known.camera}', the robot's is '{camera}': take weights that were "
            "trained with it (base), or correct the robot's file (camera)"
        )
    if (known.control_seconds, known.step_length) != (CONTROL_SECONDS, STEP_LENGTH):
        raise FittingError(
            f"{name} was trained for actions of {known.step_length:g} m in {known.control_seconds:g} s, not "
            f"{STEP_LENGTH:g} m in {CONTROL_SECONDS:g} s: take weights that were trained for these (base)"
        )
