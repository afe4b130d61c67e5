"""A policy's batches are what was done, and what it is taught is what a planner did."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sail.config.schema import TrainingConfig
from sail.loop.agent import load_policy
from sail.training.fine_tuning import finetune_policy
from sail.training.policy_fit import sample_policy_batch
from sail_models.spaces.autoencoder import frames_to_tensor
from sail_models.spaces.text_encoder import TextEncoder

from helpers import Capture, make_episode, refused, sail

SHAPE = (64, 64)


def test_a_sample_is_a_frame_and_the_actions_that_followed() -> None:
    episode = make_episode(steps=9, seed=1, shape=SHAPE)
    text = TextEncoder()
    batch = sample_policy_batch([episode], text, np.random.default_rng(0), 64, chunk=4)
    frames = frames_to_tensor(episode.frames)
    begins = set()
    for frame, arm, actions in zip(batch.frames, batch.arm, batch.actions, strict=True):
        step = int((frames - frame).abs().sum((1, 2, 3)).argmin())
        begins.add(step)
        np.testing.assert_array_equal(arm, episode.proprioception[step])
        np.testing.assert_array_equal(actions, episode.actions[np.minimum(step + np.arange(4), 8)])
    assert begins == set(range(9))
    assert (batch.text == text([episode.prompt])).all()


def test_a_policy_learns_from_both_and_its_old_self_is_left_as_it_was(tiny_base: Path) -> None:
    agent = load_policy(tiny_base)
    before = {name: tensor.clone() for name, tensor in agent.policy.state_dict().items()}
    shown, own = (make_episode(steps=20, seed=seed, shape=SHAPE) for seed in (1, 2))
    config = TrainingConfig(steps=40, batch_size=8, learning_rate=3e-3)
    losses: list[float] = []
    learnt = finetune_policy(agent, [shown], [own], config, 0, lambda step, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < np.mean(losses[:5])
    after = agent.policy.state_dict()
    assert all(tensor.equal(after[name]) for name, tensor in before.items())
    again = finetune_policy(agent, [shown], [own], config, 0, lambda *_: None)
    states = learnt.state_dict(), again.state_dict()
    assert all(tensor.equal(states[1][name]) for name, tensor in states[0].items())
    assert not all(tensor.equal(after[name]) for name, tensor in states[0].items())
    nothing = finetune_policy(agent, [], [], replace(config, steps=1), 0, lambda *_: None).state_dict()
    assert all(tensor.equal(nothing[name]) for name, tensor in before.items())


@pytest.mark.slow
def test_a_planner_is_distilled_into_a_policy_that_acts_alone(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "policy"
    settings = ("task=drawer-close", "evaluation_episodes=2", "envs=2", "workers=0", "planner.steps=2")
    words = ("distill", "policy", *settings, "--out", out, "--rollouts", 2, "--steps", 20, "--batch", 8)
    code, told, error = sail(capsys, *words)
    assert code == 0, error
    assert "teacher: 2/2 = 100%" in told and "student: " in told
    results = json.loads((out / "results.json").read_text())
    assert results["cloned"] == 2 and results["student"]["episodes"] == 2
    assert results["student"]["milliseconds_per_action"] > 0.0
    before = (out / "policy" / "model.safetensors").read_bytes()
    assert sail(capsys, *words)[0] == 0
    assert (out / "policy" / "model.safetensors").read_bytes() == before
    acting = ("evaluate", "--json", f"base={out}", "method=bc-loop", *settings)
    code, told, error = sail(capsys, *acting)
    assert code == 0, error
    row = json.loads(told)["rows"][0]
    assert row["successes"] == results["student"]["successes"] and row["model"] != results["teacher"]
    assert "was begun with steps=20" in refused(capsys, *words[:-4], "--steps", 30, "--batch", 8)
    for other in ("planner.steps=3", "planner.guidance=7", "horizon=50"):
        assert f"was begun with {other.split('=')[0]}=" in refused(capsys, *words, other)
    from_policy = (f"base={out}", "method=bc-loop", *settings, "--out", tmp_path / "again", "--batch", 8)
    code, told, error = sail(capsys, "distill", "policy", *from_policy, "--rollouts", 4, "--steps", 20)
    assert code == 0, error
    again = json.loads((tmp_path / "again" / "results.json").read_text())
    assert again["teacher"]["successes"] == row["successes"]
    assert "makes none: distil a policy" in refused(capsys, "distill", "few-step", *from_policy)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("distill", "polcy", "--out", "x"), "sail distill policy"),
        (("evaluate", "method=bc-loop", "--probes"), "makes none"),
        (("evaluate", "method=bc-loop", "base=panda"), "with a policy"),
        (("run", "filter=verifier", "base=panda", "task=cups-red", "--out", "x"), "with a verifier"),
    ],
)
def test_what_cannot_be_is_one_line(capsys: Capture, words: tuple[str, ...], says: str) -> None:
    assert says in refused(capsys, *words)
