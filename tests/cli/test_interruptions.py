"""Signals, and readers that leave."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sail.data.store import EpisodeStore
from sail.loop.run_folder import open_run

from helpers import SMALL, make_episode


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "code", "demonstrations"),
    [pytest.param(signal.SIGTERM, 143, 0, marks=pytest.mark.slow), (signal.SIGINT, 130, 1)],
)
def test_a_signal_ends_a_run_with_one_line_and_all_its_processes(
    number: signal.Signals,
    code: int,
    demonstrations: int,
    tiny_base: Path,
    tmp_path: Path,
    processes_of_session: Callable[[int], list[int]],
) -> None:
    out = tmp_path / "run"
    words = ["run", "--preset", "smoke", *SMALL, f"base={tiny_base}", "--out", str(out)]
    words += [f"demonstrations_per_task={demonstrations}", "evaluation_episodes=500", "horizon=200"]
    words.append("workers=1")
    process = subprocess.Popen(
        [sys.executable, "-m", "sail", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        # A spawned worker beside the resource tracker: of environments, or of experts.
        wait_for(lambda: len(processes_of_session(process.pid)) >= 3 or process.poll() is not None)
        time.sleep(1.0)
        os.kill(process.pid, number)
        _, error = process.communicate(timeout=300)
        assert process.returncode == code, error
        assert error == (
            f"sail: interrupted: finished steps are kept; go on with: sail run --resume --out {out}\n"
        )
        wait_for(lambda: not processes_of_session(process.pid), 30.0)
    finally:
        for left in processes_of_session(process.pid):
            os.kill(left, signal.SIGKILL)
        process.wait()
    assert open_run(out).config.evaluation_episodes == 500


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    store.add(make_episode())
    command = f"{sys.executable} -m sail data {tmp_path} --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")
