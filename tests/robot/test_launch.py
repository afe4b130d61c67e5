"""The launch files, by ROS 2's own launch library where it is there."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="launch and launch_ros come with a ROS 2 distribution alone")

from launch.actions import DeclareLaunchArgument
from launch.launch_description_sources import PythonLaunchDescriptionSource

LAUNCH = Path(__file__).parents[2] / "launch"


@pytest.mark.parametrize("path", sorted(LAUNCH.glob("*.launch.py")), ids=lambda path: path.name)
def test_every_argument_is_described(path: Path) -> None:
    description = PythonLaunchDescriptionSource(str(path)).try_get_launch_description_without_context()
    assert description is not None
    for argument in description.get_launch_arguments():
        assert isinstance(argument, DeclareLaunchArgument) and argument.description


def test_what_sends_nothing_is_the_default_on_a_real_arm() -> None:
    spec = importlib.util.spec_from_file_location("deploy", LAUNCH / "deploy.launch.py")
    assert spec is not None and spec.loader is not None
    deploy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(deploy)
    defaults = {argument.name: argument.default_value[0].text for argument in deploy.ARGUMENTS}
    assert defaults["dry_run"] == "true" and defaults["use_mock_hardware"] == "false"
