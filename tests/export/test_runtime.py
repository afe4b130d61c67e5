"""What is exported plans and acts as its source does, without torch, and what does not fit is refused."""

import functools
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sail.config.resolution import load_config
from sail.export import runtime
from sail.export.exporter import Exportable
from sail.export.folder import PLAN, ExportError
from sail.export.providers import ProviderWarning
from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner, ExportedPolicy, normal_noise
from sail.loop.agent import load_agent, load_base, load_policy, sampling_of
from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.interfaces import Deciding, PromptError, Sampling
from sail_models.spaces.autoencoder import frames_to_tensor

from helpers import WITHOUT_TORCH

PROMPTS = ["push the green cup forward", "open the red drawer", "push the pink cup forward"]
SEEDS = [5, 6, 2**40]
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
# What a policy is asked: two frames, and where the arm is.
PAIR_PROMPTS, PAIR_SEEDS, PAIR_FRAMES = PROMPTS[:2], [5, 2**40], FRAMES[:2]
ARMS = np.random.default_rng(1).uniform(0, 1, (2, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def precise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source plans in float32 here, whatever this processor would gain by."""
    exact = functools.partial(VideoPlanner, precision=nullcontext)
    monkeypatch.setattr("sail.loop.agent.VideoPlanner", exact)


@pytest.fixture(scope="module")
def source(exported_as: tuple[str, ...]) -> Exportable:
    config = load_config(None, None, exported_as)
    return Exportable(load_agent(config), sampling_of(config))


@pytest.fixture(scope="module")
def planner(exported: Path) -> ExportedPlanner:
    return ExportedPlanner(exported, "cpu")


def off(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in grey levels."""
    return float(np.abs(one.astype(int) - other).mean())


def test_plans_are_the_sources(planner: ExportedPlanner, source: Exportable) -> None:
    expected = source.agent.video_planner.plan(FRAMES, PROMPTS, SEEDS, source.sampling)
    plan = planner.plan(FRAMES, PROMPTS, SEEDS, source.sampling)
    assert plan.frames.shape == (3, 8, 64, 64, 3) and plan.frames.dtype == np.uint8
    assert off(plan.frames, expected.frames) < 0.05
    np.testing.assert_allclose(plan.motion, expected.motion, rtol=1e-3)
    assert planner.identity == source.agent.identity and planner.provider == "cpu"


def test_a_plan_does_not_depend_on_what_is_planned_beside_it(planner: ExportedPlanner) -> None:
    together = planner.plan(FRAMES, PROMPTS, SEEDS)
    for i in range(3):
        alone = planner.plan(FRAMES[i : i + 1], PROMPTS[i : i + 1], SEEDS[i : i + 1])
        assert off(alone.frames[0], together.frames[i]) < 0.05


def test_guidance_temperature_and_fewer_frames_are_free(planner: ExportedPlanner, source: Exportable) -> None:
    sampling = replace(source.sampling, temperature=0.5)
    weights = np.array([0.0, 1.0, 4.0], np.float32)
    expected = source.agent.video_planner.plan(FRAMES, PROMPTS, SEEDS, sampling, weights, keep=2)
    plan = planner.plan(FRAMES, PROMPTS, SEEDS, sampling, weights, keep=2)
    assert plan.frames.shape == (3, 2, 64, 64, 3)
    assert off(plan.frames, expected.frames) < 0.05


@pytest.mark.slow
def test_a_student_is_exported_like_any_planner(exported_student: Path, tiny_student: Path) -> None:
    student = load_base(str(tiny_student))
    once = Sampling(steps=1)
    expected = student.video_planner.plan(FRAMES, PROMPTS, SEEDS, once)
    exported = ExportedPlanner(exported_student, "cpu")
    for guidance in (0.0, 5.0):  # it has its own in its weights
        plan = exported.plan(FRAMES, PROMPTS, SEEDS, guidance=np.full(3, guidance, np.float32))
        assert off(plan.frames, expected.frames) < 0.05
    assert "prior" not in exported.config.sources


def test_inverse_dynamics_acts_as_its_source(exported: Path, source: Exportable) -> None:
    arms = np.random.default_rng(1).uniform(0, 1, (3, 4)).astype(np.float32)
    expected = source.agent.inverse_dynamics.act(FRAMES, FRAMES[::-1].copy(), arms)
    actions = ExportedInverseDynamics(exported).act(FRAMES, FRAMES[::-1].copy(), arms)
    np.testing.assert_allclose(actions, expected, atol=1e-4)


def test_it_plans_the_same_without_torch(exported: Path, planner: ExportedPlanner, tmp_path: Path) -> None:
    script = tmp_path / "plan.py"
    script.write_text(
        WITHOUT_TORCH + "import numpy as np\n"
        "from pathlib import Path\n"
        "from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner\n"
        "frames, folder = np.load(sys.argv[2]), Path(sys.argv[1])\n"
        f"plan = ExportedPlanner(folder, batch=1).plan(frames[:1], {PROMPTS[:1]!r}, {SEEDS[:1]!r})\n"
        "ExportedInverseDynamics(folder).act(frames[:1], plan.frames[:, 0], np.zeros((1, 4), np.float32))\n"
        "np.save(sys.argv[3], plan.frames)\n"
    )
    np.save(tmp_path / "frames.npy", FRAMES)
    words = [exported, tmp_path / "frames.npy", tmp_path / "plan.npy"]
    subprocess.run([sys.executable, script, *words], check=True)
    here = planner.plan(FRAMES[:1], PROMPTS[:1], SEEDS[:1])
    assert off(np.load(tmp_path / "plan.npy"), here.frames) < 0.05


def test_more_plans_than_were_exported_are_refused(exported: Path, planner: ExportedPlanner) -> None:
    many = np.repeat(FRAMES[:1], 65, axis=0)
    with pytest.raises(ExportError, match="65 plans asked for, loaded for at most 64"):
        planner.plan(many, PROMPTS[:1] * 65, list(range(65)))
    one = ExportedPlanner(exported, batch=1)
    with pytest.raises(ExportError, match="3 plans asked for, loaded for 1 at once"):
        one.plan(FRAMES, PROMPTS, SEEDS)


def test_plans_drawn_in_another_way_are_refused(planner: ExportedPlanner, source: Exportable) -> None:
    with pytest.raises(ExportError, match="exported with steps = 2, asked for 4"):
        planner.plan(FRAMES, PROMPTS, SEEDS, replace(source.sampling, steps=4))
    with pytest.raises(PromptError):
        planner.plan(FRAMES[:1], [" "], [0])


def test_a_plan_is_not_overwritten_by_the_next(planner: ExportedPlanner) -> None:
    first = planner.plan(FRAMES, PROMPTS, SEEDS)
    kept, motion = first.frames.copy(), first.motion.copy()
    latents = planner.latents(FRAMES, PROMPTS, SEEDS)
    before = latents.copy()
    planner.plan(FRAMES[::-1].copy(), PROMPTS, [1, 2, 3])
    assert np.array_equal(first.frames, kept) and np.array_equal(first.motion, motion)
    assert np.array_equal(latents, before)
    np.testing.assert_array_equal(planner.plan(FRAMES, PROMPTS, SEEDS).frames, kept)


def test_where_plans_cannot_be_recorded_they_are_made_without(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    opened, run = runtime.open_session, runtime.BoundSession.run

    def spy(path: Path, *words: object, **more: object) -> object:
        if path.name == PLAN:
            asked.append(bool(words[4]))
        return opened(path, *words, **more)  # type: ignore[arg-type]

    def failing(placed: runtime.BoundSession, inputs: dict[str, np.ndarray]) -> object:
        if asked == [True]:
            raise RuntimeError("this graph cannot be captured\nand more")
        return run(placed, inputs)

    # As on a GPU, but for the device.
    monkeypatch.setattr(runtime, "RECORDING", ("cpu",))
    monkeypatch.setattr(runtime, "device_of", lambda provider: "cpu")
    monkeypatch.setattr(runtime, "open_session", spy)
    monkeypatch.setattr(runtime.BoundSession, "run", failing)
    with pytest.warns(ProviderWarning, match=r"cannot record .* \(this graph cannot be captured\): .*slower"):
        planner = ExportedPlanner(exported, "cpu", batch=1)
    assert asked == [True, False]
    assert planner.plan(FRAMES[:1], PROMPTS[:1], SEEDS[:1]).frames.shape == (1, 8, 64, 64, 3)


def test_a_policy_decides_as_its_source(exported_policy: Path, tiny_base: Path) -> None:
    source, policy = load_policy(tiny_base), ExportedPolicy(exported_policy, "cpu")
    noise = torch.from_numpy(np.stack([normal_noise(seed, (32,)) for seed in PAIR_SEEDS]))
    with torch.no_grad():
        seen = (frames_to_tensor(PAIR_FRAMES), source.text(PAIR_PROMPTS), torch.from_numpy(ARMS), noise)
        expected = source.policy.eval()(*seen).numpy()
    actions = policy.decide(PAIR_FRAMES, PAIR_PROMPTS, ARMS, PAIR_SEEDS)
    assert actions.shape == (2, 8, 4)
    np.testing.assert_allclose(actions, expected, atol=1e-4)
    alone = policy.decide(PAIR_FRAMES[1:], PAIR_PROMPTS[1:], ARMS[1:], PAIR_SEEDS[1:])
    np.testing.assert_allclose(alone[0], expected[1], atol=1e-4)
    assert policy.identity == source.identity
    assert isinstance(policy, Deciding) and isinstance(source, Deciding)
    with pytest.raises(PromptError):
        policy.decide(PAIR_FRAMES[:1], [" "], ARMS[:1], SEEDS[:1])


def test_a_policy_decides_the_same_without_torch(exported_policy: Path, tmp_path: Path) -> None:
    script = tmp_path / "decide.py"
    script.write_text(
        WITHOUT_TORCH + "import numpy as np\n"
        "from pathlib import Path\n"
        "from sail.export.runtime import ExportedPolicy\n"
        "policy, given = ExportedPolicy(Path(sys.argv[1]), 'cpu'), np.load(sys.argv[2])\n"
        f"actions = policy.decide(given['frames'], {PAIR_PROMPTS!r}, given['arms'], {PAIR_SEEDS!r})\n"
        "np.save(sys.argv[3], actions)\n"
    )
    np.savez(tmp_path / "given.npz", frames=PAIR_FRAMES, arms=ARMS)
    words = [exported_policy, tmp_path / "given.npz", tmp_path / "actions.npy"]
    subprocess.run([sys.executable, script, *words], check=True)
    here = ExportedPolicy(exported_policy, "cpu").decide(PAIR_FRAMES, PAIR_PROMPTS, ARMS, PAIR_SEEDS)
    np.testing.assert_array_equal(np.load(tmp_path / "actions.npy"), here)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**62), st.integers(16, 2000))
def test_noise_is_torchs(seed: int, count: int) -> None:
    expected = torch.randn(count, generator=torch.Generator().manual_seed(seed)).numpy()
    np.testing.assert_allclose(normal_noise(seed, (count,)), expected, atol=2e-6)


def test_noise_has_the_shape_asked_for() -> None:
    expected = torch.randn((3, 4, 5), generator=torch.Generator().manual_seed(1)).numpy()
    found = normal_noise(1, (3, 4, 5))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_fewer_numbers_than_torch_draws_at_once_are_an_error() -> None:
    with pytest.raises(ValueError, match="15 numbers"):
        normal_noise(0, (3, 5))
