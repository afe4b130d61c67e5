"""Time and memory of a new process that plans once with an exported folder.

`python -m sail.export.cold_start FOLDER PROVIDER` is that process.
"""

import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sail.export.folder import ExportError
from sail.export.runtime import ExportedPlanner

# Processes that are started. The first one fills the caches and is not counted.
_TIMES = 4
_KILOBYTE = 1024


@dataclass(frozen=True)
class ColdStart:
    """seconds: from the start of the interpreter to the first plan. memory: the process' peak, in bytes."""

    seconds: float
    memory: int


def cold_start(folder: Path, provider: str) -> ColdStart:
    """Measure a cold start: medians over several new processes, with warm caches. Raises ExportError."""
    found = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "sail.export.cold_start", str(folder), provider]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode != 0:
            raise ExportError(f"a new process cannot plan with {folder}: {ended.stderr.strip()[-200:]}")
        found.append((time.perf_counter() - begun, int(ended.stdout)))
    seconds, memory = np.median(np.array(found[1:]), axis=0)
    return ColdStart(float(seconds), int(memory))


def _plan_once(folder: Path, provider: str) -> None:
    planner = ExportedPlanner(folder, provider, batch=1)
    frames = np.zeros((1, planner.embodiment.height, planner.embodiment.width, 3), np.uint8)
    planner.plan(frames, ["push the cup forward"], [0])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE)


if __name__ == "__main__":
    _plan_once(Path(sys.argv[1]), sys.argv[2])
