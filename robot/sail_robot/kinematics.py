"""From where the hand is to go to where the joints are to be: differential inverse kinematics by mink.

The arm's shape comes from its URDF, of which only links and joints are read, or for the simulated arm from
the model that it is simulated with.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Any, Literal

import mink
import mujoco
import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError

Vector = NDArray[np.float64]

# Rounds of differential inverse kinematics a step.
_SOLUTIONS = 4


class KinematicsError(SailError):
    """A robot's description that lacks what its limits file names, or is none."""


def model_of_urdf(urdf: str) -> Any:
    """A MuJoCo model with a URDF's links and joints, without its meshes. Raises KinematicsError."""
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
    """Follows the hand's motion in the joints; its orientation is held as `start` finds it.

    joints: the arm's, by name in the model. hand: the name of the body or site. Raises KinematicsError.
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
        """The joints are here: (n,) in radians."""
        q = self._configuration.q.copy()
        q[self._places] = joints
        self._configuration.update(q)
        self._posture.set_target_from_configuration(self._configuration)
        self._goal = self._configuration.get_transform_frame_to_world(*self._hand)

    def step(self, motion: Sequence[float] | Vector, seconds: float) -> Vector:
        """Where the joints are to be, (n,), when the hand has moved on by (3,) metres in so many seconds."""
        translation = self._goal.translation() + np.asarray(motion, np.float64)
        self._goal = mink.SE3.from_rotation_and_translation(self._goal.rotation(), translation)
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
