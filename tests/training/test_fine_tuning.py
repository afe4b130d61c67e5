"""An iteration's learning: the mix of its batches, and what it leaves alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sail.config.schema import TrainingConfig
from sail.loop.agent import Agent
from sail.training.fine_tuning import (
    DYNAMICS_BATCH,
    MIXED_DYNAMICS_BATCH,
    finetune_inverse_dynamics,
    finetune_planner,
)
from sail.training.imagined_goals import imagine_goals
from sail.training.inverse_dynamics_fit import DynamicsBatch
from sail.types import Episode
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.saving import model_identity
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig
from sail_models.spaces.text_encoder import TEXT_TOKENS, TEXT_WIDTH

from embodied import sizes

CONFIG = TrainingConfig(steps=4, batch_size=6, self_fraction=0.5, inverse_dynamics_steps=3)


class CountingText:
    """In place of the text encoder: remembers the prompts of every call."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, prompts: list[str]) -> Tensor:
        self.calls.append(prompts)
        return torch.ones(len(prompts), TEXT_TOKENS, TEXT_WIDTH)


@pytest.fixture
def agent() -> Agent:
    torch.manual_seed(0)
    return Agent(
        autoencoder=Autoencoder(AutoencoderConfig(4, (8, 8, 8))).eval().requires_grad_(False),
        planner=PlannerNetwork(PlannerNetworkConfig(2, 8, 8, 4, widths=(16, 32), heads=2))
        .eval()
        .requires_grad_(False),
        inverse_dynamics=InverseDynamics(InverseDynamicsConfig(widths=(8, 16), features=16, **sizes()))
        .eval()
        .requires_grad_(False),
        text=CountingText(),  # type: ignore[arg-type]
        identity="",
        embodiment=METAWORLD.embodiment,
    )


def episode(prompt: str, steps: int = 30) -> Episode:
    rng = np.random.default_rng(steps)
    return Episode(
        frames=rng.integers(0, 256, (steps + 1, 64, 64, 3), dtype=np.uint8),
        proprioception=np.linspace(0, 1, 4 * (steps + 1), dtype=np.float32).reshape(-1, 4),
        actions=rng.uniform(-1, 1, (steps, 4)).astype(np.float32),
        success=True,
        prompt=prompt,
        task="door-open",
        seed=0,
        iteration=0,
        source="self",
    )


OLD, NEW = [episode("old"), episode("old", 12)], [episode("new", 25)]


def prompts(agent: Agent) -> list[str]:
    return sorted(prompt for call in agent.text.calls for prompt in call)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("demonstrations", "collected", "fraction", "expected"),
    [
        (OLD, NEW, 0.5, ["new"] * 12 + ["old"] * 12),
        (OLD, NEW, 0.0, ["old"] * 24),
        (OLD, NEW, 1.0, ["new"] * 24),
        (OLD, [], 0.5, ["old"] * 24),
        ([], NEW, 0.5, ["new"] * 24),
    ],
)
def test_batches_are_mixed_as_asked(
    agent: Agent,
    demonstrations: list[Episode],
    collected: list[Episode],
    fraction: float,
    expected: list[str],
) -> None:
    config = replace(CONFIG, self_fraction=fraction)
    finetune_planner(agent, demonstrations, collected, config, 0, lambda *_: None)
    assert prompts(agent) == expected


def test_the_agents_own_planner_stays_and_the_new_one_differs(agent: Agent) -> None:
    before, steps = model_identity(agent.planner), []
    found = finetune_planner(agent, OLD, NEW, CONFIG, 0, lambda step, loss: steps.append(step))
    assert model_identity(agent.planner) == before
    assert model_identity(found) != before
    assert not found.training
    assert not any(parameter.requires_grad for parameter in found.parameters())
    assert steps == [1, 2, 3, 4]


def test_the_seed_decides_the_planner(agent: Agent) -> None:
    def fit(seed: int) -> str:
        return model_identity(finetune_planner(agent, OLD, NEW, CONFIG, seed, lambda *_: None))

    first = fit(1)
    torch.randn(3)
    assert first == fit(1)
    assert first != fit(2)


def test_inverse_dynamics_learns_a_copy(agent: Agent) -> None:
    before, steps = model_identity(agent.inverse_dynamics), []
    found = finetune_inverse_dynamics(agent, OLD, NEW, None, CONFIG, 0, lambda *at: steps.append(at[0]))
    assert model_identity(agent.inverse_dynamics) == before
    assert model_identity(found) != before
    assert not found.training
    assert steps == [1, 2, 3]


@pytest.mark.parametrize("fraction", [0.7, 0.25])
def test_inverse_dynamics_rehearses_what_was_demonstrated(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, fraction: float
) -> None:
    seen, batches = [], []

    def recording(autoencoder: Autoencoder, by_camera: int) -> Callable[..., Tensor]:
        seen.append(by_camera)

        def loss(model: InverseDynamics, batch: DynamicsBatch, generator: torch.Generator) -> Tensor:
            batches.append(batch)
            return model.loss(batch.current, batch.goal, batch.arm, batch.actions, batch.reached, generator)

        return loss

    monkeypatch.setattr("sail.training.fine_tuning.dynamics_loss", recording)
    old, new = (
        replace(one, proprioception=np.full_like(one.proprioception, arm))
        for one, arm in ((OLD[0], 1.0), (NEW[0], 2.0))
    )
    config = replace(CONFIG, self_fraction=fraction, imagined_share=0.6)
    drawn = imagine_goals(agent, [new], 20, 2.0, 0)
    finetune_inverse_dynamics(agent, [old], [new], drawn, config, 0, lambda *_: None)
    arms = torch.stack([batch.arm[:, 0] for batch in batches])
    rehearsed = (arms == 1.0).sum(1)
    assert len(batches) == 3 and len(set(seen)) == 1 and ((arms == 1.0) | (arms == 2.0)).all()
    assert (rehearsed - (1.0 - fraction) * MIXED_DYNAMICS_BATCH).abs().max() < 1.0
    by_camera = seen[0]
    assert abs(MIXED_DYNAMICS_BATCH - by_camera - 0.6 * fraction * MIXED_DYNAMICS_BATCH) < 1.0
    assert (arms[:, by_camera:] == 2.0).all()
    # Whichever comes first is made to look as plans do: some of both.
    first = arms[:, : int(0.3 * by_camera)]
    assert all(set(some.tolist()) == {1.0, 2.0} for some in first)
    batches.clear()
    finetune_inverse_dynamics(agent, [], [new], drawn, config, 0, lambda *_: None)
    assert all(len(batch.arm) == DYNAMICS_BATCH and (batch.arm[:, 0] == 2.0).all() for batch in batches)


def test_nothing_to_learn_from_changes_nothing(agent: Agent) -> None:
    planner = finetune_planner(agent, [], [], CONFIG, 0, lambda *_: None)
    assert model_identity(planner) == model_identity(agent.planner)
    short = [episode("short", agent.inverse_dynamics.config.chunk - 1)]
    inverse_dynamics = finetune_inverse_dynamics(agent, short, [], None, CONFIG, 0, lambda *_: None)
    assert model_identity(inverse_dynamics) == model_identity(agent.inverse_dynamics)
