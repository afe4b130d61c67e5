"""Three cups of different colours in front of a Panda: push the named one forward, and no other."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sail.types import Float32, SailError
from sail_envs.panda.arm import PandaArm, arm_xml, compile_model
from sail_envs.rendering import load_mujoco

Outcome = Literal["success", "wrong_object", "no_motion"]

# The paper's split of colours, in RGB 0..1.
SEEN_COLOURS = {
    "red": (0.8, 0.1, 0.1),
    "green": (0.1, 0.6, 0.15),
    "blue": (0.1, 0.2, 0.8),
    "pink": (0.95, 0.5, 0.7),
}
UNSEEN_COLOURS = {"orange": (0.95, 0.5, 0.05), "purple": (0.45, 0.1, 0.6)}
COLOURS = SEEN_COLOURS | UNSEEN_COLOURS

CUPS = 3
RADIUS, HEIGHT = 0.035, 0.1
# Metres: a cup pushed this far forward is done; another one moved this far is a mistake.
PUSHED, DISTURBED = 0.08, 0.03
_ROW, _SPACING = 0.48, 0.18
_START = np.array([0.36, 0.0, 0.22])
_CAMERA = np.array([1.35, 0.0, 0.75])
_LIGHT = np.array([0.5, 0.0, 2.0])
_TABLE = np.array([0.55, 0.45, 0.35])


class ColourError(SailError):
    """No cup has this colour."""


def _xml() -> str:
    top, arm = arm_xml()
    # Cups slide and do not topple, so that what was pushed where is beyond doubt.
    cups = "".join(
        f'<body name="cup{cup}" pos="0 0 {HEIGHT / 2}">'
        f'<joint name="cup{cup}_x" type="slide" axis="1 0 0" damping="3" frictionloss="0.6"/>'
        f'<joint name="cup{cup}_y" type="slide" axis="0 1 0" damping="3" frictionloss="0.6"/>'
        f'<geom name="cup{cup}" type="cylinder" size="{RADIUS} {HEIGHT / 2}" mass="0.1"/></body>'
        for cup in range(CUPS)
    )
    return (
        f'<mujoco model="panda-cups">{top}'
        '<visual><headlight ambient=".3 .3 .3" diffuse=".5 .5 .5"/></visual><worldbody>'
        '<light name="lamp" pos="0 0 2" dir="0 0 -1"/>'
        '<camera name="workspace" pos="1.35 0 0.75" xyaxes="0 1 0 -0.62 0 0.78" fovy="40"/>'
        '<geom name="table" type="box" size="0.6 0.8 0.02" pos="0.5 0 -0.02"/>'
        f"{cups}{arm}</worldbody></mujoco>"
    )


class PandaCups:
    """The simulation. colour: that of the cup to push; the others' are drawn from the other colours, seen
    ones only where it is a seen one. Raises ColourError."""

    def __init__(self, colour: str) -> None:
        if colour not in COLOURS:
            raise ColourError(f"no cup is '{colour}': choose one of {', '.join(COLOURS)}")
        self.colour = colour
        self.prompt = f"push the {colour} cup forward"
        mujoco = load_mujoco()
        self.model: Any = compile_model(_xml())
        self.data: Any = mujoco.MjData(self.model)
        self._mujoco = mujoco
        self.arm = PandaArm(self.model, self.data)
        self._cups = [self.model.joint(f"cup{cup}_x").qposadr[0] for cup in range(CUPS)]
        self._begun = np.zeros((CUPS, 2))
        self.named = 0

    def reset(self, seed: int) -> None:
        """Place arm and cups, and draw colours, light, table and camera: the same seed, the same scene."""
        rng = np.random.default_rng(seed)
        model, data = self.model, self.data
        self._mujoco.mj_resetData(model, data)
        rows = _ROW + rng.uniform(-0.04, 0.04, CUPS)
        columns = _SPACING * (np.arange(CUPS) - 1) + rng.uniform(-0.03, 0.03, CUPS)
        self._begun = np.column_stack([rows, columns])
        for cup, position in zip(self._cups, self._begun, strict=True):
            data.qpos[cup : cup + 2] = position
        others = [name for name in (SEEN_COLOURS if self.colour in SEEN_COLOURS else COLOURS)]
        others.remove(self.colour)
        names = [self.colour, *rng.choice(others, CUPS - 1, replace=False)]
        order = rng.permutation(CUPS)
        self.named = int(np.flatnonzero(order == 0)[0])
        for cup, index in enumerate(order):
            shade = np.clip(np.array(COLOURS[names[index]]) * rng.uniform(0.9, 1.1), 0.0, 1.0)
            model.geom(f"cup{cup}").rgba = [*shade, 1.0]
        model.geom("table").rgba = [*(_TABLE * rng.uniform(0.85, 1.15)), 1.0]
        model.light("lamp").pos = _LIGHT + rng.uniform(-0.3, 0.3, 3)
        model.light("lamp").diffuse = np.full(3, rng.uniform(0.35, 0.65))
        model.camera("workspace").pos = _CAMERA + rng.uniform(-0.01, 0.01, 3)
        self.arm.place(_START + rng.uniform(-0.03, 0.03, 3))

    def step(self, action: Float32) -> None:
        """One control step: float32 (4,), as `PandaArm.move` takes it."""
        self.arm.move(action)

    def cups(self) -> NDArray[np.float64]:
        """Where the cups are on the table: float64 (3, 2), metres."""
        return np.array([self.data.qpos[cup : cup + 2] for cup in self._cups])

    def outcome(self) -> Outcome:
        """What has been done so far: a disturbed cup counts before a pushed one."""
        moved = self.cups() - self._begun
        others = np.delete(np.linalg.norm(moved, axis=1), self.named)
        if others.max() > DISTURBED:
            return "wrong_object"
        return "success" if moved[self.named, 0] >= PUSHED else "no_motion"


def push(cups: PandaCups, cup: int) -> Float32:
    """The scripted expert's action, float32 (4,): behind the cup from above, down, and forward."""
    hand, (x, y) = cups.arm.position, cups.cups()[cup]
    behind = x - RADIUS - 0.05
    in_line = abs(hand[1] - y) < 0.012
    low = hand[2] < 0.075
    if low and in_line:
        target = np.array([x + 0.1, y, 0.06])
    elif in_line and hand[0] < behind + 0.015:
        target = np.array([hand[0], y, 0.06])
    elif hand[2] > HEIGHT + 0.06:
        target = np.array([behind, y, max(hand[2], HEIGHT + 0.1)])
    else:
        target = np.array([hand[0], hand[1], HEIGHT + 0.12])
    return np.append(np.clip(10.0 * (target - hand) / 0.5, -1.0, 1.0), 1.0).astype(np.float32)
