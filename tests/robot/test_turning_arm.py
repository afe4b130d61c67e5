"""An arm that turns its hand, sees 48x64 pixels and acts every 0.1 s, by a random policy over DDS."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's wheels are there for Python 3.11 on Linux alone")

import torch

from sail.cli import main as cli
from sail.data.store import EpisodeStore
from sail.embodiment import FILE
from sail_envs.panda.arm import HIGH, LOW
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.networks.policy import Policy, PolicyConfig
from sail_models.networks.sizes import arm_sizes
from sail_models.saving import save_model
from sail_models.spaces.autoencoder import STEP, Autoencoder, AutoencoderConfig
from sail_robot.nodes.arm_processes import ArmProcesses
from sail_robot.quaternions import turned
from sail_robot.robot_file import read_robot

from arms import TURNING, robot_file
from embodied import plan_sizes
from helpers import make_episode

pytestmark = [pytest.mark.alone, pytest.mark.slow]


@pytest.fixture(scope="module")
def limits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # With patience: two cores carry four processes, and others beside them.
    watch = {"camera": "900 ms", "joints": "300 ms", "plan": "8 s", "command": "450 ms"}
    # What noise asks for, the simulated arm's joints follow at this speed.
    slow = {"embodiment.displacement": "10 mm", "embodiment.turn": "0.02 rad"}
    return robot_file(tmp_path_factory.mktemp("robot"), {**TURNING, **slow, "watch": watch})


@pytest.fixture(scope="module")
def base(limits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of random weights for this arm."""
    folder, arm = tmp_path_factory.mktemp("turning_base"), read_robot(limits).embodiment
    small = {"widths": (8, 8, 8, 8), "features": 16, **arm_sizes(arm)}
    plans = plan_sizes(arm.height // STEP, arm.width // STEP, arm.plan_frames)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = {
            "autoencoder": Autoencoder(AutoencoderConfig(latent_channels=4, widths=(8, 8, 16))),
            "planner": PlannerNetwork(
                PlannerNetworkConfig(**plans, latent_channels=4, widths=(16,), heads=2, grounding_layers=0)
            ),
            "inverse_dynamics": InverseDynamics(InverseDynamicsConfig(**small)),
            "policy": Policy(PolicyConfig(hidden=32, **small)),
        }
    for name, model in parts.items():
        save_model(folder / name, model)
    (folder / FILE).write_bytes(arm.as_json())
    return folder


@pytest.fixture(scope="module")
def policy(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported folder of the policy."""
    folder = tmp_path_factory.mktemp("turning_policy")
    EpisodeStore(folder / "frames").add(make_episode(9, shape=(48, 64)))
    words = ["export", f"base={base}", "method=bc-loop", "--frames", str(folder / "frames")]
    assert cli.main([*words, "--out", str(folder / "exported")]) == 0
    return folder / "exported"


@pytest.mark.parametrize(("output", "plans"), [("twist", True), ("pose", False)])
def test_it_moves_and_turns_and_what_it_did_is_recorded(
    output: str, plans: bool, base: Path, limits: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kind = {"output": output}
    # A camera of another size and shape than the frames.
    camera = {"height": 120, "width": 200}
    if plans:
        acts = {"base": str(base)}
    else:
        acts = {"policy": str(request.getfixturevalue("policy")), "prompt": "pour the tea"}
    changes: dict[str, dict[str, Any] | None] = {
        "guard": {**kind, "planned": plans},
        "controller": {**kind, **acts, "robot_description": "simulated"},
        "episode": kind,
        "sim_arm": {**kind, **camera, "task": "cups-green"},
    }
    if not plans:
        changes["planner"] = None
    overrides = [f"base={base}", "prior.kind=none", "planner.steps=1"]
    with ArmProcesses("pour", tmp_path, limits, overrides, 0.7, changes, 58, prompt="pour the tea") as arm:
        arm.operator.attempt(4.0)
        assert arm.operator.status["guard"][0] == "ok"
        assert arm.operator.status["controller"][0] == "ok"
    store, embodiment = EpisodeStore(tmp_path / "episodes"), read_robot(limits).embodiment
    assert store.embodiment == embodiment
    (record,) = store.records(task="pour")
    episode = store.read(record.id)
    assert episode.frames.shape[1:] == (48, 64, 3)
    assert 30 <= len(episode) <= 80  # 4 s of 0.1 s each, and what a busy machine adds
    position, columns = episode.proprioception[:, :3], episode.proprioception[:, 3:9]
    assert np.linalg.norm(position[-1] - position[0]) > 0.01
    assert (position >= LOW - 0.01).all() and (position <= HIGH + 0.01).all()
    assert np.linalg.norm(columns[-1] - columns[0]) > 0.02
    # The recorded turns lead from the first orientation to the last one.
    orientation = np.array([0.0, 0.0, 0.0, 1.0])
    for turn in 0.02 * episode.actions[:, 3:6].astype(np.float64):
        orientation = turned(orientation, turn)
    rotation = matrix(orientation)
    np.testing.assert_allclose((rotation @ columns[0].reshape(2, 3).T).T.ravel(), columns[-1], atol=0.02)


def matrix(orientation: np.ndarray) -> np.ndarray:
    import mujoco

    found = np.zeros(9)
    mujoco.mju_quat2Mat(found, np.roll(orientation, 1))
    return found.reshape(3, 3)
