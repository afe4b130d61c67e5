"""One process works on a folder; its end, however it comes, is the end of its lock."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sail.system.files import FileError
from sail.system.locks import locked

from helpers import assert_one_line

HOLDS = """
import sys, time
from pathlib import Path
from sail.system.locks import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_and_a_kill_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, tmp_path], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None and first.stdout.readline() == b"locked\n"
        with pytest.raises(FileError) as error, locked(tmp_path):
            pass
        assert_one_line(error, "another process works on", str(tmp_path))
        first.send_signal(signal.SIGKILL)
    with locked(tmp_path):
        pass
