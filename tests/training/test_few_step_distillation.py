"""A student plans in few steps what its teacher plans in many."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sail.config.resolution import load_config
from sail.config.schema import TrainingConfig
from sail.data.store import EpisodeStore
from sail.loop.agent import Agent, load_agent, load_base, sampling_of
from sail.report.live_table import LiveTable
from sail.training.checkpointed_fit import TrainError
from sail.training.few_step_distillation import StudentConfig, distil, distillation_loss
from sail.training.fine_tuning import finetune_planner
from sail.types import Unwatched
from sail_models.diffusion.denoiser import ChangeDenoiser, PlanBatch
from sail_models.diffusion.schedule import cosine_alphas
from sail_models.interfaces import Sampling
from sail_models.networks.planner_network import PlannerNetworkConfig
from sail_models.prior.compatibility import PriorError

from embodied import plan_sizes
from helpers import Capture, assert_one_line, make_episode, refused

PROMPTS = ("push the red cup forward", "push the blue cup forward")


class Recalling(ChangeDenoiser):
    """Predicts what it is told, and remembers what it was shown."""

    residual = 1e-12

    def __init__(self, answer: Tensor) -> None:
        super().__init__(PlannerNetworkConfig(**plan_sizes()), cosine_alphas())
        self.answer = answer

    def predict(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        self.noisy, self.timestep = noisy, timestep
        return self.answer


def make_batch(count: int) -> PlanBatch:
    generator = torch.Generator().manual_seed(1)
    future, noise = (torch.randn(count, 8, 16, 8, 8, generator=generator) for _ in range(2))
    return PlanBatch(torch.zeros(count, 16, 8, 8), future, torch.zeros(count, 2, 4), noise=noise)


def test_the_path_leads_from_a_plan_to_the_noise_that_it_was_drawn_from() -> None:
    batch = make_batch(64)
    network = Recalling(batch.future)
    assert distillation_loss(network, batch, torch.Generator().manual_seed(0)) < 1e-6
    assert batch.noise is not None
    alpha = network.alphas[network.timestep][:, None, None, None, None]
    mixed = alpha.sqrt() * batch.future + (1 - alpha).sqrt() * batch.noise
    assert torch.allclose(network.noisy, mixed)
    # The first step of every sampler is the one that is learnt most.
    assert 0.2 < float((network.timestep == 999).float().mean()) < 0.5
    wrong = distillation_loss(Recalling(batch.future + 1.0), batch, torch.Generator().manual_seed(0))
    assert 1.0 <= float(wrong) <= 5.0  # an error of 1, weighted


@pytest.fixture(scope="module")
def teacher(composed_as: tuple[str, ...]) -> tuple[Agent, Sampling]:
    config = load_config(None, None, composed_as)
    return load_agent(config), sampling_of(config)


def test_in_one_step_it_is_nearer_to_the_composed_plan_than_its_teacher_in_one(
    teacher: tuple[Agent, Sampling], two_episodes: Path, tiny_student: Path
) -> None:
    agent, sampling = teacher
    store = EpisodeStore(two_episodes)
    frames = store.read(store.records()[0].id).frames[:8]
    prompts, seeds = [PROMPTS[0]] * 8, list(range(8))
    whole = agent.video_planner.plan_latents(frames, prompts, seeds, sampling)
    once = replace(sampling, steps=1)
    hurried = agent.video_planner.plan_latents(frames, prompts, seeds, once)
    student = load_base(str(tiny_student))
    taught = student.video_planner.plan_latents(frames, prompts, seeds, replace(once, rule="in_domain"))
    errors = [float((plan - whole).square().mean()) for plan in (taught, hurried)]
    assert errors[0] < 0.8 * errors[1]


def test_it_is_sampled_under_the_text_alone(tiny_student: Path) -> None:
    student = load_base(str(tiny_student))
    sampling = sampling_of(load_config("panda", None, ["prior.kind=none", "planner.steps=2"]))
    frames = np.zeros((2, student.embodiment.height, student.embodiment.width, 3), np.uint8)
    plans = [
        student.video_planner.plan(frames, list(PROMPTS), [0, 1], replace(sampling, guidance=guidance)).frames
        for guidance in (0.0, 7.0)
    ]
    assert np.array_equal(*plans)


def test_what_a_student_is_not_for_is_refused(
    teacher: tuple[Agent, Sampling], two_episodes: Path, tiny_student: Path, capsys: Capture, tmp_path: Path
) -> None:
    student = load_base(str(tiny_student))
    with pytest.raises(TrainError) as error:
        finetune_planner(student, [], [make_episode()], TrainingConfig(), 0, lambda *_: None)
    assert_one_line(error, "improve its teacher")
    with pytest.raises(PriorError) as wrong:
        replace(student, prior=teacher[0].prior)
    assert_one_line(wrong, "prior.kind=none")
    words = ("few-step", f"base={tiny_student}", "prior.kind=none", "--out", tmp_path / "x")
    assert "give --data" in refused(capsys, "distill", *words)
    assert "student itself" in refused(capsys, "distill", *words, "--data", two_episodes)
    assert "sail distill few-step" in refused(capsys, "distill", "--out", tmp_path / "x")
    assert "holds no episodes" in refused(capsys, "distill", *words, "--data", tmp_path / "none")
    assert "improve its teacher" in refused(
        capsys,
        "run",
        f"base={tiny_student}",
        "prior.kind=none",
        "--preset",
        "panda",
        "--out",
        tmp_path / "run",
    )


def test_going_on_draws_no_plan_again(
    teacher: tuple[Agent, Sampling], two_episodes: Path, tmp_path: Path
) -> None:
    agent, sampling = teacher
    store, config = EpisodeStore(two_episodes), StudentConfig(pairs=8, steps=1, batch=2)
    with LiveTable("first") as live:
        first = distil(agent, sampling, store, PROMPTS, config, tmp_path, live)
    (drawn,) = (tmp_path / "pairs").iterdir()
    written = drawn.stat().st_mtime_ns
    with LiveTable("again") as live:
        again = distil(agent, sampling, store, PROMPTS, config, tmp_path, live)
    assert drawn.stat().st_mtime_ns == written
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    drawn.write_bytes(drawn.read_bytes()[:100])
    with LiveTable("damaged") as live, pytest.raises(TrainError) as error:
        distil(agent, sampling, store, PROMPTS, config, tmp_path, live)
    assert_one_line(error, "damaged", "remove it")
    with LiveTable("other") as live, pytest.raises(TrainError):
        distil(agent, sampling, store, PROMPTS, replace(config, pairs=9), tmp_path, live)


def test_a_store_that_has_grown_is_another_teachers(
    teacher: tuple[Agent, Sampling], two_episodes: Path, tmp_path: Path
) -> None:
    """Plans are drawn at frames of certain episodes: with others every plan would have another prompt."""
    agent, sampling = teacher
    store, config = EpisodeStore(tmp_path / "store"), StudentConfig(pairs=8, steps=1, batch=2)
    for record in EpisodeStore(two_episodes).records():
        store.add(EpisodeStore(two_episodes).read(record.id))
    distil(agent, sampling, store, PROMPTS, config, tmp_path / "student", Unwatched())
    store.add(store.read(store.records()[0].id))
    with pytest.raises(TrainError) as error:
        distil(agent, sampling, store, PROMPTS, config, tmp_path / "student", Unwatched())
    assert_one_line(error, "was begun with episodes=")
