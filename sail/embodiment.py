"""The embodiment of base weights: the camera they see through, and what one of their actions does.

Weights of another embodiment load and run without an error, but their actions mean other motions. The robot's
nodes refuse them (`sail_robot.robot_file.check_embodiment`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sail.errors import SailError

FILE = "embodiment.json"


class EmbodimentError(SailError):
    """Base weights without a readable embodiment.json."""


@dataclass(frozen=True)
class Embodiment:
    """camera: name of the camera's place; cameras of one name see a scene alike. control_seconds: how long
    one action lasts. step_length: metres that the end effector moves by an action of 1."""

    camera: str
    control_seconds: float
    step_length: float

    def as_json(self) -> bytes:
        """The content of embodiment.json."""
        return (json.dumps(asdict(self), indent=2) + "\n").encode()


# The embodiment of each value of `scenes` in `sail train`.
EMBODIMENTS = {
    "metaworld": Embodiment("metaworld/workspace", 0.0125, 0.01),
    "panda": Embodiment("panda/workspace", 0.05, 0.01),
}


def read_embodiment(base: Path) -> Embodiment:
    """The embodiment in a folder of base weights. Raises EmbodimentError."""
    path = base / FILE
    try:
        content = json.loads(path.read_text())
        return Embodiment(
            str(content["camera"]), float(content["control_seconds"]), float(content["step_length"])
        )
    except OSError as error:
        raise EmbodimentError(
            f"{path} is not there: it says what camera and actions the weights know; sail train writes it"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise EmbodimentError(
            f"{path} does not say what camera and actions the weights know ({error}): copy or write it again"
        ) from error
