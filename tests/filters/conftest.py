"""A page at work, and its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from labelling_page import COUNT, Labelling


@pytest.fixture
def labelling(tmp_path: Path) -> Iterator[Labelling]:
    made = Labelling(tmp_path)
    yield made
    for episode in range(COUNT):
        if made.thread.is_alive():
            made.say(episode, "skip")
    if made.thread.is_alive():
        made.ask("POST", "/finish", {})
    made.thread.join(timeout=10)
    assert not made.thread.is_alive()
