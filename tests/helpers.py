"""What several test files need: commands called in this process, and small episodes."""

import http.client
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sail.cli import main as cli
from sail.data.store import EpisodeStore
from sail.errors import SailError
from sail.filters.human.labels import FILE, Label
from sail.filters.human.server import ask_people
from sail.types import Episode

Capture = pytest.CaptureFixture[str]

SMALL = (
    "rollouts=2",
    "evaluation_episodes=2",
    "envs=2",
    "workers=0",
    "horizon=24",
    "planner.steps=1",
    "training.steps=2",
    "training.batch_size=2",
    "demonstrations_per_task=0",
    "filter=none",
)

# The beginning of a script in which importing one of them fails from now on.
WITHOUT_TORCH = (
    "import sys\nfor name in ('torch', 'diffusers', 'transformers', 'onnx'):\n    sys.modules[name] = None\n"
)


def sail(capture: Capture, *words: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    code = cli.main([str(word) for word in words])
    output = capture.readouterr()
    return code, output.out, output.err


def refused(capture: Capture, *words: str | Path) -> str:
    """The one line about a command that fails."""
    code, _, error = sail(capture, *words)
    assert code == 2
    assert error.startswith("sail: error: ") and error.endswith("\n")
    assert error.count("\n") == 1, error
    return error


def make_episode(steps: int = 3, seed: int = 0, shape: tuple[int, int] = (6, 5), **changes: Any) -> Episode:
    """Random frames of `shape`, proprioception and actions; a success where the seed is odd."""
    rng = np.random.default_rng([steps, seed])
    episode = Episode(
        frames=rng.integers(0, 256, (steps + 1, *shape, 3), dtype=np.uint8),
        proprioception=rng.uniform(0.0, 1.0, (steps + 1, 4)).astype(np.float32),
        actions=rng.uniform(-1.0, 1.0, (steps, 4)).astype(np.float32),
        success=bool(seed % 2),
        prompt="press the handle",
        task="handle-press",
        seed=seed,
        iteration=0,
        source="self",
        model="abc123",
    )
    return replace(episode, **changes)


def assert_one_line(error: pytest.ExceptionInfo[SailError], *words: str) -> None:
    """The message is one line that holds every word."""
    message = str(error.value)
    assert len(message.splitlines()) == 1
    for word in words:
        assert word in message


# Episodes on the labelling page, and control steps of each.
LABELLED, LABELLED_STEPS = 3, 10


class Labelling:
    """The labelling page's server in a thread, as a loop runs it. labels: the loop's answer, once the thread
    has ended."""

    def __init__(self, folder: Path) -> None:
        self.store = EpisodeStore(folder)
        if not self.store.records():
            for seed in range(LABELLED):
                self.store.add(make_episode(LABELLED_STEPS, seed))
        self.records, self.path = self.store.records(), folder / FILE
        self.told: list[str] = []
        self.labels: dict[str, Label] = {}
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        ends = time.monotonic() + 10.0
        while not self.told and self.thread.is_alive() and time.monotonic() < ends:
            time.sleep(0.01)

    def _run(self) -> None:
        self.labels = ask_people(self.store, self.records, self.path, 0, self.told.append)

    @property
    def address(self) -> str:
        return self.told[0].split(" at ")[1]

    def ask(
        self, method: str, path: str, content: object = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        host = self.address.removeprefix("http://").rstrip("/")
        connection = http.client.HTTPConnection(host, timeout=10)
        body = None if content is None else json.dumps(content)
        own = {"Content-Type": "application/json"} if method == "POST" else {}
        connection.request(method, path, body, {**own, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())

    def say(self, episode: int, label: str) -> int:
        return self.ask("POST", "/labels", {"episode": str(episode), "label": label})[0]


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
