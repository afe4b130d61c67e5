"""Runs at once: in processes of their own, with a share of the threads, and Ctrl-C still ends them."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator

import pytest
import torch

from sail.protocol.parallel_runs import runs_at_once


@pytest.fixture
def _four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_four_threads")
def test_runs_at_once_share_the_threads() -> None:
    with runs_at_once(2) as executor:
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        at_once = [executor.submit(time.sleep, 1) for _ in range(2)]
        assert all(future.result() is None for future in at_once)
        assert executor.submit(torch.get_num_threads).result() == 2
        assert executor.submit(os.getpid).result() != os.getpid()
    with runs_at_once(1) as executor:
        assert executor.submit(os.getpid).result() == os.getpid()


def test_whoever_leaves_ends_what_is_under_way() -> None:
    before = set(multiprocessing.active_children())
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), runs_at_once(2) as executor:
        executor.submit(time.sleep, 1).result()
        executor.submit(time.sleep, 600)
        raise KeyboardInterrupt
    # Not joined: the executor's own thread may be, and a child that both wait for seems to live on a moment.
    while set(multiprocessing.active_children()) - before and time.monotonic() - began < 60:
        time.sleep(0.1)
    assert time.monotonic() - began < 60
