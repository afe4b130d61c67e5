"""The base of both table-top tasks: the scene around the objects, how it varies, and when a task is done."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.errors import SailError
from sail.types import Float32
from sail_envs.cameras import Camera, View
from sail_envs.colours import COLOURS
from sail_envs.mujoco_simulation import MujocoSimulation
from sail_envs.panda.arm import PandaArm, arm_xml, compile_model
from sail_envs.rendering import load_mujoco
from sail_envs.simulation import Ending
from sail_envs.suite import TaskSuite

# Metres: an object moved this far the asked way is done; another one moved this far is a mistake.
DONE, DISTURBED = 0.08, 0.03
_START = np.array([0.36, 0.0, 0.22])
_LAMP = np.array([0.5, 0.0, 2.0])
_TABLE = np.array([0.55, 0.45, 0.35])


class ColourError(SailError):
    """No object of this task has this colour."""


@dataclass(frozen=True)
class Objects:
    """The objects on the table, and the camera that sees them.

    suite: the tasks' suite. name: the objects' geoms are called name0, name1 and so on. count: number of
    objects. seen, unseen: the paper's split of colours. xml: MJCF of all objects. camera: MJCF attributes of
    the camera.
    """

    suite: TaskSuite
    name: str
    count: int
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    xml: str
    camera: str

    @property
    def colours(self) -> tuple[str, ...]:
        """The seen ones and the unseen ones."""
        return self.seen + self.unseen


class TableTop(MujocoSimulation, ABC):
    """A simulation (see `Simulation`) of a Panda and objects that differ in colour; a task names one of them.

    colour: the named object's. The others' are drawn from the other colours, and only from the seen ones
    where the named one is seen. Raises ColourError.
    """

    objects: ClassVar[Objects]
    # How far the hand is turned about the vertical when an episode begins (radians), and the progress that is
    # success.
    turned: ClassVar[float] = 0.0
    done: ClassVar[float] = DONE
    views: Mapping[str, View] = MappingProxyType({"workspace": Camera("workspace")})

    def __init__(self, colour: str) -> None:
        objects = self.objects
        if colour not in objects.colours:
            raise ColourError(f"no object is '{colour}': choose one of {', '.join(objects.colours)}")
        self.count = objects.count
        self.drawn_as = f"panda-{objects.suite.name}"
        self._colour = colour
        others = objects.seen if colour in objects.seen else objects.colours
        self._others = [name for name in others if name != colour]
        self.model: Any = compile_model(_xml(objects.xml, objects.camera))
        self._mujoco = load_mujoco()
        self.data: Any = self._mujoco.MjData(self.model)
        self.arm = PandaArm(self.model, self.data)
        self._eye = np.array(self.model.camera("workspace").pos)
        self.named = 0

    def reset(self, seed: int) -> None:
        """Place arm and objects, and draw colours, light, table and camera, as the seed decides."""
        rng, model = np.random.default_rng(seed), self.model
        self._mujoco.mj_resetData(model, self.data)
        self._place(rng)
        names = [self._colour, *rng.choice(self._others, self.count - 1, replace=False)]
        order = rng.permutation(self.count)
        self.named = int(np.flatnonzero(order == 0)[0])
        self._shown = [str(names[index]) for index in order]
        for number, index in enumerate(order):
            shade = np.array(COLOURS[names[index]]) * rng.uniform(0.9, 1.1)
            model.geom(f"{self.objects.name}{number}").rgba = [*np.clip(shade, 0.0, 1.0), 1.0]
        model.geom("table").rgba = [*(_TABLE * rng.uniform(0.85, 1.15)), 1.0]
        model.light("lamp").pos = _LAMP + rng.uniform(-0.3, 0.3, 3)
        model.light("lamp").diffuse = np.full(3, rng.uniform(0.35, 0.65))
        model.camera("workspace").pos = self._eye + rng.uniform(-0.01, 0.01, 3)
        self.arm.place(_START + rng.uniform(-0.03, 0.03, 3), self.turned)

    def colour_of(self, number: int) -> str:
        """The name of an object's colour."""
        return self._shown[number]

    def step(self, action: Float32) -> float:
        """One control step: float32 (4,), as `PandaArm.move` takes it. The reward of success is 1."""
        self.arm.move(action)
        return float(self.outcome() == "success")

    def outcome(self) -> Ending:
        """How the episode stands: a disturbed object counts before the named one."""
        if max(self.disturbed(number) for number in range(self.count) if number != self.named) > DISTURBED:
            return "wrong_object"
        return "success" if self.progress(self.named) >= self.done else "no_motion"

    def state(self) -> NDArray[np.float64]:
        """Hand, gripper opening and every thing: float64 (4 + 3 * count,)."""
        return np.concatenate([self.arm.position, [self.arm.opening], self.things().ravel()])

    def things(self) -> NDArray[np.float64]:
        """Where each object is: float64 (count, 3)."""
        names = (f"{self.objects.name}{number}" for number in range(self.count))
        return np.stack([self.data.geom(name).xpos for name in names])

    def proprioception(self) -> Float32:
        """End-effector position in metres and gripper opening 0..1: float32 (4,)."""
        return np.append(self.arm.position, self.arm.opening).astype(np.float32)

    @abstractmethod
    def _place(self, rng: Generator) -> None:
        """Put the objects where this episode has them."""

    @abstractmethod
    def progress(self, number: int) -> float:
        """How far an object has been moved the asked way, in metres."""

    @abstractmethod
    def disturbed(self, number: int) -> float:
        """How far an object has been moved in any way, in metres."""

    @abstractmethod
    def expert(self, number: int) -> Float32:
        """The scripted expert's action, float32 (4,), that does the task with this object."""


def towards(target: NDArray[np.float64], hand: NDArray[np.float64], grip: float = 1.0) -> Float32:
    """An action, float32 (4,), that leads the hand to a point, slower over the last few centimetres.

    target, hand: float64 (3,), metres. grip: the gripper's effort, closed by default.
    """
    return np.append(np.clip(20.0 * (target - hand), -1.0, 1.0), grip).astype(np.float32)


def looking(eye: Sequence[float], at: Sequence[float]) -> str:
    """MJCF attributes of a camera at `eye` that looks at a point, the horizon level."""
    right, up, _ = camera_axes(np.array(eye), np.array(at)).T
    axes = " ".join(f"{value:.6f}" for value in [*right, *up])
    return f'pos="{eye[0]} {eye[1]} {eye[2]}" xyaxes="{axes}"'


def camera_axes(eye: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """The axes (columns: right, up, back) of a camera at `eye` that looks at a point, the horizon level."""
    back = (eye - at) / np.linalg.norm(eye - at)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    return np.column_stack([right, np.cross(back, right), back])


def _xml(objects: str, camera: str) -> str:
    top, arm = arm_xml()
    return (
        f'<mujoco model="panda">{top}'
        '<visual><headlight ambient=".3 .3 .3" diffuse=".5 .5 .5"/></visual><worldbody>'
        '<light name="lamp" pos="0 0 2" dir="0 0 -1"/>'
        f'<camera name="workspace" {camera} fovy="32"/>'
        '<geom name="table" type="box" size="0.6 0.8 0.02" pos="0.5 0 -0.02"/>'
        f"{objects}{arm}</worldbody></mujoco>"
    )
