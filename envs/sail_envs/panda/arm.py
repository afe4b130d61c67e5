"""The Franka Panda: the model that gymnasium-robotics ships, moved by differential inverse kinematics."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError
from sail.types import Float32
from sail_envs.rendering import load_mujoco

# One control step: how long it lasts in seconds and how far the end effector moves at most, in metres.
CONTROL_SECONDS = 0.05
STEP_LENGTH = 0.01
# How far the end effector turns in one control step at most, in radians.
STEP_ANGLE = 0.06
# How far a finger moves in one control step where the hand turns, too, in metres: a real gripper's 0.05 m/s.
FINGER_STEP = 0.0025
# Where the end effector may be sent, in metres: the reachable part of the table in front of the base.
LOW, HIGH = np.array([0.3, -0.35, 0.06]), np.array([0.75, 0.35, 0.5])
_END_EFFECTOR = "end_effector"
# Elbow up, hand pointing down, fingers closing sideways, in radians.
_HOME = np.array([0.0, 0.3, 0.0, -2.2, 0.0, 1.0, 0.0])
# Each finger's distance from closed when the gripper is open, in metres.
OPEN = 0.04
# Solutions of inverse kinematics in one control step.
_SOLUTIONS = 2
_PLACING = 200
# Factor on the model's gains. With its own gains the arm lags several centimetres behind its target at full
# speed, with these less than one.
_STIFFER = 4.0
_LINK_COLOUR = (0.9, 0.9, 0.88, 1.0)
_VISUAL_GROUP, _COLLISION_GROUP, _HIDDEN_GROUP = 0, 3, 5


class ArmModelError(SailError):
    """The package with the arm's model is not installed."""


def arm_xml() -> tuple[str, str]:
    """MJCF of the arm: what belongs at the top of a model, and what belongs into its worldbody."""
    # The package's files are read, its code is never imported.
    spec = importlib.util.find_spec("gymnasium_robotics")
    if spec is None or spec.origin is None:
        raise ArmModelError("the Panda's model is missing: pip install gymnasium-robotics")
    folder = Path(spec.origin).parent / "envs/assets/kitchen_franka/franka_assets"
    top = (
        f'<include file="{folder}/assets.xml"/>'
        f'<compiler angle="radian" meshdir="{folder}/meshes"/>'
        f'<include file="{folder}/actuator.xml"/>'
    )
    return top, f'<include file="{folder}/chain.xml"/>'


def arm_scene() -> str:
    """MJCF of the arm and nothing else."""
    top, arm = arm_xml()
    return f'<mujoco model="panda">{top}<worldbody>{arm}</worldbody></mujoco>'


def compile_model(xml: str) -> Any:
    """The MuJoCo model of a scene with the arm in it.

    The arm carries its own weight and follows closely, as a real one's controller sees to. Shown are its
    links' collision meshes, not the visual ones, which have fifty times their triangles: at 64 pixels they
    look alike, and a frame takes less than half the time.
    """
    mujoco = load_mujoco()
    spec = mujoco.MjSpec.from_string(xml)
    for body in spec.bodies:
        if body.name.startswith("panda0"):
            body.gravcomp = 1.0
    for actuator in spec.actuators:
        actuator.gainprm[0] *= _STIFFER
        actuator.biasprm[1] *= _STIFFER
        actuator.forcerange *= _STIFFER  # the model's joint damping takes most of it at speed
    model = spec.compile()
    mesh = int(mujoco.mjtGeom.mjGEOM_MESH)
    visual = (model.geom_type == mesh) & (model.geom_group == _VISUAL_GROUP)
    collision = model.geom_group == _COLLISION_GROUP
    model.geom_group[visual] = _HIDDEN_GROUP
    model.geom_group[collision] = _VISUAL_GROUP
    model.geom_rgba[collision] = _LINK_COLOUR
    return model


