"""Worker processes end with the process that began them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

COLLECT_AND_DIE = """
import os, signal
from sail.data.demonstrations import collect, play_jobs
if __name__ == "__main__":
    for _ in collect(play_jobs(["reach"], 1000, horizon=5), workers=1):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_workers_of_a_killed_collection_end_with_it(
    tmp_path: Path, processes_of_session: Callable[[int], list[int]]
) -> None:
    script = tmp_path / "collect.py"
    script.write_text(COLLECT_AND_DIE)
    process = subprocess.Popen(
        [sys.executable, str(script)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert process.wait(300) == -signal.SIGKILL
        deadline = time.monotonic() + 30.0
        while processes_of_session(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not processes_of_session(process.pid)
    finally:
        for left in processes_of_session(process.pid):
            os.kill(left, signal.SIGKILL)
