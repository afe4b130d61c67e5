"""One finished run for all tests of commands that read it."""

from pathlib import Path

import pytest

from sail.cli import main as cli

from helpers import SMALL


@pytest.fixture(scope="session")
def finished(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run made by the command line."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert cli.main(["run", "--preset", "smoke", *SMALL, f"base={tiny_base}", "--out", str(folder)]) == 0
    return folder
