"""Jobs in worker processes that simulate and render."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from sail.errors import SailError
from sail_envs.processes import inherited_by_workers
from sail_envs.rendering import choose_backend

Job = TypeVar("Job")
Result = TypeVar("Result")


class WorkersError(SailError):
    """A worker process died."""


def in_workers(function: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """Call a function of a module for every job and yield the results in the jobs' order.

    workers: processes; with 0 the jobs are done in this one. Raises WorkersError if a worker dies,
    RenderingError without OpenGL, and what the function raises.
    """
    if workers == 0:
        choose_backend()  # before MuJoCo is imported
        yield from map(function, jobs)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=end_with_parent) as pool:
        try:
            with inherited_by_workers():
                results = pool.map(function, jobs)
            yield from results
        except BrokenProcessPool as error:
            raise WorkersError(
                "a worker died: use fewer workers where memory ran out; in a script of your own, start under "
                '`if __name__ == "__main__":`, because workers import the script'
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def end_with_parent() -> None:
    """End this worker when its parent has ended: a killed parent cannot stop its workers, and they would wait
    for jobs for ever."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
