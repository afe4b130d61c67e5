import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sail.types import Float32
from sail_envs.environment import SettingError, TaskEnv
from sail_envs.suite import UnknownNameError
from sail_envs.vector import VectorEnv, WorkerError

TASK = "drawer-open"
SETTINGS: dict[str, Any] = {"frame_skip": 4, "chunk": True, "record": True, "horizon": 30}


def chunk(seed: int) -> Float32:
    return np.random.default_rng(seed).uniform(-1, 1, (4, 4)).astype(np.float32)


def as_bytes(value: Any) -> Any:
    """Arrays as bytes, so that nested results compare exactly."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, dict):
        return {key: as_bytes(inner) for key, inner in value.items()}
    return [as_bytes(inner) for inner in value] if isinstance(value, tuple) else value


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    """What one environment after another does with seeds 10 to 13, two chunks each."""
    env = TaskEnv(TASK, **SETTINGS)
    return [
        [
            as_bytes(env.reset(seed=10 + index)[0]),
            *(as_bytes(env.step(chunk(index + k))) for k in range(2)),
        ]
        for index in range(4)
    ]


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_it_is_single_environments_to_the_byte(workers: int, expected: list[Any]) -> None:
    with VectorEnv(TASK, 4, workers, **SETTINGS) as environments:
        # A first episode elsewhere must leave no trace.
        environments.reset({0: 99, 3: 98})
        environments.step({3: chunk(7)})
        observations = environments.reset({index: 10 + index for index in range(4)})
        steps = [environments.step({i: chunk(i + k) for i in range(4)}) for k in range(2)]
    for index in range(4):
        found = [as_bytes(observations[index]), *(as_bytes(step[index]) for step in steps)]
        assert found == expected[index]


def test_only_the_environments_named_move() -> None:
    with VectorEnv(TASK, 3, 2, **SETTINGS) as environments:
        environments.reset({0: 0, 1: 1, 2: 2})
        assert list(environments.step({2: chunk(0), 0: chunk(1)})) == [2, 0]
        steps = environments.step({0: chunk(0), 1: chunk(0), 2: chunk(0)})
        assert [steps[index].info["steps"] for index in range(3)] == [8, 4, 8]
        assert list(environments.reset({1: 5})) == [1]
        with pytest.raises(IndexError):
            environments.step({3: chunk(0)})


def test_how_episodes_end_and_what_is_kept_of_them_is_asked_anew_at_a_reset() -> None:
    with VectorEnv(TASK, 2, 1, **{**SETTINGS, "record": False}) as environments:
        environments.reset({0: 0, 1: 1}, record=True)
        assert environments.step({0: chunk(0)})[0].info["frames"].shape == (4, 64, 64, 3)
        environments.reset({0: 0}, record=False)
        steps = environments.step({0: chunk(0), 1: chunk(0)})
        assert "frames" not in steps[0].info and "frames" in steps[1].info
        with pytest.raises(WorkerError, match="hold is -1: it must be 0 or more, or None"):
            environments.reset({0: 0}, hold=-1)


def test_a_killed_worker_is_an_error_within_seconds() -> None:
    with VectorEnv(TASK, 2, 2, **SETTINGS) as environments:
        environments.reset({0: 0, 1: 1})
        os.kill(environments._workers[1].process.pid or 0, signal.SIGKILL)
        began = time.monotonic()
        with pytest.raises(WorkerError, match=rf"'{TASK}' died \(SIGKILL\)") as raised:
            for _ in range(3):
                environments.step({0: chunk(0), 1: chunk(1)})
        assert time.monotonic() - began < 10
        assert "\n" not in str(raised.value)
        with pytest.raises(WorkerError, match="are closed"):
            environments.reset({0: 0})


def test_an_exception_in_a_worker_names_task_and_cause() -> None:
    with VectorEnv(TASK, 2, 1, **SETTINGS) as environments:
        environments.reset({0: 0})
        with pytest.raises(WorkerError, match=rf"'{TASK}' failed: .*shape \(3,\)"):
            environments.step({0: np.zeros(3, np.float32)})


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: VectorEnv("drawer-opne", 2), UnknownNameError, "'drawer-open'"),
        (lambda: VectorEnv(TASK, 0), SettingError, "0 environments"),
        (lambda: VectorEnv(TASK, 1, -1), SettingError, "-1 workers"),
        (lambda: VectorEnv(TASK, 1, camera="nowhere"), WorkerError, "unknown camera 'nowhere'"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    make: Callable[[], VectorEnv], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_closing_ends_the_workers() -> None:
    environments = VectorEnv(TASK, 2, 2)
    pids = [worker.process.pid for worker in environments._workers]
    environments.close()
    environments.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


SCRIPT = """
import signal
from sail_envs.suite import UnknownNameError
from sail_envs.vector import VectorEnv

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        print("starting", flush=True)
        with VectorEnv("reach", 2, 2) as environments:
            print(*(worker.process.pid for worker in environments._workers), flush=True)
            while True:
                environments.reset({0: 0, 1: 1})
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.fixture
def script(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that resets environments until it is stopped, in a process group of its own."""
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(SCRIPT))
    process = subprocess.Popen(
        [sys.executable, str(file)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("wait_for_workers", [False, True])
def test_ctrl_c_is_the_parents_alone(script: subprocess.Popen[str], wait_for_workers: bool) -> None:
    assert line_of(script) == "starting"
    if wait_for_workers:
        line_of(script)
    time.sleep(0.5)
    os.killpg(script.pid, signal.SIGINT)
    out, errors = script.communicate(timeout=60)
    assert (out.splitlines()[-1], errors, script.returncode) == ("interrupted", "", 0)


def test_workers_end_with_a_parent_that_is_killed(script: subprocess.Popen[str]) -> None:
    assert line_of(script) == "starting"
    pids = line_of(script).split()
    assert len(pids) == 2
    os.kill(script.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(running(pid) for pid in pids)


def running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
