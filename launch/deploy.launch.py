"""Planner, controller, guard and recorder on a robot arm.

`ros2 launch sail_robot deploy.launch.py -s` shows all arguments. With use_mock_hardware:=true the
arm is the simulated one, and all nodes use its clock.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

ARMS = ("panda", "fr3", "ur", "generic")
OUTPUTS = ("twist", "pose", "joint_trajectory")
YES_NO = ("true", "false")
ARGUMENTS = (
    DeclareLaunchArgument(
        "arm", default_value="panda", choices=ARMS, description="the arm, whose robot file is used"
    ),
    DeclareLaunchArgument("limits", default_value="", description="a robot file in place of the arm's own"),
    DeclareLaunchArgument(
        "output",
        default_value="twist",
        choices=OUTPUTS,
        description="the kind of command that the arm's own controller takes",
    ),
    DeclareLaunchArgument(
        "robot_description",
        default_value="",
        description="the arm's URDF file, needed by output joint_trajectory",
    ),
    DeclareLaunchArgument(
        "dry_run",
        default_value="true",
        choices=YES_NO,
        description="run everything, but send the arm nothing; always false on the simulated arm",
    ),
    DeclareLaunchArgument(
        "use_mock_hardware", default_value="false", choices=YES_NO, description="use the simulated arm"
    ),
    DeclareLaunchArgument("prompt", default_value="", description="what the arm is to do, in words; needed"),
    DeclareLaunchArgument(
        "task",
        default_value="",
        description="any name for the task in its episodes; on the simulated arm the task itself; needed",
    ),
    DeclareLaunchArgument(
        "suite",
        default_value="",
        description="the task suite that simulates the task; empty: the one that has a task of this name",
    ),
    DeclareLaunchArgument(
        "preset", default_value="panda", description="a preset of `sail run`, for how plans are drawn"
    ),
    DeclareLaunchArgument(
        "base", default_value="panda", description="base weights: a shipped name, or a folder"
    ),
    DeclareLaunchArgument(
        "prior",
        default_value="none",
        choices=("none", "compact", "animatediff"),
        description="the kind of prior that is composed with the planner",
    ),
    DeclareLaunchArgument(
        "overrides",
        default_value="",
        description="further settings of the preset, such as 'planner.steps=2 seed=1'",
    ),
    DeclareLaunchArgument(
        "checkpoint", default_value="", description="a run's folder checkpoints/iteration_NNN"
    ),
    DeclareLaunchArgument(
        "exported", default_value="", description="a folder of `sail export`, in place of base and checkpoint"
    ),
    DeclareLaunchArgument(
        "policy",
        default_value="",
        description="a folder of `sail export` with a policy, which acts without plans",
    ),
    DeclareLaunchArgument("image_topic", default_value="image", description="topic of the camera's images"),
    DeclareLaunchArgument(
        "compressed", default_value="false", choices=YES_NO, description="whether images are CompressedImage"
    ),
    DeclareLaunchArgument(
        "joint_states_topic", default_value="joint_states", description="topic of the JointState"
    ),
    DeclareLaunchArgument(
        "hand_pose_topic", default_value="hand_pose", description="topic of the hand's PoseStamped"
    ),
    DeclareLaunchArgument(
        "arm_command_topic", default_value="arm_command", description="topic of commands to the arm"
    ),
    DeclareLaunchArgument(
        "arm_gripper_topic",
        default_value="arm_gripper",
        description="topic of the finger's position, in metres",
    ),
    DeclareLaunchArgument("episodes", default_value="episodes", description="folder of the episode store"),
    DeclareLaunchArgument("bags", default_value="", description="folder of MCAP bags; none if empty"),
    DeclareLaunchArgument(
        "demonstrate",
        default_value="false",
        choices=YES_NO,
        description="only record demonstrations, while somebody else moves the arm",
    ),
    DeclareLaunchArgument("timeout", default_value="15.0", description="longest attempt, in seconds"),
    DeclareLaunchArgument(
        "seed", default_value="1000", description="seed of the simulated table's first scene"
    ),
    DeclareLaunchArgument(
        "speed", default_value="1.0", description="simulated clock's speed against the wall's"
    ),
    DeclareLaunchArgument(
        "latency", default_value="0.0", description="simulated camera: its delay in seconds"
    ),
    DeclareLaunchArgument(
        "dropped", default_value="0.0", description="simulated camera: share of lost frames, 0 to 1"
    ),
    DeclareLaunchArgument(
        "noise", default_value="0.0", description="simulated camera: noise, in grey levels"
    ),
    DeclareLaunchArgument("namespace", default_value="", description="of all nodes and topics but /clock"),
    DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn or error"),
)


def nodes(context: LaunchContext) -> list[Node]:
    """The nodes, with their parameters."""

    def of(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    def number(name: str) -> float:
        return float(of(name))

    simulated, demonstrate = of("use_mock_hardware") == "true", of("demonstrate") == "true"
    share = Path(get_package_share_directory("sail_robot"))
    limits = of("limits") or str(share / "config" / f"{of('arm')}.yaml")
    output, compressed = of("output"), of("compressed") == "true"
    robot = {"use_sim_time": simulated, "limits": limits, "output": output, "compressed": compressed}
    description = of("robot_description") or ("simulated" if simulated else "")
    overrides = [f"base={of('base')}", f"prior.kind={of('prior')}", *of("overrides").split()]
    parameters: dict[str, dict[str, object]] = {
        # The simulated arm cannot do harm, so it moves without dry_run:=false.
        "guard": {
            **robot,
            "dry_run": of("dry_run") == "true" and not simulated,
            "planned": not of("policy"),
        },
        "controller": {
            **robot,
            "base": of("base"),
            "exported": of("exported"),
            "policy": of("policy"),
            "prompt": of("prompt"),
            "robot_description": description,
        },
        "planner": {
            "use_sim_time": simulated,
            "limits": limits,
            "compressed": compressed,
            "preset": of("preset"),
            "overrides": overrides,
            "checkpoint": of("checkpoint"),
            "exported": of("exported"),
            "prompt": of("prompt"),
        },
        "episode": {
            **robot,
            "episodes": of("episodes"),
            "bags": of("bags"),
            "task": of("task"),
            "prompt": of("prompt"),
            "timeout": number("timeout"),
            "demonstration": demonstrate,
        },
    }
    if of("policy"):
        del parameters["planner"]
    if demonstrate:
        parameters = {"episode": parameters["episode"]}
    if simulated:
        parameters["sim_arm"] = {
            "limits": limits,
            "task": of("task"),
            "suite": of("suite"),
            "output": output,
            "seed": int(of("seed")),
            **{name: number(name) for name in ("speed", "latency", "dropped", "noise")},
        }
    topics = [
        ("image", of("image_topic")),
        ("joint_states", of("joint_states_topic")),
        ("hand_pose", of("hand_pose_topic")),
        ("arm_command", of("arm_command_topic")),
        ("arm_gripper", of("arm_gripper_topic")),
    ]
    return [
        Node(
            package="sail_robot",
            executable=name,
            name=name,
            namespace=of("namespace"),
            parameters=[values],
            remappings=[(topic, to) for topic, to in topics if topic != to],
            arguments=["--ros-args", "--log-level", of("log_level")],
            output="screen",
        )
        for name, values in parameters.items()
    ]


def generate_launch_description() -> LaunchDescription:
    """The launch description, for ROS 2's launch."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=nodes)])
