from collections.abc import Iterator

import pytest

from sail.filters.vlm import endpoint

from endpoints import Answers


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    monkeypatch.setattr(endpoint, "_WAIT", 0.01)
    with Answers() as server:
        yield server
