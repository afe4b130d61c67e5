"""Robot files for tests: the Panda's, and those of arms that see and do something else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PANDA = Path(__file__).parents[1] / "robot" / "config" / "panda.yaml"

# Another embodiment of the Panda: 48x64 frames, an action of 20 mm and 0.05 rad every 0.1 s, four to the next
# planned frame.
TURNING: Mapping[str, Any] = {
    "embodiment.height": 48,
    "embodiment.control_period": "100 ms",
    "embodiment.frame_skip": 4,
    "embodiment.plan_frames": 6,
    "embodiment.displacement": "20 mm",
    "embodiment.turn": "0.05 rad",
    "embodiment.orientation": "6-D",
    "embodiment.low": None,
    "embodiment.high": None,
}


def robot_file(folder: Path, changes: Mapping[str, Any]) -> Path:
    """The Panda's file with some keys changed (None: left out)."""
    tree = yaml.safe_load(PANDA.read_text())
    for key, value in changes.items():
        group, _, name = key.rpartition(".")
        inside = tree[group] if group else tree
        if value is None:
            del inside[name]
        else:
            inside[name] = value
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path
