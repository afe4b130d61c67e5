"""The weights that ship are whole, and fit each other."""

import os
import subprocess
import sys

import numpy as np
import pytest

from sail.config.resolution import load_config
from sail.filters.selection import find_filter
from sail.filters.verifier_filter import VerifierFilter, certainty, furthest
from sail.loop.agent import load_agent, load_base, sampling_of
from sail.training.judged_attempts import AttemptJob, make_attempt
from sail_envs.environment import TaskEnv
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.saving import PRETRAINED, load_model
from sail_models.spaces.autoencoder import frames_to_tensor

MAXIMUM_PRIOR = 30_000_000  # bytes


@pytest.mark.parametrize("name", ["base", "panda"])
def test_the_shipped_bases_load(name: str) -> None:
    agent = load_base(name)
    assert agent.planner.frames == agent.embodiment.plan_frames
    assert agent.inverse_dynamics.config.chunk == agent.embodiment.frame_skip


@pytest.mark.parametrize("rule", ["prior", "probabilistic", "inverse_probabilistic", "normalised"])
def test_the_shipped_prior_plans_with_the_table_top(rule: str) -> None:
    words = ["task=cups-orange", "base=panda", "prior.kind=compact", f"prior.rule={rule}"]
    config = load_config("quick", None, words)
    planner, frames = load_agent(config).video_planner, np.zeros((1, 64, 64, 3), np.uint8)
    plans = [
        planner.plan(frames, [prompt], [0], sampling_of(config)).frames
        for prompt in ("push the orange cup", "push the purple cup")
    ]
    assert plans[0].shape == (1, 8, 64, 64, 3)
    assert (plans[0] != plans[1]).any()


def test_they_load_without_what_takes_long_to_import() -> None:
    code = (
        "import sys; sys.modules['diffusers'] = sys.modules['transformers'] = None\n"
        "from sail.config.resolution import load_config\n"
        "from sail.loop.agent import load_agent\n"
        "load_agent(load_config('panda', None, []))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_the_shipped_prior_is_light() -> None:
    assert sum(file.stat().st_size for file in (PRETRAINED / "prior").rglob("*")) <= MAXIMUM_PRIOR


def test_the_shipped_verifier_sees_a_drawer_opened_and_one_that_is_not() -> None:
    judge = find_filter(load_config(None, None, ["filter=verifier"]))
    assert isinstance(judge, VerifierFilter)
    opened, wandering = (make_attempt(AttemptJob("drawer-open", "", index)) for index in (0, 6))
    assert opened.done.any() and not wandering.done.any()
    judged = [judge.judge(one.frames, METAWORLD.tasks["drawer-open"]) for one in (opened, wandering)]
    sure, unsure = (certainty(one, furthest(judged, METAWORLD.embodiment)) for one in judged)
    assert np.median(sure[opened.done[1:]]) > 0.9
    assert (unsure < 0.5).mean() > 0.9 and unsure.max() < 0.6


@pytest.mark.parametrize("task", ["coffee-button", "plate-slide-side"])
def test_the_shipped_verifier_finds_the_arm_in_a_scene_that_it_never_saw(task: str) -> None:
    verifier, env = load_model(PRETRAINED / "base" / "verifier", "verifier"), TaskEnv(task)
    env.reset(seed=0)
    frames, arms = [], []
    for action in np.random.default_rng(0).uniform(-1, 1, (6, 4)).astype(np.float32):
        for _ in range(12):
            env.step(action)
        frames.append(env.frame())
        arms.append(env.arm() > 127)
    found, there = verifier.arm_mask(frames_to_tensor(np.stack(frames))).numpy() > 0, np.stack(arms)
    assert (found & there).sum() / (found | there).sum() > 0.9
