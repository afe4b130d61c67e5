"""What several test files need: commands called in this process, and small episodes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sail.cli import main as cli
from sail.errors import SailError
from sail.types import Episode

Capture = pytest.CaptureFixture[str]

SMALL = (
    "rollouts=2",
    "evaluation_episodes=2",
    "envs=2",
    "workers=1",
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
