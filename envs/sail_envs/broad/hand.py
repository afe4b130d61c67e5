"""A bare gripper that slides along three axes, the corpus's arm beside the Panda."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sail.types import Float32
from sail_envs.panda.arm import CONTROL_SECONDS, HIGH, LOW, STEP_LENGTH
from sail_envs.rendering import load_mujoco

_OPEN = 0.045
_AXES = (("x", "1 0 0"), ("y", "0 1 0"), ("z", "0 0 1"))


def hand_xml(shade: float, slim: float) -> tuple[str, str]:
    """MJCF of the hand: what belongs beside the worldbody, and into it. shade: its grey, 0..1. slim: the
    width of palm and wrist, about 1."""
    rgba = f'rgba="{shade} {shade} {shade} 1"'
    slides = "".join(
        f'<joint name="hand_{name}" type="slide" axis="{axis}" damping="60"/>' for name, axis in _AXES
    )
    fingers = "".join(
        f'<body name="finger{number}" pos="0 0 -0.02"><joint name="finger{number}" type="slide" '
        f'axis="0 {side} 0" limited="true" range="0 {_OPEN}" damping="4"/>'
        f'<geom type="box" size="0.01 0.008 0.03" pos="0 {side * 0.009} 0" {rgba} mass="0.05" '
        f'friction="2 0.1 0.01"/></body>'
        for number, side in enumerate((1, -1))
    )
    body = (
        f'<body name="hand" gravcomp="1">{slides}<site name="end_effector" size="0.001" rgba="0 0 0 0"/>'
        f'<geom type="box" size="{0.025 * slim} {0.055 * slim} 0.02" pos="0 0 0.035" {rgba} mass="0.5"/>'
        f'<geom type="cylinder" size="{0.025 * slim} 0.2" pos="0 0 0.25" {rgba} mass="0.2" contype="0" '
        f'conaffinity="0"/>{fingers}</body>'
    )
    motors = "".join(
        f'<position name="hand_{name}" joint="hand_{name}" kp="2500" forcerange="-300 300"/>'
        for name, _ in _AXES
    )
    grips = "".join(
        f'<position name="finger{n}" joint="finger{n}" kp="150" forcerange="-12 12"/>' for n in (0, 1)
    )
    return f"<actuator>{motors}{grips}</actuator>", body


class Hand:
    """Moves the gripper of a model as `PandaArm` moves the arm: same steps, same reach."""

    def __init__(self, model: Any, data: Any) -> None:
        self._mujoco, self._model, self._data = load_mujoco(), model, data
        self._slides = [model.joint(f"hand_{name}").qposadr[0] for name, _ in _AXES]
        self._fingers = [model.joint(f"finger{number}").qposadr[0] for number in (0, 1)]
        self._substeps = round(CONTROL_SECONDS / model.opt.timestep)
        self._target = np.zeros(3)

    def place(self, position: NDArray[np.float64]) -> None:
        """Put the hand, at rest and open, where its end effector is at `position` (metres)."""
        self._target = np.array(position, np.float64)
        self._data.qpos[self._slides], self._data.qpos[self._fingers] = position, _OPEN
        self._data.ctrl[:3], self._data.ctrl[3:] = position, _OPEN
        self._mujoco.mj_forward(self._model, self._data)

    def move(self, action: Float32) -> None:
        """One control step, as `PandaArm.move` takes it."""
        step = STEP_LENGTH * np.clip(action[:3].astype(np.float64), -1.0, 1.0)
        ahead = np.clip(self._target + step - self.position, -3 * STEP_LENGTH, 3 * STEP_LENGTH)
        self._target = np.clip(self.position + ahead, LOW, HIGH)
        self._data.ctrl[:3] = self._target
        self._data.ctrl[3:] = _OPEN * (1.0 - float(np.clip(action[3], -1.0, 1.0))) / 2.0
        self._mujoco.mj_step(self._model, self._data, nstep=self._substeps)

    @property
    def position(self) -> NDArray[np.float64]:
        """The end effector: float64 (3,), metres."""
        return np.array(self._data.site("end_effector").xpos)
