"""The improvement loop on an arm: attempts, fine-tuning, and the choice of the better planner.

Takes the arguments of deploy.launch.py, too. On a real arm a person lays the table and labels the attempts.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

ARGUMENTS = (
    DeclareLaunchArgument(
        "out", default_value="runs/arm", description="folder of checkpoints and results.json"
    ),
    DeclareLaunchArgument(
        "iterations",
        default_value="3",
        description="rounds of fine-tuning and attempts, after those of the base",
    ),
    DeclareLaunchArgument("attempts", default_value="20", description="attempts in a round"),
    DeclareLaunchArgument("steps", default_value="250", description="optimiser steps in a round"),
    DeclareLaunchArgument(
        "self_fraction",
        default_value="1.0",
        description="share of a batch from the arm's own episodes, 0 to 1",
    ),
    DeclareLaunchArgument(
        "demonstrations",
        default_value="",
        description="episode store of demonstrations to rehearse; none if empty",
    ),
)


def improve(context: LaunchContext) -> list[Node | RegisterEventHandler]:
    """The loop's node. When it ends, everything is shut down."""

    def of(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    node = Node(
        package="sail_robot",
        executable="improve",
        name="improve",
        namespace=of("namespace"),
        output="screen",
        parameters=[
            {
                **{
                    name: of(name)
                    for name in (
                        *("out", "episodes", "demonstrations", "preset", "base", "prior"),
                        *("task", "suite", "prompt"),
                    )
                },
                "overrides": of("overrides").split() or [""],
                **{name: int(of(name)) for name in ("iterations", "attempts", "steps")},
                "self_fraction": float(of("self_fraction")),
                "timeout": float(of("timeout")),
                "simulated": of("use_mock_hardware") == "true",
            }
        ],
    )
    over = EmitEvent(event=Shutdown(reason="the loop is over"))
    return [node, RegisterEventHandler(OnProcessExit(target_action=node, on_exit=[over]))]


def generate_launch_description() -> LaunchDescription:
    """The launch description, for ROS 2's launch."""
    deploy = PythonLaunchDescriptionSource(str(Path(__file__).with_name("deploy.launch.py")))
    return LaunchDescription([*ARGUMENTS, IncludeLaunchDescription(deploy), OpaqueFunction(function=improve)])
