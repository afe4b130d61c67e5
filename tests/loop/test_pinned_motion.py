"""An arm of four numbers moves as it did when the figures of results/ were measured.

The digests are of actions in units of 0.0001: another processor may round the last digits otherwise.
"""

import hashlib

import numpy as np
import pytest

from sail.config.schema import ExplorationConfig
from sail.loop.actors import RandomActor
from sail.loop.exploration import Explorer, Repeater, Unplanned, Wanderer
from sail.types import Episode, Float32
from sail_envs.environment import TaskEnv
from sail_envs.experts import (
    Scripted,
    expert,
    mixed_with_random,
    random_actions,
    random_push,
    record_episode,
    with_noise,
)
from sail_envs.play import play, waypoints

from point_arms import CARTESIAN

SUITE = "point_arms:CARTESIAN"


def digest(actions: np.ndarray) -> str:
    assert actions.dtype == np.float32 and actions.shape[-1] == 4
    return hashlib.sha256(np.round(actions * 1e4).astype("<i4").tobytes()).hexdigest()[:16]


def followed(unplanned: Unplanned, chunks: int = 30) -> Float32:
    """The actions of an arm that goes exactly where it is sent."""
    arm, made = np.array([0.0, 0.6, 0.2, 1.0], np.float32), []
    for _ in range(chunks):
        made.append(unplanned.chunk(arm))
        arm[:3] += 0.01 * made[-1][:, :3].sum(0)
    return np.concatenate(made)


def recorded(policy: Scripted, pushed: bool = False) -> Episode:
    env = TaskEnv("do", SUITE, height=8, width=8, horizon=120, hold=None)
    push = random_push(np.random.default_rng(3)) if pushed else None
    return record_episode(env, policy, 0, "play", push)


def test_the_wanderer() -> None:
    assert digest(followed(Wanderer(CARTESIAN, np.random.default_rng(5)))) == "eb655b206d3d6731"
    actor, seen = RandomActor(CARTESIAN, salt=2), np.array([0.1, 0.6, 0.2, 1.0], np.float32)
    actor.start(0, seed=7)
    made = np.concatenate([actor.act({0: {"proprioception": seen}})[0] for _ in range(12)])
    assert digest(made) == "f5dcc6cf12c28ed8"


def test_the_repeater() -> None:
    successes = [recorded(with_noise(expert_of(), np.random.default_rng(seed))) for seed in range(2)]
    assert digest(followed(Repeater(CARTESIAN, successes, np.random.default_rng(1)))) == "6a746ad7806b0ba2"


def test_the_explorer() -> None:
    config = ExplorationConfig(action_noise=0.4, noisy_fraction=0.6, random_fraction=0.3, repeat_fraction=0.5)
    explorer, made = Explorer(config, CARTESIAN, 3, [recorded(expert_of())]), []
    for seed in range(20):
        explorer.start(0, seed)
        unplanned = explorer.unplanned(0)
        made.append(
            followed(unplanned, 4) if unplanned else explorer.vary(0, np.full((32, 4), 0.5, np.float32))
        )
    assert digest(np.concatenate(made)) == "b45b398c6b452d60"
    assert sorted({way.value for way in explorer.ways.values()}) == ["noisy", "planned", "random", "repeated"]


def expert_of() -> Scripted:
    return expert(TaskEnv("do", SUITE))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("random", "0acb32d2297fe390"),
        ("mixed", "345f8be36fe84ac7"),
        ("noisy", "b545dc57ec68ca29"),
        ("waypoints", "5c1d4c19022417f8"),
        ("play", "489706367d3d9ed6"),
    ],
)
def test_scripted_motion(name: str, expected: str) -> None:
    rng = np.random.default_rng(11)
    policies = {
        "random": random_actions(rng),
        "mixed": mixed_with_random(expert_of(), rng, 0.5),
        "noisy": with_noise(expert_of(), rng, 0.7),
        "waypoints": waypoints(rng),
        "play": play(rng),
    }
    assert digest(recorded(policies[name]).actions) == expected


def test_a_push() -> None:
    episode = recorded(expert_of(), pushed=True)
    assert (digest(episode.actions), digest(episode.proprioception[:1])) == (
        "d7c6a115965decb5",
        "c1b58c9274403a70",
    )
