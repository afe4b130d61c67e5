"""The settings that worker processes inherit from their parent: threads, signals, OpenGL."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

from sail_envs.rendering import choose_backend

# One thread a worker, in numerical libraries and in Mesa's software rasteriser: the workers are what
# runs in parallel.
_VARIABLES = {"OMP_NUM_THREADS": "1", "LP_NUM_THREADS": "0"}


@contextmanager
def inherited_by_workers() -> Iterator[None]:
    """Processes spawned inside use one thread each, leave Ctrl-C to their parent and know the back end.

    They inherit these settings, because a process that sets them itself is too late: NumPy is loaded, and
    Ctrl-C may have come. Raises RenderingError where no back end works.
    """
    choose_backend()
    resource_tracker.ensure_running()  # starting it unblocks the signal
    variables_before = {name: os.environ.get(name) for name in _VARIABLES}
    blocked_before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(_VARIABLES)
    try:
        yield
    finally:
        for name, value in variables_before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked_before)
