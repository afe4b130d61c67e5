"""Differential inverse kinematics by mink: from the hand's motion to the joints' angles.

The arm's shape comes from the links and joints of its URDF. The simulated arm's comes from its MuJoCo model.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import mink
import mujoco
import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError
from sail.system.files import file_errors
from sail_envs.panda.arm import arm_scene, compile_model
from sail_robot.robot_file import Robot

Vector = NDArray[np.float64]

# The value of `robot_description` that means the simulated arm's MuJoCo model.
SIMULATED = "simulated"
# Solutions of differential inverse kinematics in one step.
_SOLUTIONS = 4


class KinematicsError(SailError):
    """A robot's description that cannot be read, or lacks what the robot file names."""


def model_of_urdf(urdf: str) -> Any:
    """A MuJoCo model of a URDF's links and joints, without meshes. Raises KinematicsError.

    urdf: the XML text.
    """
    try:
        root = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise KinematicsError(f"the robot's description is not XML: {error}") from error
    for link in root.iter("link"):
        for kind in ("visual", "collision"):
            for shape in link.findall(kind):
                link.remove(shape)
    options = {"fusestatic": "false", "boundmass": "1e-3", "boundinertia": "1e-6", "balanceinertia": "true"}
    ElementTree.SubElement(ElementTree.SubElement(root, "mujoco"), "compiler", options)
    try:
        return mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"))
    except ValueError as error:
        raise KinematicsError(f"the robot's description has no arm in it: {error}") from error


class Kinematics:
    """Moves the hand as it is asked, by the joints. Unless it is turned, the hand keeps the orientation that
    `start` finds.

    joints: the names of the arm's joints in the model. hand, kind: the name of the hand's body or site.
    Raises KinematicsError.
    """

    def __init__(self, model: Any, joints: Sequence[str], hand: str, kind: Literal["body", "site"]) -> None:
        known = [model.joint(number).name for number in range(model.njnt)]
        missing = [name for name in joints if name not in known]
        if missing:
            raise KinematicsError(f"the robot's description lacks the joint {missing[0]}: it has {known}")
        object_kind = mujoco.mjtObj.mjOBJ_BODY if kind == "body" else mujoco.mjtObj.mjOBJ_SITE
        if mujoco.mj_name2id(model, object_kind, hand) < 0:
            raise KinematicsError(f"the robot's description lacks the link {hand}")
        self._places = np.array([model.joint(name).qposadr[0] for name in joints])
        self._configuration = mink.Configuration(model)
        self._reach = mink.FrameTask(hand, kind, position_cost=1.0, orientation_cost=0.3)
        self._posture = mink.PostureTask(model, cost=1e-2)
        self._limits = [mink.ConfigurationLimit(model)]
        self._hand: tuple[str, str] = (hand, kind)

    def start(self, joints: Sequence[float] | Vector) -> None:
        """Set where the joints are, (n,) in radians."""
        q = self._configuration.q.copy()
        q[self._places] = joints
        self._configuration.update(q)
        self._posture.set_target_from_configuration(self._configuration)
        self._goal = self._configuration.get_transform_frame_to_world(*self._hand)

    def step(self, motion: Sequence[float] | Vector, seconds: float) -> Vector:
        """The joints' angles, (n,) in radians, after the hand has moved by `motion`.

        motion: (6,), displacement in metres and turn, an axis-angle vector in radians. seconds: how long the
        motion takes.
        """
        displacement, turn = np.split(np.asarray(motion, np.float64), 2)
        rotation = mink.SO3.exp(turn) @ self._goal.rotation()
        translation = self._goal.translation() + displacement
        self._goal = mink.SE3.from_rotation_and_translation(rotation, translation)
        self._reach.set_target(self._goal)
        for _ in range(_SOLUTIONS):
            velocity = mink.solve_ik(
                self._configuration,
                [self._reach, self._posture],
                seconds / _SOLUTIONS,
                "daqp",
                damping=1e-3,
                limits=self._limits,
            )
            self._configuration.integrate_inplace(velocity, seconds / _SOLUTIONS)
        joints: Vector = self._configuration.q[self._places]
        return joints


def kinematics_of(description: str, robot: Robot) -> Kinematics:
    """The kinematics of an arm. description: a URDF file's path, or "simulated". Raises KinematicsError."""
    if not description:
        raise KinematicsError("joint_trajectory needs the arm's URDF: give its path as robot_description")
    if description == SIMULATED:
        names = [name.replace("panda_", "robot:panda0_") for name in robot.joint_names]
        return Kinematics(compile_model(arm_scene()), names, "end_effector", "site")
    with file_errors(Path(description), "read", KinematicsError):
        urdf = Path(description).read_text()
    return Kinematics(model_of_urdf(urdf), robot.joint_names, robot.hand_link, "body")
