"""A random table with random objects and an arm, and the script that does one thing with one of them."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.types import Float32, UInt8
from sail_envs.broad.clip import STRIDE, Clip, Thing
from sail_envs.broad.exclusion import KEPT_FROM_PANDA
from sail_envs.broad.hand import Hand, hand_xml
from sail_envs.broad.kinds import KINDS, TIP, Motion, Stroke
from sail_envs.broad.words import caption, describe
from sail_envs.cameras import Camera
from sail_envs.colours import COLOURS
from sail_envs.panda.arm import PandaArm, arm_xml, compile_model
from sail_envs.panda.table import camera_axes, towards
from sail_envs.rendering import load_mujoco, shared_renderer

_LONGEST = 120
_CLEAR = 0.16
_SPACING = 0.19
# Where the camera may stand beside an arm, in radians from straight ahead. Two views, because with views from
# all around a network of the prior's size learns little of the captions.
_VIEWS = (0.0, -2.1)


class TableScene:
    """One arm and two to four objects, compiled once; each clip draws colours, places, light and view.

    A scene and its clips are decided by two seeds.
    """

    def __init__(self, seed: int, size: int) -> None:
        rng = np.random.default_rng([seed, 0])
        self._seed, self._size = seed, size
        self.arm_name = "panda" if rng.random() < 0.45 else "gripper"
        kinds = list(KINDS)
        # Most scenes hold one kind in several colours: there only the colour tells which is meant.
        count = int(rng.integers(2, 4)) if self.arm_name == "panda" else int(rng.integers(2, 5))
        if rng.random() < 0.6:
            self.kinds = [str(rng.choice(kinds))] * count
        else:
            self.kinds = [str(kind) for kind in rng.choice(kinds, count)]
        self.sizes = [float(rng.uniform(*KINDS[kind].sizes)) for kind in self.kinds]
        self.model: Any = compile_model(self._xml(rng))
        self._mujoco = load_mujoco()
        self.data: Any = self._mujoco.MjData(self.model)
        make = PandaArm if self.arm_name == "panda" else Hand
        self.arm: PandaArm | Hand = make(self.model, self.data)

    def clip(self, number: int) -> Clip | None:
        """Draw a clip and play it: None where the motion failed or something else was moved."""
        rng = np.random.default_rng([self._seed, 1, number])
        named = int(rng.integers(len(self.kinds)))
        name, motion = self._draw_motion(rng, named)
        things = self._draw(rng, motion, named)
        stroke = motion.stroke(self.sizes[named])
        place = np.append(self._places[named], 0.0)
        stroke = Stroke(stroke.start + place, stroke.end + place, stroke.lifts)
        self._mujoco.mj_forward(self.model, self.data)
        begun, at = self._joints(), self._in_frame(named)
        frames, still = [self._frame()], 0
        for step in range(1, _LONGEST + 1):
            action, finished = follow(stroke, self.arm.position, self._phase)
            self._phase += finished
            self.arm.move(action)
            if step % STRIDE == 0:
                frames.append(self._frame())
            still += self._phase >= _AT_END
            if still >= 2 * STRIDE:
                break
        if not self._done(named, motion, begun, stroke):
            return None
        kind = KINDS[self.kinds[named]]
        alone = self.kinds.count(self.kinds[named]) == 1
        thing = describe(rng, things[named].colour, kind.nouns, alone)
        words = caption(rng, name, thing)
        return Clip(np.stack(frames), "table", self.arm_name, name, named, things, words, at)

    def _draw_motion(self, rng: Generator, named: int) -> tuple[str, Motion]:
        motions = KINDS[self.kinds[named]].motions
        name = str(rng.choice(list(motions)))
        return name, motions[name]

    def _draw(self, rng: Generator, motion: Motion, named: int) -> tuple[Thing, ...]:
        """Place everything at random; the colours of one kind differ."""
        model, data = self.model, self.data
        self._mujoco.mj_resetData(model, data)
        count = len(self.kinds)
        columns = _SPACING * (np.arange(count) - (count - 1) / 2) + rng.uniform(-0.015, 0.015, count)
        rows = 0.52 + rng.uniform(-0.03, 0.03, count)
        self._places = np.column_stack([rows, rng.permutation(columns)])
        colours = self._colours(rng)
        for number, place in enumerate(self._places):
            model.body(f"thing{number}").pos = [*place, 0.0]
            shade = np.array(COLOURS[colours[number]]) * rng.uniform(0.85, 1.15) + rng.uniform(-0.04, 0.04, 3)
            for geom in range(model.ngeom):
                if self._belongs(geom, number):
                    model.geom_rgba[geom] = [*np.clip(shade, 0.0, 1.0), 1.0]
            # A drawer or gate that is to be closed begins open, and so do its likes.
            if motion.begun and self.kinds[number] == self.kinds[named]:
                joint = model.joint(f"thing{number}{motion.joint}")
                data.qpos[joint.qposadr[0]] = motion.begun * rng.uniform(0.85, 1.0)
        model.geom("table").rgba = [*rng.uniform(0.5, 1.0, 3), 1.0]
        model.light("lamp").pos = np.array([0.5, 0.0, 2.0]) + rng.uniform(-0.8, 0.8, 3)
        model.light("lamp").diffuse = np.full(3, rng.uniform(0.3, 0.75))
        self._point_camera(rng)
        self.arm.place(np.array([0.4, 0.0, 0.24]) + rng.uniform([-0.06, -0.15, -0.04], [0.1, 0.15, 0.05]))
        self._phase = _ABOVE
        return tuple(Thing(kind, colour) for kind, colour in zip(self.kinds, colours, strict=True))

    def _colours(self, rng: Generator) -> list[str]:
        """Each thing's, all different, and none that the exclusion rule keeps from it."""
        kept = [KEPT_FROM_PANDA.get(kind, ()) if self.arm_name == "panda" else () for kind in self.kinds]
        while True:
            colours = [str(name) for name in rng.choice(list(COLOURS), len(kept), replace=False)]
            if not any(colour in names for colour, names in zip(colours, kept, strict=True)):
                return colours

    def _point_camera(self, rng: Generator) -> None:
        """From opposite the arm, or over its shoulder; the objects in the middle."""
        azimuth = rng.choice(_VIEWS) + rng.uniform(-0.45, 0.45)
        elevation = rng.uniform(0.5, 0.9)
        direction = np.array(
            [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
        )
        at = np.array([0.52, 0.0, 0.06]) + rng.uniform(-0.04, 0.04, 3)
        distance = rng.uniform(0.9, 1.25)
        camera = self.model.camera("workspace")
        camera.pos = at + distance * direction
        self._mujoco.mju_mat2Quat(camera.quat, camera_axes(camera.pos, at).ravel())
        camera.fovy = np.degrees(2 * np.arctan(rng.uniform(0.24, 0.36) / distance))

    def _frame(self) -> UInt8:
        renderer = shared_renderer(f"broad{self._seed}", self.model, self._size, self._size)
        return renderer.frame(self.model, self.data, Camera("workspace"))

    def _in_frame(self, number: int) -> tuple[float, float] | None:
        """Where a thing's coloured parts have their middle in the frame (see `Clip`)."""
        parts = [geom for geom in range(self.model.ngeom) if self._belongs(geom, number)]
        camera = self.data.camera("workspace")
        away = self.data.geom_xpos[parts].mean(0) - camera.xpos
        right, up, back = camera.xmat.reshape(3, 3).T @ away
        scale = -2.0 * back * np.tan(np.radians(self.model.camera("workspace").fovy[0]) / 2.0)
        across, down = float(0.5 + right / scale), float(0.5 - up / scale)
        return (across, down) if max(abs(across - 0.5), abs(down - 0.5)) < 0.5 else None

    def _belongs(self, geom: int, number: int) -> bool:
        """Whether a geom is one of a thing's coloured parts."""
        return bool(self.model.geom(geom).name.startswith(f"thing{number}"))

    def _joints(self) -> NDArray[np.float64]:
        """Where every object's joints are, (objects, up to 3); zeros fill up."""
        positions = np.zeros((len(self.kinds), 3))
        for number, kind in enumerate(self.kinds):
            for index, joint in enumerate(KINDS[kind].joints):
                address = self.model.joint(f"thing{number}{joint}").qposadr[0]
                positions[number, index] = self.data.qpos[address]
        return positions

    def _done(self, named: int, motion: Motion, begun: NDArray[np.float64], stroke: Stroke) -> bool:
        moved = self._joints() - begun
        others = np.delete(np.abs(moved), named, 0)
        if others.max() > 0.02:
            return False
        if not motion.joint:
            return bool(np.linalg.norm(self.arm.position - stroke.end) < 0.02 and np.abs(moved).max() < 0.02)
        index = KINDS[self.kinds[named]].joints.index(motion.joint)
        return bool(motion.sign * moved[named, index] >= motion.far)

    def _xml(self, rng: Generator) -> str:
        beside, arm = (
            arm_xml() if self.arm_name == "panda" else hand_xml(rng.uniform(0.1, 0.9), rng.uniform(0.8, 1.2))
        )
        things = "".join(
            f'<body name="thing{number}">{KINDS[kind].xml(f"thing{number}", size, rng)}</body>'
            for number, (kind, size) in enumerate(zip(self.kinds, self.sizes, strict=True))
        )
        first, second, sky = (_paint(rng) for _ in range(3))
        pattern = str(rng.choice(["flat", "flat", "checker", "gradient"]))
        repeat = int(rng.integers(1, 9))
        return (
            f'<mujoco model="broad">{beside}'
            '<visual><headlight ambient=".3 .3 .3" diffuse=".5 .5 .5"/></visual><asset>'
            f'<texture name="cloth" type="2d" builtin="{pattern}" rgb1="{first}" rgb2="{second}" width="64" '
            f'height="64"/><material name="cloth" texture="cloth" texrepeat="{repeat} {repeat}"/>'
            f'<texture type="skybox" builtin="flat" rgb1="{sky}" width="16" height="96"/></asset><worldbody>'
            '<light name="lamp" pos="0 0 2" dir="0 0 -1"/><camera name="workspace" fovy="40"/>'
            '<geom name="table" type="box" size="0.6 0.8 0.02" pos="0.5 0 -0.02" material="cloth"/>'
            f"{things}{arm}</worldbody></mujoco>"
        )


def _paint(rng: Generator) -> str:
    """A background colour, RGB 0..1: from grey to gaudy."""
    grey, hue, strength = rng.uniform(0.05, 0.95), rng.uniform(0.05, 1.0, 3), rng.uniform(0.0, 0.8)
    return " ".join(f"{value:.3f}" for value in (1.0 - strength) * grey + strength * hue)


# The phases of a stroke: over its start, going down to it, (closing,) along it, at its end.
_ABOVE, _DOWN, _ALONG, _AT_END = 0, 1, 8, 9


def follow(stroke: Stroke, hand: NDArray[np.float64], phase: int) -> tuple[Float32, int]:
    """An action float32 (4,) in a phase of a stroke, and by how much the phase then moves on."""
    grip = -1.0 if stroke.lifts and phase <= _DOWN else 1.0
    if phase == _ABOVE:
        height = max(_CLEAR, stroke.start[2]) + (TIP if stroke.start[2] < _CLEAR else 0.0)
        over = np.array([stroke.start[0], stroke.start[1], height])
        away = float(np.abs(over[:2] - hand[:2]).max())
        if away > 0.02 and hand[2] < _CLEAR:
            return towards(np.array([hand[0], hand[1], height]), hand, grip), 0
        return towards(over, hand, grip), int(away < 0.012)
    if phase == _DOWN:
        arrived = bool(np.abs(stroke.start - hand).max() < 0.012)
        return towards(stroke.start, hand, grip), (1 if stroke.lifts else _ALONG - _DOWN) * arrived
    if phase < _ALONG:
        return towards(hand, hand, grip), 1
    arrived = phase == _ALONG and bool(np.abs(stroke.end - hand).max() < 0.012)
    return towards(stroke.end, hand, grip), int(arrived)
