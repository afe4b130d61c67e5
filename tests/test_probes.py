"""The text probe against planners whose answer to prompt and noise is known."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from sail.agent import Agent
from sail.config import PlannerConfig
from sail.probes import text_effect
from sail.types import UInt8
from sail_models.planner import Plan, Sampling


class _Planner:
    """Every pixel moves by `prompts[prompt]` grey levels, and by 2 more from noise seed 4 on."""

    def __init__(self, prompts: dict[str, int]) -> None:
        self.prompts = prompts

    def plan(self, frames: UInt8, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling) -> Plan:
        change = [
            self.prompts[p] + (2 if self.prompts[p] and s >= 4 else 0)
            for p, s in zip(prompts, seeds, strict=True)
        ]
        moved = frames[:, None] + np.array(change, np.uint8)[:, None, None, None, None]
        return Plan(np.repeat(moved, 8, 1))


class _Agent:
    def __init__(self, prompts: dict[str, int]) -> None:
        self.video_planner = _Planner(prompts)


def _effect(prompts: dict[str, int]) -> Any:
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    return text_effect(cast(Agent, _Agent(prompts)), PlannerConfig(), "scene", frames, "a", "b")


def test_changes_are_shares_of_the_motion() -> None:
    effect = _effect({"a": 10, "b": 30})  # the motion is 20 grey levels on average
    assert effect.text_change == pytest.approx(20 / 20)
    assert effect.noise_change == pytest.approx(2 / 20)
    assert effect.ratio == pytest.approx(10)


def test_a_plan_that_stands_still_is_no_division_by_zero() -> None:
    effect = _effect({"a": 0, "b": 0})
    assert (effect.text_change, effect.noise_change, effect.ratio) == (0.0, 0.0, 0.0)
