"""How many processor cores this process may use."""

import math
import os
from pathlib import Path

# Where control groups of version 2 say it: "QUOTA PERIOD" in microseconds, or "max PERIOD".
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def permitted_cores(quota: Path = _QUOTA) -> int:
    """Cores that the system permits, by affinity and control group; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        granted, period = quota.read_text().split()[:2]
        if granted != "max":
            cores = min(cores, math.ceil(int(granted) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return cores  # there are no such control groups
    return max(1, cores)
