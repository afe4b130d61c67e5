"""Networks at frames that are not square, or not 64 pixels a side: they learn, plan, act and are saved."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sail.embodiment import Dimension, Embodiment
from sail.loop.agent import Agent, PolicyAgent
from sail.types import UInt8
from sail_models.diffusion.denoiser import PlanBatch, diffusion_loss
from sail_models.interfaces import FrameError, Sampling
from sail_models.networks.grounding import Grounding
from sail_models.networks.inverse_dynamics import InverseDynamics, dynamics_config
from sail_models.networks.planner_network import PlannerNetwork, planner_config
from sail_models.networks.policy import Policy, policy_config
from sail_models.networks.verifier import Verifier, verifier_config
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.saving import WeightsError, load_model, save_model
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig
from sail_models.spaces.text_encoder import TextEncoder

from helpers import assert_one_line

FRAMES = [(48, 80), (96, 96)]
PROMPTS = ["open the drawer", "pour"]


def arm(height: int, width: int) -> Embodiment:
    """Six joints; plans of five frames, four control steps apart."""
    joints = tuple(Dimension(f"joint{n}", "joint_velocity", "rad/s", -1.0, 1.0) for n in range(6))
    return Embodiment("lab/left", height, width, 0.04, 4, 5, joints, joints[:3])


def agent_of(here: Embodiment) -> Agent:
    torch.manual_seed(0)
    shape = planner_config("compact", here, latent_channels=4, heads=2, grounding_width=32)
    return Agent(
        Autoencoder(AutoencoderConfig(4, (8, 8, 16))),
        PlannerNetwork(replace(shape, widths=(16,) * len(shape.widths))),
        InverseDynamics(replace(dynamics_config(here), features=16)),
        TextEncoder(),
        "",
        here,
    )


def seen(height: int, width: int, count: int = 2) -> UInt8:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), FRAMES)
def test_a_planner_plans_and_its_plan_is_acted_out(height: int, width: int) -> None:
    agent = agent_of(arm(height, width))
    frames = seen(height, width)
    plan = agent.video_planner.plan(frames, PROMPTS, [0, 1], Sampling(steps=2)).frames
    assert plan.shape == (2, 5, height, width, 3) and plan.dtype == np.uint8
    actions = agent.inverse_dynamics.act(frames, plan[:, 0], np.zeros((2, 3), np.float32))
    assert actions.shape == (2, 4, 6) and np.isfinite(actions).all()


@pytest.mark.parametrize(("height", "width"), FRAMES)
def test_a_verifier_judges_and_a_policy_acts(height: int, width: int) -> None:
    here, text = arm(height, width), TextEncoder()
    judged = Verifier(verifier_config(height, width, arm=True)).judge(seen(height, width, 3), text(["pour"]))
    assert judged.log_odds.shape == (3,) and judged.changed is not None and judged.changed[0] == 0
    policy = PolicyAgent(Policy(policy_config("compact", here)), text, "", here)
    chunk = policy.decide(seen(height, width), PROMPTS, np.zeros((2, 3), np.float32), [0, 1])
    assert chunk.shape == (2, 4, 6) and np.isfinite(chunk).all()


@pytest.mark.parametrize(("height", "width"), FRAMES)
def test_every_weight_of_the_planner_learns(height: int, width: int) -> None:
    network = agent_of(arm(height, width)).planner.requires_grad_(True)
    shape = network.latent_shape
    batch = PlanBatch(torch.randn(4, *shape), torch.randn(4, 5, *shape), torch.randn(4, 16, 384))
    loss = diffusion_loss(network, batch, torch.Generator().manual_seed(0))
    loss.backward()  # type: ignore[no-untyped-call]
    assert network.grounding is not None
    unused = {id(one) for one in network.grounding.point.parameters()}  # the place alone teaches its bias
    learning = [one for one in network.parameters() if id(one) not in unused]
    assert all(one.grad is not None and bool(one.grad.isfinite().all()) for one in learning)


@pytest.mark.parametrize(("height", "width"), FRAMES)
def test_the_autoencoder_keeps_rows_and_columns(height: int, width: int) -> None:
    """A change in a corner changes the latents of that corner, and of the frame that is decoded from them."""
    torch.manual_seed(0)
    autoencoder = Autoencoder(AutoencoderConfig(4, (8, 8, 16))).eval()
    frames = seen(height, width)
    frames[1] = frames[0]
    frames[1, :8, -8:] = 255 - frames[1, :8, -8:]
    latents = autoencoder.encode_frames(frames)
    assert latents.shape == (2, 4, height // 8, width // 8)
    change = (latents[1] - latents[0]).abs().mean(0)
    row, column = divmod(int(change.argmax()), width // 8)
    assert row <= 1 and column >= width // 8 - 2
    decoded = autoencoder.decode_frames(latents)
    assert decoded.shape == frames.shape
    apart = np.abs(decoded[1].astype(int) - decoded[0]).sum(2)
    row, column = np.unravel_index(apart.argmax(), apart.shape)
    assert row < height // 2 and column >= width // 2


def test_encoding_in_parts_is_encoding() -> None:
    torch.manual_seed(0)
    autoencoder = Autoencoder(AutoencoderConfig(4, (8, 8, 16))).eval()
    frames = seen(512, 1024, 3)  # two of them have a million pixels
    latents = autoencoder.encode_frames(frames)
    whole = autoencoder.encode_frames(frames, batch=3)
    torch.testing.assert_close(latents, whole, rtol=0, atol=1e-4)
    assert autoencoder.decode_frames(latents).shape == frames.shape


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns", "at", "patch"),
    [
        (6, 10, 6, 10, (0.95, 0.01), 9),
        (6, 10, 6, 10, (0.01, 0.95), 50),
        (12, 12, 6, 6, (0.99, 0.99), 35),
        # 15 columns make patches of 2: the last one reaches beyond the latents.
        (12, 15, 6, 8, (0.99, 0.0), 7),
        (12, 15, 6, 8, (0.94, 0.0), 7),
        (12, 15, 6, 8, (0.92, 0.0), 6),
    ],
)
def test_grounding_finds_places_in_any_grid(
    height: int, width: int, rows: int, columns: int, at: tuple[float, float], patch: int
) -> None:
    config = CompactPriorConfig(2, height, width, latent_channels=3, text_width=5)
    grounding = Grounding(config, 32, 1)
    assert len(grounding.place) == rows * columns
    assert grounding.patch_at(torch.tensor([at])).tolist() == [patch]
    first = torch.randn(2, 3, height, width)
    output = grounding(first, torch.randn(2, 7, 5))
    assert output.place.shape == (2, rows * columns)
    assert output.change.shape == (2, 2, 3, height, width)


def test_a_prior_is_composed_with_a_planner_of_any_size() -> None:
    agent = agent_of(arm(48, 80))
    _, height, width = agent.planner.latent_shape
    shape = CompactPriorConfig(5, height, width, latent_channels=4, patch=5, widths=(16, 32))
    composed = replace(agent, prior=CompactPrior(shape).eval())
    sampling = Sampling(steps=1, rule="probabilistic")
    assert composed.video_planner.plan(seen(48, 80), PROMPTS, [0, 1], sampling).frames.shape[2:4] == (48, 80)


@pytest.mark.parametrize(("height", "width"), FRAMES)
def test_what_is_saved_comes_back(height: int, width: int, tmp_path: Path) -> None:
    agent = agent_of(arm(height, width))
    verifier = Verifier(verifier_config(height, width, arm=False))
    models = {"planner": agent.planner, "inverse_dynamics": agent.inverse_dynamics, "verifier": verifier}
    for kind, model in models.items():
        save_model(tmp_path / kind, model)
        assert load_model(tmp_path / kind, kind).config == model.config


def test_parts_for_different_frames_are_one_line() -> None:
    wide, high = agent_of(arm(48, 80)), agent_of(arm(80, 48))
    with pytest.raises(WeightsError) as error:
        replace(wide, inverse_dynamics=high.inverse_dynamics)
    assert_one_line(error, "[48, 80] and [80, 48]", "inverse dynamics", "take all parts from one base")
    with pytest.raises(WeightsError) as error:
        replace(wide, embodiment=high.embodiment)
    assert_one_line(error, "[48, 80] and [80, 48]", "embodiment")
    with pytest.raises(WeightsError) as error:
        replace(wide, autoencoder=Autoencoder(AutoencoderConfig(8, (8, 8, 16))))
    assert_one_line(error, "4 and 8", "autoencoder", "take all parts from one base")


@pytest.mark.parametrize(("height", "width"), [(80, 48), (52, 80), (128, 128)])
def test_frames_of_another_size_are_one_line(height: int, width: int) -> None:
    here, other = arm(48, 80), seen(height, width)
    agent, text, nothing = agent_of(here), TextEncoder(), np.zeros((2, 3), np.float32)
    policy = PolicyAgent(Policy(policy_config("compact", here)), text, "", here)
    verifier = Verifier(verifier_config(48, 80, arm=False))
    for give in (
        lambda: agent.video_planner.plan(other, PROMPTS, [0, 1], Sampling(steps=1)),
        lambda: agent.inverse_dynamics.act(other, seen(48, 80), nothing),
        lambda: agent.inverse_dynamics.act(seen(48, 80), other, nothing),
        lambda: policy.decide(other, PROMPTS, nothing, [0, 1]),
        lambda: verifier.judge(other, text(["pour"])),
    ):
        with pytest.raises(FrameError) as error:
            give()
        assert_one_line(error, f"{width}×{height} pixels", "80×48", "sail train")
