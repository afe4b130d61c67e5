"""Attempts of every kind, judged by real MetaWorld."""

import io
from pathlib import Path

import numpy as np
import pytest

from sail.report.live_table import LiveTable
from sail.training import judged_attempts as module
from sail.training.checkpointed_fit import TrainError
from sail.training.judged_attempts import EVERY, STEPS, AttemptJob, judged_attempts, make_attempt

from helpers import assert_one_line


@pytest.mark.slow
def test_an_expert_is_done_and_goes_off_and_the_flag_is_of_the_moment() -> None:
    shown, late, cut = (make_attempt(AttemptJob("drawer-close", "", index)) for index in (0, 2, 3))
    for one in (shown, late, cut):
        assert one.frames.shape == (STEPS // EVERY + 1, 64, 64, 3) and one.frames.dtype == np.uint8
        assert len(one.done) == len(one.moved) == len(one.frames) and not one.done[0] and one.moved[0] == 0
        assert one.arm.shape == one.frames.shape[:3] and 0.02 < (one.arm > 127).mean() < 0.5
        assert (np.abs(np.diff(one.moved)) < 0.1).all()
    assert shown.done.any() and late.done.any()
    # What is done has been moved, and the arm is elsewhere at the end.
    assert shown.moved[shown.done].min() > 0.05
    first = int(np.argmax(shown.done))
    off = shown.frames[first].astype(int) - shown.frames[-1]
    assert np.abs(off).max(-1).mean() > 5


def test_the_same_attempt_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", 40)
    one, again = (make_attempt(AttemptJob("reach", "", 2)) for _ in range(2))
    assert one.frames.tobytes() == again.frames.tobytes() and one.done.tolist() == again.done.tolist()


def test_what_is_there_is_not_made_again_and_damage_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "in_workers", lambda function, jobs, workers: map(function, jobs))
    made: list[AttemptJob] = []
    monkeypatch.setattr(module, "STEPS", 4)
    real = make_attempt
    monkeypatch.setattr(module, "make_attempt", lambda job: made.append(job) or real(job))  # type: ignore[func-returns-value]
    live = LiveTable("test", io.StringIO())
    first = judged_attempts(["reach"], 2, tmp_path, live, 1)
    again = judged_attempts(["reach"], 3, tmp_path, live, 1)
    assert made == [AttemptJob("reach", "", index) for index in range(3)]
    assert [task for task, _ in again] == ["reach"] * 3
    assert all((a.frames == b.frames).all() for (_, a), (_, b) in zip(first, again, strict=False))
    damaged = tmp_path / "reach-0001.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(TrainError) as error:
        judged_attempts(["reach"], 3, tmp_path, live, 1)
    assert_one_line(error, "reach-0001.npz", "remove it")
