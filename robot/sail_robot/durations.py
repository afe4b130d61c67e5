"""The newest durations of a repeated task, and their 99th percentile."""

from collections import deque

import numpy as np


class Durations:
    """The last `count` durations, in seconds."""

    def __init__(self, count: int = 2000) -> None:
        self._last: deque[float] = deque(maxlen=count)

    def add(self, seconds: float) -> None:
        """Add one duration."""
        self._last.append(seconds)

    def p99(self) -> str:
        """The 99th percentile, as a text in milliseconds."""
        return f"{1e3 * float(np.percentile(self._last, 99)):.2f} ms" if self._last else "none yet"
