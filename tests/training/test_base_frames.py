"""Base weights of a store whose frames are not square."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sail.data.store import EpisodeStore
from sail.embodiment import Embodiment, EmbodimentError, read_embodiment
from sail.loop.agent import load_base, load_policy
from sail.training.base_config import BaseConfig
from sail.training.base_weights import train_base
from sail.training.checkpointed_fit import TrainError
from sail.types import Unwatched
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_models.interfaces import Sampling
from sail_models.saving import PRETRAINED, load_model
from sail_models.spaces.text_encoder import TextEncoder

from helpers import assert_one_line, make_episode

HEIGHT, WIDTH, PLANNED = 96, 64, 5
CONFIG = BaseConfig(
    suite="none",
    camera="lab/left",
    planner_batch=2,
    autoencoder_steps=2,
    planner_steps=20,
    inverse_dynamics_steps=2,
    policy_steps=2,
    policy_network="compact",
    verifier_steps=2,
)


HERE = replace(EMBODIMENT, camera="lab/left", height=HEIGHT, width=WIDTH, plan_frames=PLANNED)


def recorded(folder: Path, here: Embodiment) -> EpisodeStore:
    """Two demonstrations."""
    store = EpisodeStore(folder)
    store.settle(here, "the arm")
    for seed, task in enumerate(("pour", "wipe")):
        shown = make_episode(40, seed, (here.height, here.width), task=task, prompt=task, source="teleop")
        store.add(replace(shown, success=True))
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EpisodeStore:
    return recorded(tmp_path_factory.mktemp("recorded"), HERE)


def test_base_weights_have_the_frame_of_the_embodiment(store: EpisodeStore, tmp_path: Path) -> None:
    lines: list[str] = []
    train_base(CONFIG, store.folder, tmp_path, Unwatched(), tell=lines.append)
    (line,) = lines
    assert line.startswith("about ") and "(planner " in line and "GiB of memory" in line
    assert read_embodiment(tmp_path) == HERE
    agent, frames = load_base(str(tmp_path)), store.read(store.records()[0].id).frames[:2]
    plan = agent.video_planner.plan(frames, ["pour", "wipe"], [0, 1], Sampling(steps=1)).frames
    assert plan.shape == (2, PLANNED, HEIGHT, WIDTH, 3)
    arms = np.zeros((2, 4), np.float32)
    assert agent.inverse_dynamics.act(frames, plan[:, 0], arms).shape == (2, 8, 4)
    assert load_policy(tmp_path).decide(frames, ["pour", "wipe"], arms, [0, 1]).shape == (2, 8, 4)
    verifier = load_model(tmp_path / "verifier", "verifier")
    assert verifier.judge(frames, TextEncoder()(["pour"])).log_odds.shape == (2,)


def test_a_planner_for_another_frame_is_not_gone_on_with(store: EpisodeStore, tmp_path: Path) -> None:
    start = str(PRETRAINED / "panda" / "planner")
    on = replace(CONFIG, planner_start=start, planner_steps=1, policy_steps=0, verifier_steps=0)
    with pytest.raises(TrainError) as error:
        train_base(on, store.folder, tmp_path, Unwatched())
    assert_one_line(error, "(8, 16, 8, 8) and not (5, 16, 12, 8)", "start from a planner")


def test_a_frame_that_cannot_be_encoded_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    store = recorded(tmp_path / "recorded", replace(HERE, height=100))
    with pytest.raises(EmbodimentError) as error:
        train_base(CONFIG, store.folder, tmp_path / "out", Unwatched())
    assert_one_line(error, "height is 100", "multiples of 8", "96 or 104")
    assert not (tmp_path / "out").exists()


def test_without_memory_nothing_is_fitted(
    store: EpisodeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sail.training.costs.available_memory", lambda: 2**20)
    with pytest.raises(TrainError) as error:
        train_base(CONFIG, store.folder, tmp_path, Unwatched())
    assert_one_line(error, "the planner needs", "GiB of memory", "smaller frames")
    assert not list(tmp_path.glob("*/model.safetensors"))
