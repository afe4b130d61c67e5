"""An arm that acts by an exported policy: no planner, the same guard."""

from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2's wheels are there for Python 3.11 on Linux alone")

from sail.data.store import EpisodeStore
from sail.loop.agent import load_policy
from sail_envs.panda.arm import HIGH, LOW
from sail_envs.panda.panda_tasks import CUPS
from sail_robot.nodes.arm_processes import ArmProcesses

PANDA = Path(__file__).parents[2] / "robot" / "config" / "panda.yaml"

pytestmark = [pytest.mark.alone, pytest.mark.slow]


def test_it_moves_without_any_plan_and_records_who_acted(
    exported_policy: Path, tiny_base: Path, tmp_path: Path
) -> None:
    policy = {"policy": str(exported_policy), "prompt": CUPS.tasks["cups-green"]}
    changes = {"planner": None, "guard": {"planned": False}, "controller": policy}
    with ArmProcesses("cups-green", tmp_path, PANDA, changes=changes, domain=57) as arm:
        arm.operator.attempt(4.0)
        assert arm.operator.status["guard"][0] == "ok"
    (record,) = EpisodeStore(tmp_path / "episodes").records()
    assert record.model == load_policy(tiny_base).identity
    way = EpisodeStore(tmp_path / "episodes").read(record.id).proprioception[:, :3]
    assert (way.max(0) - way.min(0)).max() > 0.01  # random weights move it somewhere
    assert (way >= LOW - 0.01).all() and (way <= HIGH + 0.01).all()