class PandaArm:
    """Moves the arm of a model by end-effector steps. The hand points down until it is turned."""

    def __init__(self, model: Any, data: Any) -> None:
        import mink

        self._mink, self._mujoco = mink, load_mujoco()
        self._model, self._data = model, data
        joints = [model.joint(f"robot:panda0_joint{number}").id for number in range(1, 8)]
        fingers = [model.joint(f"robot:panda0_finger_joint{number}").id for number in (1, 2)]
        self._joints, self._fingers = model.jnt_qposadr[joints], model.jnt_qposadr[fingers]
        self._configuration = mink.Configuration(model)
        self._reach = mink.FrameTask(_END_EFFECTOR, "site", position_cost=1.0, orientation_cost=0.3)
        self._posture = mink.PostureTask(model, cost=1e-2)
        self._limits = [mink.ConfigurationLimit(model)]
        self._target = np.zeros(3)

    def place(self, position: NDArray[np.float64], turned: float = 0.0) -> None:
        """Put the arm, at rest and open, where its end effector is at `position` (metres). turned: turns the
        hand about the vertical, in radians; at 0 the fingers close sideways."""
        data = self._data
        data.qpos[self._joints], data.qpos[self._fingers] = _HOME, OPEN
        self._configuration.update(data.qpos.copy())
        self._posture.set_target_from_configuration(self._configuration)
        pose = self._configuration.get_transform_frame_to_world(_END_EFFECTOR, "site")
        # Straight down, whatever the home posture leaves of a tilt.
        heading = pose.rotation().as_matrix()[:2, 0]
        x = np.append(heading / np.linalg.norm(heading), 0.0)
        down = np.array([0.0, 0.0, -1.0])
        self._rotation = self._mink.SO3.from_matrix(np.column_stack([x, np.cross(down, x), down]))
        if turned:
            self._rotation = self._mink.SO3.exp(-turned * down) @ self._rotation
        self._target = np.array(position, np.float64)
        self._solve(_PLACING, CONTROL_SECONDS)
        data.qpos[self._joints] = self._configuration.q[self._joints]
        data.ctrl[:7], data.ctrl[7:] = self._configuration.q[self._joints], OPEN
        self._mujoco.mj_forward(self._model, data)

    def move(self, action: Float32) -> None:
        """One control step. action: float32 (4,) in -1..1, end-effector step (times STEP_LENGTH metres) and
        gripper (-1 open, 1 closed, as in MetaWorld)."""
        step = STEP_LENGTH * np.clip(action[:3].astype(np.float64), -1.0, 1.0)
        self.lead(step, OPEN * (1.0 - float(np.clip(action[3], -1.0, 1.0))) / 2.0, CONTROL_SECONDS)

    def move_and_turn(self, action: Float32) -> None:
        """One control step. action: float32 (7,) in -1..1, end-effector step and gripper as `move` has them,
        and in between a rotation vector (world frame, times STEP_ANGLE radians)."""
        numbers = np.clip(action.astype(np.float64), -1.0, 1.0)
        self.turn(STEP_ANGLE * numbers[3:6])
        fingers, now = OPEN * (1.0 - numbers[6]) / 2.0, float(self._data.ctrl[7])
        fingers = now + np.clip(fingers - now, -FINGER_STEP, FINGER_STEP)
        self.lead(STEP_LENGTH * numbers[:3], fingers, CONTROL_SECONDS)

    def lead(self, step: NDArray[np.float64], fingers: float, seconds: float) -> None:
        """Let some time pass, the end effector led on by `step` (3,) in metres. fingers: each one's distance
        from closed, in metres."""
        # The step counts from the last target, not from the measured position: an arm that lags under a load
        # would otherwise never get ahead. The target stays within three steps of the arm, so that it does not
        # run away from an arm that is blocked (wind-up).
        ahead = np.clip(self._target + step - self.position, -3 * STEP_LENGTH, 3 * STEP_LENGTH)
        self._target = np.clip(self.position + ahead, LOW, HIGH)
        self._solve(_SOLUTIONS, seconds)
        self.hold(self._configuration.q[self._joints], fingers, seconds)

    def turn(self, by: NDArray[np.float64]) -> None:
        """Have `lead` turn the end effector, too. by: axis-angle vector (3,), world axes, in radians."""
        # Like the position's, the target stays within three steps of the arm: one that runs away from an arm
        # that is blocked would come round to the other side.
        now = self._mink.SO3.from_matrix(self.rotation)
        ahead = (self._mink.SO3.exp(by) @ self._rotation @ now.inverse()).log()
        share = min(1.0, 3 * STEP_ANGLE / max(float(np.linalg.norm(ahead)), 1e-9))
        self._rotation = self._mink.SO3.exp(share * ahead) @ now

    def hold(self, joints: NDArray[np.float64], fingers: float, seconds: float) -> None:
        """Let some time pass, the joints held at these angles (7,) in radians, the fingers as in `lead`."""
        self._data.ctrl[:7], self._data.ctrl[7:] = joints, fingers
        self._mujoco.mj_step(self._model, self._data, nstep=round(seconds / self._model.opt.timestep))

    @property
    def position(self) -> NDArray[np.float64]:
        """The end effector: float64 (3,), metres."""
        return np.array(self._data.site(_END_EFFECTOR).xpos)

    @property
    def joints(self) -> NDArray[np.float64]:
        """The seven joints: float64 (7,), radians."""
        return np.array(self._data.qpos[self._joints])

    @property
    def rotation(self) -> NDArray[np.float64]:
        """The end effector's rotation matrix: float64 (3, 3). Its third axis is where the fingers point, and
        they close along its second one."""
        return np.array(self._data.site(_END_EFFECTOR).xmat).reshape(3, 3)

    @property
    def orientation(self) -> NDArray[np.float64]:
        """The end effector's: float64 (4,), a unit quaternion x, y, z, w."""
        quaternion = np.zeros(4)
        self._mujoco.mju_mat2Quat(quaternion, self._data.site(_END_EFFECTOR).xmat)
        return np.roll(quaternion, -1)

    @property
    def opening(self) -> float:
        """The gripper, 0 (closed) to 1 (open)."""
        return float(self._data.qpos[self._fingers].mean() / OPEN)

    def turn_to(self, rotation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rotation vector, float64 (3,) in radians, from the hand's rotation matrix to another one."""
        return np.array(self._mink.SO3.from_matrix(rotation @ self.rotation.T).log())

    def _solve(self, times: int, duration: float) -> None:
        goal = self._mink.SE3.from_rotation_and_translation(self._rotation, self._target)
        self._reach.set_target(goal)
        seconds = duration / _SOLUTIONS
        for _ in range(times):
            velocity = self._mink.solve_ik(
                self._configuration,
                [self._reach, self._posture],
                seconds,
                "daqp",
                damping=1e-3,
                limits=self._limits,
            )
            self._configuration.integrate_inplace(velocity, seconds)
