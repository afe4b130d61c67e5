"""As many cores as the system permits, not as many as there are."""

import os
from pathlib import Path

import pytest

from sail.system.cores import permitted_cores


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 64),
        ("100000 100000", 1),
        ("150000 100000", 2),
        ("1000 100000", 1),
        ("9900000 100000", 64),
        ("", 64),
        ("x y", 64),
        ("1 0", 64),
    ],
)
def test_the_smaller_of_affinity_and_quota(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)))
    (tmp_path / "cpu.max").write_text(quota)
    assert permitted_cores(tmp_path / "cpu.max") == cores
    assert permitted_cores(tmp_path / "none") == 64


def test_affinity_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert permitted_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
