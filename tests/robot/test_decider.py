"""With a policy the controller plays one chunk after another, each from what is seen when it begins."""

from collections.abc import Sequence

import numpy as np
import pytest

from sail.types import Float32, UInt8
from sail_models.interfaces import PromptError
from sail_robot.deciding import Decider

FRAME, ARM = np.zeros((4, 4, 3), np.uint8), np.zeros(4, np.float32)
STEP, CHUNK = 0.05, 8


class Telling:
    """A policy whose actions say what was seen, and their place in the chunk."""

    identity = "telling"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def decide(
        self, frames: UInt8, prompts: Sequence[str], proprioception: Float32, seeds: Sequence[int]
    ) -> Float32:
        assert frames.shape == (1, 4, 4, 3) and proprioception.shape == (1, 4)
        self.asked.append((prompts[0], seeds[0]))
        chunk = np.zeros((1, CHUNK, 4), np.float32)
        chunk[0, :, 0], chunk[0, :, 1] = frames[0, 0, 0, 0], np.arange(CHUNK)
        return chunk


def run(decider: Decider, begin: float, steps: int) -> list[tuple[float, float]]:
    actions = [decider.act(begin + STEP * i, FRAME + i, ARM) for i in range(steps)]
    return [(float(action[0]), float(action[1])) for action in actions if action is not None]


def test_a_chunk_is_of_what_was_seen_when_it_began() -> None:
    telling = Telling()
    played = run(Decider(telling, "push it", STEP), 10.0, 2 * CHUNK)
    assert played == [(0, i) for i in range(CHUNK)] + [(CHUNK, i) for i in range(CHUNK)]
    assert [prompt for prompt, _ in telling.asked] == ["push it"] * 2
    assert len({seed for _, seed in telling.asked}) == 2  # not the same noise again and again


def test_another_prompt_counts_from_the_next_chunk_on_and_an_attempt_begins_anew() -> None:
    telling = Telling()
    decider = Decider(telling, "push it", STEP)
    run(decider, 0.0, 3)
    decider.ask("pull it")
    assert run(decider, 3 * STEP, 1) == [(0, 3)]
    decider.forget(4 * STEP)
    assert run(decider, 4 * STEP, 1) == [(0, 0)]
    assert [prompt for prompt, _ in telling.asked] == ["push it", "pull it"]
    with pytest.raises(PromptError):
        decider.ask("  ")
    with pytest.raises(PromptError):
        Decider(telling, "", STEP)
