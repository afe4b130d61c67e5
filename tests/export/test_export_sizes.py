"""A planner of frames that are not square is exported, and plans as its source."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sail.embodiment import Dimension, Embodiment
from sail.export.comparison_frames import Scenes
from sail.export.exporter import Exportable, export_planner
from sail.export.folder import CONFIG
from sail.export.runtime import ExportedAgent, load_exported
from sail.loop.agent import Agent
from sail_models.interfaces import FrameError, Sampling
from sail_models.networks.inverse_dynamics import InverseDynamics, dynamics_config
from sail_models.networks.planner_network import PlannerNetwork, planner_config
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig
from sail_models.spaces.text_encoder import TextEncoder

from helpers import assert_one_line

HEIGHT, WIDTH = 56, 88
PROMPTS = ("open the drawer", "pour")


@pytest.fixture(scope="module")
def source() -> Exportable:
    """Latents of 7×11, which no level halves evenly; plans of two frames."""
    joints = tuple(Dimension(f"joint{n}", "joint_velocity", "rad/s", -1.0, 1.0) for n in range(6))
    here = Embodiment("lab/left", HEIGHT, WIDTH, 0.04, 4, 2, joints, joints[:3])
    torch.manual_seed(0)
    shape = planner_config("compact", here, latent_channels=4, heads=2, widths=(16, 16), grounding_layers=0)
    agent = Agent(
        Autoencoder(AutoencoderConfig(4, (8, 8, 16))).eval(),
        PlannerNetwork(shape).eval(),
        InverseDynamics(replace(dynamics_config(here), features=16)).eval(),
        TextEncoder(),
        "0123456789ab",
        here,
    )
    return Exportable(agent, Sampling(steps=1, guidance=2.0))


def scenes(height: int = HEIGHT, width: int = WIDTH) -> Scenes:
    return Scenes(np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8), PROMPTS)


@pytest.mark.slow
def test_it_plans_as_its_source(source: Exportable, tmp_path: Path) -> None:
    out = tmp_path / "folder"
    config = export_planner(source, scenes(), scenes(), out)
    assert config.latent_shape == (2, 4, 7, 11) and config.parity["pixels"] < 0.01
    assert "frame_size" not in json.loads((out / CONFIG).read_text())
    exported = load_exported(out, "cpu")
    assert isinstance(exported, ExportedAgent)
    frames = scenes().frames
    plan = exported.video_planner.plan(frames, PROMPTS, [0, 1]).frames
    assert plan.shape == (2, 2, HEIGHT, WIDTH, 3)
    arms = np.zeros((2, 3), np.float32)
    assert exported.inverse_dynamics.act(frames, plan[:, 0], arms).shape == (2, 4, 6)
    with pytest.raises(FrameError) as error:
        exported.video_planner.plan(scenes(64, 64).frames, PROMPTS, [0, 1])
    assert_one_line(error, "64×64 pixels", f"{WIDTH}×{HEIGHT}")
    with pytest.raises(FrameError):
        exported.inverse_dynamics.act(frames, scenes(64, 64).frames, arms)


def test_scenes_of_other_frames_are_refused_before_anything_is_traced(
    source: Exportable, tmp_path: Path
) -> None:
    with pytest.raises(FrameError, match="64×64 pixels"):
        export_planner(source, scenes(), scenes(64, 64), tmp_path / "folder")
    assert not list(tmp_path.iterdir())
