"""An iteration's learning from base weights as they lie on disk: what decides it, and that it repeats."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from sail.config.schema import TrainingConfig
from sail.loop.agent import Agent, load_base
from sail.training.fine_tuning import finetune_inverse_dynamics, finetune_planner
from sail.types import Episode, Source
from sail_models.saving import model_identity


def synthetic_episode(seed: int, source: Source, steps: int = 24) -> Episode:
    rng = np.random.default_rng(seed)
    return Episode(
        frames=rng.integers(0, 256, (steps + 1, 64, 64, 3), np.uint8),
        proprioception=np.cumsum(rng.uniform(0.0, 0.01, (steps + 1, 4)), axis=0).astype(np.float32),
        actions=rng.uniform(-1.0, 1.0, (steps, 4)).astype(np.float32),
        success=True,
        prompt="press the handle down",
        task="handle-press",
        seed=seed,
        iteration=0,
        source=source,
    )


@pytest.fixture(scope="module")
def agent(tiny_base: Path) -> Agent:
    return load_base(str(tiny_base))


DEMONSTRATIONS = [synthetic_episode(seed, "expert") for seed in range(2)]
COLLECTED = [synthetic_episode(seed, "self") for seed in range(2, 4)]
TRAINING = TrainingConfig(steps=3, batch_size=4, learning_rate=1e-2, inverse_dynamics_steps=3)


def ignore(step: int, loss: float) -> None:
    """No report."""


def test_the_fine_tuned_planner_differs_and_is_deterministic(agent: Agent) -> None:
    losses: list[float] = []
    planners = []
    for _ in range(2):
        torch.rand(7)  # whatever else drew random numbers before
        planners.append(
            finetune_planner(
                agent, DEMONSTRATIONS, COLLECTED, TRAINING, 5, lambda step, loss: losses.append(loss)
            )
        )
    assert model_identity(planners[0]) == model_identity(planners[1])
    assert losses[:3] == losses[3:]
    assert model_identity(planners[0]) != agent.identity
    assert model_identity(agent.planner) == agent.identity  # the agent's own is as it was
    other_seed = finetune_planner(agent, DEMONSTRATIONS, COLLECTED, TRAINING, 6, ignore)
    assert model_identity(other_seed) != model_identity(planners[0])


def test_what_is_collected_decides_what_is_learned(agent: Agent) -> None:
    without = finetune_planner(agent, DEMONSTRATIONS, [], TRAINING, 5, ignore)
    with_collected = finetune_planner(agent, DEMONSTRATIONS, COLLECTED, TRAINING, 5, ignore)
    only_collected = finetune_planner(agent, [], COLLECTED, TRAINING, 5, ignore)
    raw = dataclasses.replace(TRAINING, retime="none")
    not_retimed = finetune_planner(agent, [], COLLECTED, raw, 5, ignore)
    identities = {model_identity(m) for m in (without, with_collected, only_collected, not_retimed)}
    assert len(identities) == 4


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_any_number_of_steps_can_be_fine_tuned(agent: Agent, steps: int) -> None:
    training = dataclasses.replace(TRAINING, steps=steps, batch_size=1, inverse_dynamics_steps=steps)
    assert model_identity(finetune_planner(agent, DEMONSTRATIONS, [], training, 0, ignore)) != agent.identity
    finetune_inverse_dynamics(agent, DEMONSTRATIONS, [], None, training, 0, ignore)


def test_with_nothing_to_learn_from_the_planner_stays(agent: Agent, tmp_path: Path) -> None:
    same = finetune_planner(agent, [], [], TRAINING, 0, ignore)
    assert model_identity(same) == agent.identity and same is not agent.planner


def test_fine_tuned_inverse_dynamics_differs_is_deterministic_and_needs_long_enough_episodes(
    agent: Agent,
) -> None:
    episodes = [*DEMONSTRATIONS, synthetic_episode(9, "self", steps=3)]
    models = [finetune_inverse_dynamics(agent, episodes, [], None, TRAINING, 5, ignore) for _ in range(2)]
    before = model_identity(agent.inverse_dynamics)
    assert model_identity(models[0]) == model_identity(models[1]) != before
    short = [synthetic_episode(9, "self", steps=7)]
    assert model_identity(finetune_inverse_dynamics(agent, short, [], None, TRAINING, 5, ignore)) == before
    exact = [synthetic_episode(9, "self", steps=8)]
    assert model_identity(finetune_inverse_dynamics(agent, exact, [], None, TRAINING, 5, ignore)) != before
