"""What exploring does to actions: the noise's own statistics, and bursts within the workspace."""

import numpy as np

from sail.config import ExplorationConfig
from sail.exploration import BURST_CHUNKS, NO_EXPLORATION, NOISE_MEMORY, STEP_LENGTH, Explorer
from sail.types import FRAME_SKIP
from sail_envs.tasks import family_of

TASK = "handle-press"
STILL = np.zeros((FRAME_SKIP, 4), np.float32)
ARM = np.array([0.0, 0.6, 0.2, 1.0], np.float32)


def test_noise_on_actions_is_correlated_and_of_the_size_that_was_asked_for() -> None:
    explorer = Explorer(ExplorationConfig(action_noise=0.2), TASK, salt=0)
    explorer.start(0, seed=1)
    noise = np.concatenate([explorer.vary(0, STILL, ARM) for _ in range(2000)])
    # Independent samples are about 20 times fewer than steps: 3 standard errors.
    assert abs(noise[200:].std() / 0.2 - 1.0) < 0.06
    after = (noise[1:] * noise[:-1]).mean() / noise.var()
    assert abs(after - NOISE_MEMORY) < 0.03
    assert np.abs(noise).max() <= 1.0


def test_without_exploration_nothing_changes() -> None:
    explorer = Explorer(NO_EXPLORATION, TASK, salt=0)
    explorer.start(0, seed=1)
    assert explorer.vary(0, STILL, ARM) is STILL and explorer.guidance(0) == 0.0


def test_a_burst_leads_into_the_workspace_and_ends() -> None:
    explorer, family = Explorer(ExplorationConfig(waypoint_fraction=1.0), TASK, salt=0), family_of(TASK)
    explorer.start(0, seed=1)
    for _ in range(BURST_CHUNKS):
        chunk = explorer.vary(0, STILL, ARM)
        reached = ARM[:3] + STEP_LENGTH * chunk[:, :3].sum(0)
        low, high = np.minimum(family.low, ARM[:3]), np.maximum(family.high, ARM[:3])
        assert np.abs(chunk).max() > 0.0
        assert ((low - 1e-6 <= reached) & (reached <= high + 1e-6)).all()
    assert explorer.vary(0, STILL, ARM) is STILL


def test_the_same_seed_explores_alike_and_another_salt_otherwise() -> None:
    config = ExplorationConfig(action_noise=0.5, guidance_spread=2.0)

    def explored(salt: int, seed: int) -> tuple[float, bytes]:
        explorer = Explorer(config, TASK, salt)
        explorer.start(3, seed)
        return explorer.guidance(3), explorer.vary(3, STILL, ARM).tobytes()

    assert explored(0, 5) == explored(0, 5)
    assert len({explored(0, 5), explored(1, 5), explored(0, 6)}) == 3
    assert all(abs(explored(0, seed)[0]) <= 2.0 for seed in range(20))
