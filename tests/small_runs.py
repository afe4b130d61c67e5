"""Runs of the loop that take seconds, on real MetaWorld."""

import io
from pathlib import Path
from typing import Any

from sail.config.resolution import load_config
from sail.config.schema import RunConfig
from sail.loop.improve import improve
from sail.loop.run_folder import create_run
from sail.report.clips import write_clips
from sail.report.live_table import LiveTable
from sail_models.saving import load_model, model_identity

from embodied import FEW_SEEN

SMALL = (
    "suite=embodied:FEW_SEEN",
    "rollouts=2",
    "evaluation_episodes=2",
    "envs=2",
    "workers=0",
    "horizon=40",
    "planner.steps=1",
    "training.steps=3",
    "training.batch_size=4",
    "training.inverse_dynamics_steps=3",
    "training.imagined_windows=4",
)
DEMONSTRATED = FEW_SEEN.seen


def small_config(base: Path, *overrides: str) -> RunConfig:
    return load_config("smoke", None, [*SMALL, f"base={base}", *overrides])


def policy_identity(run: Path) -> str:
    """Of the first iteration's policy."""
    return model_identity(load_model(run / "checkpoints" / "iteration_001" / "policy", "policy"))


def run_loop(folder: Path, config: RunConfig, resume: bool = False) -> dict[str, Any]:
    live = LiveTable("test", io.StringIO())
    return improve(config, create_run(folder, config, resume), live, film=write_clips)
