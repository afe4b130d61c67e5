"""How long a new process takes to its first plan: `python -m sail.export.start FOLDER PROVIDER` makes one."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from sail.export.folder import ExportError
from sail.export.runtime import ExportedPlanner

# The first makes the files and caches warm, and is not counted.
_TIMES = 4


def cold_start(folder: Path, provider: str) -> float:
    """Seconds from nothing, interpreter and imports included, to a first plan: the median of several, after
    one that leaves all caches warm. Raises ExportError."""
    seconds = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "sail.export.start", str(folder), provider]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode != 0:
            raise ExportError(f"a new process cannot plan with {folder}: {ended.stderr.strip()[-200:]}")
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds[1:]))


def _plan_once(folder: Path, provider: str) -> None:
    planner = ExportedPlanner(folder, provider, batch=1)
    side = planner.config.frame_size
    planner.plan(np.zeros((1, side, side, 3), np.uint8), ["push the cup forward"], [0])


if __name__ == "__main__":
    _plan_once(Path(sys.argv[1]), sys.argv[2])
