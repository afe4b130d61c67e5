"""An arm that turns its hand, sees 48x64 pixels and acts every 0.1 s: by a policy of noise, over DDS."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's wheels are there for Python 3.11 on Linux alone")

import torch

from sail.cli import main as cli
from sail.data.store import EpisodeStore
from sail.embodiment import FILE
from sail_envs.panda.arm import HIGH, LOW
from sail_models.networks.policy import Policy, PolicyConfig
from sail_models.saving import arm_sizes, save_model
from sail_robot.nodes.arm_processes import ArmProcesses
from sail_robot.quaternions import turned
from sail_robot.robot_file import read_robot

from arms import TURNING, robot_file
from helpers import make_episode

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def limits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return robot_file(tmp_path_factory.mktemp("robot"), TURNING)


@pytest.fixture(scope="module")
def policy(limits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported folder of a random policy for this arm."""
    folder, arm = tmp_path_factory.mktemp("policy"), read_robot(limits).embodiment
    sizes = {"widths": (8, 8, 8, 8), "features": 16, "hidden": 32, **arm_sizes(arm)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_model(folder / "base" / "policy", Policy(PolicyConfig(**sizes)))
    (folder / "base" / FILE).write_bytes(arm.as_json())
    EpisodeStore(folder / "frames").add(make_episode(9, shape=(arm.height, arm.width)))
    words = ["export", f"base={folder / 'base'}", "method=bc-loop", "--frames", str(folder / "frames")]
    assert cli.main([*words, "--out", str(folder / "exported")]) == 0
    return folder / "exported"


@pytest.mark.parametrize("output", ["twist", "pose", "joint_trajectory"])
def test_it_moves_and_turns_and_what_it_did_is_recorded(
    output: str, policy: Path, limits: Path, tmp_path: Path
) -> None:
    kind = {"output": output}
    # A camera of another size and shape than the frames.
    camera = {"height": 120, "width": 200}
    acts = {"policy": str(policy), "prompt": "pour the tea", "robot_description": "simulated"}
    changes = {
        "planner": None,
        "guard": {**kind, "planned": False},
        "controller": {**kind, **acts},
        "episode": kind,
        "sim_arm": {**kind, **camera, "task": "cups-green"},
    }
    with ArmProcesses("pour", tmp_path, limits, changes=changes, domain=58, prompt="pour the tea") as arm:
        arm.operator.attempt(4.0)
        assert arm.operator.status["guard"][0] == "ok"
        assert arm.operator.status["controller"][0] == "ok"
    store, embodiment = EpisodeStore(tmp_path / "episodes"), read_robot(limits).embodiment
    assert store.embodiment == embodiment
    (record,) = store.records(task="pour")
    episode = store.read(record.id)
    assert episode.frames.shape[1:] == (48, 64, 3)
    assert 30 <= len(episode) <= 41  # 4 s of 0.1 s each
    position, columns = episode.proprioception[:, :3], episode.proprioception[:, 3:9]
    assert np.linalg.norm(position[-1] - position[0]) > 0.01
    assert (position >= LOW - 0.01).all() and (position <= HIGH + 0.01).all()
    assert np.linalg.norm(columns[-1] - columns[0]) > 0.05
    # The recorded turns lead from the first orientation to the last one.
    orientation = np.array([0.0, 0.0, 0.0, 1.0])
    for turn in 0.05 * episode.actions[:, 3:6].astype(np.float64):
        orientation = turned(orientation, turn)
    rotation = matrix(orientation)
    np.testing.assert_allclose((rotation @ columns[0].reshape(2, 3).T).T.ravel(), columns[-1], atol=0.02)


def matrix(orientation: np.ndarray) -> np.ndarray:
    import mujoco

    found = np.zeros(9)
    mujoco.mju_quat2Mat(found, np.roll(orientation, 1))
    return found.reshape(3, 3)
