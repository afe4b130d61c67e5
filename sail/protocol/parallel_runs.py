"""Several runs at once, each in a process of its own."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from sail.system.workers import WorkersError, end_with_parent
from sail_envs.processes import inherited_by_workers

Result = TypeVar("Result")


@contextmanager
def runs_at_once(count: int) -> Iterator[Executor]:
    """An executor of long jobs that simulate and compute, each in a process of its own with its share of the
    processor's threads; one at a time is done here. Whoever leaves by an exception ends those under way.

    What they raise is raised by their futures, and WorkersError if a process dies.
    """
    if count == 1:
        yield _Here()
        return
    spawn, before = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    threads = max(1, torch.get_num_threads() // count)
    pool = ProcessPoolExecutor(count, mp_context=spawn, initializer=_begin, initargs=(threads,))
    try:
        with inherited_by_workers():  # here alone, as it keeps Ctrl-C from this process too
            pool.map(_nothing, range(count))
        yield pool
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - set(before):
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise WorkersError("a run's process died: where memory ran out, use fewer jobs") from error
        raise
    pool.shutdown()


class _Here(Executor):
    def submit(self, function: Callable[..., Result], /, *words: Any, **more: Any) -> Future[Result]:
        done: Future[Result] = Future()
        done.set_result(function(*words, **more))
        return done


def _nothing(number: int) -> None:
    """An empty job. Each makes the pool start a process."""


def _begin(threads: int) -> None:
    torch.set_num_threads(threads)
    end_with_parent()
