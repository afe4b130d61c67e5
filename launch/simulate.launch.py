"""deploy.launch.py on the simulated arm. Takes its arguments, too (task, prompt, output, speed, …)."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource


def generate_launch_description() -> LaunchDescription:
    """The launch description, for ROS 2's launch."""
    deploy = PythonLaunchDescriptionSource(str(Path(__file__).with_name("deploy.launch.py")))
    return LaunchDescription(
        [IncludeLaunchDescription(deploy, launch_arguments={"use_mock_hardware": "true"}.items())]
    )
