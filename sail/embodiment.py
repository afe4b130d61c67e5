"""What base weights were trained to see and to do: the camera, and what an action means.

Weights of another embodiment load and run as well as the right ones, and move the arm to nowhere; on a
robot that is refused (`sail_robot.planning`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sail.errors import SailError
from sail.system.files import write_atomically

FILE = "embodiment.json"


class EmbodimentError(SailError):
    """Weights that do not say what they were trained to see and do."""


@dataclass(frozen=True)
class Embodiment:
    """camera: its name, whatever sees a scene from the same place. control_seconds: how long one action
    lasts. step_length: metres of the end effector by an action of 1."""

    camera: str
    control_seconds: float
    step_length: float


# By what `sail train` calls the scenes.
EMBODIMENTS = {
    "metaworld": Embodiment("metaworld/workspace", 0.0125, 0.01),
    "panda": Embodiment("panda/workspace", 0.05, 0.01),
}


def write_embodiment(base: Path, embodiment: Embodiment) -> None:
    """Say it in the folder of base weights."""
    write_atomically(base / FILE, (json.dumps(asdict(embodiment), indent=2) + "\n").encode())


def read_embodiment(base: Path) -> Embodiment:
    """What base weights say of themselves. Raises EmbodimentError where they do not."""
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
