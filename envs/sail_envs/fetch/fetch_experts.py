"""Scripted experts of Fetch's tasks. They keep nothing from one step to the next: pushed aside, each goes on
from where it is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sail.types import Float32
from sail_envs.fetch.fetch_tasks import FETCH, STEP_LENGTH
from sail_envs.suite import Expert

Vector = NDArray[np.float64]

_OPEN, _CLOSED = -1.0, 1.0
_UP = np.array([0.0, 0.0, 1.0])
# The share of full speed at which things are approached, pushed and carried: between two planned frames the
# hand moves up to 5 cm.
_SPEED = 0.4
# Metres. With its middle so much above a thing's the hand passes over it; closer than this beside it the hand
# must rise first.
_CLEAR, _BESIDE = 0.075, 0.085
# Half of the closed fingers' width, along x and y, and the puck's radius, in metres.
_FINGERS, _RADIUS = np.array([0.0135, 0.0149]), 0.025
# What friction takes from the puck's speed, in metres a second squared.
_BRAKING = 0.98
# Measured: the puck leaves so much faster than the hand strikes it, and the smaller part of a slanted strike
# must be so much larger, because the puck turns along the fingers.
_BOUNCE, _SLANT = 1.22, 1.45


class _Scene(NamedTuple):
    """hand, thing, goal: float64 (3,), metres. opening: between the fingers, metres. velocity: the thing's,
    float64 (3,), metres a second."""

    hand: Vector
    thing: Vector
    goal: Vector
    opening: float
    velocity: Vector


def _scene(simulation: Any) -> _Scene:
    numbers, goal = simulation.observation["observation"], simulation.observation["desired_goal"]
    if len(numbers) < 25:  # reach has no thing
        return _Scene(numbers[:3], goal, goal, float(numbers[3:5].sum()), np.zeros(3))
    # The environment gives what moves in a step, and the thing's relative to the hand's.
    velocity = (numbers[14:17] + numbers[20:23]) / FETCH.embodiment.control_seconds
    return _Scene(numbers[:3], numbers[3:6], goal, float(numbers[9:11].sum()), velocity)


def _towards(hand: Vector, target: Vector, gripper: float = _CLOSED, speed: float = _SPEED) -> Float32:
    """The action that leads the hand to a point, slower over the last centimetres. speed: at most, of 1."""
    motion = 0.5 * (target - hand) / STEP_LENGTH
    return np.append(motion * min(1.0, speed / (np.abs(motion).max() + 1e-9)), gripper).astype(np.float32)


def _set_down(scene: _Scene, place: Vector) -> Float32:
    """Closed fingers to a place beside the thing, over it where it is in the way. place: float64 (3,)."""
    over = scene.thing[2] + _CLEAR
    if np.linalg.norm((scene.hand - place)[:2]) < 0.02:
        return _towards(scene.hand, place)
    if scene.hand[2] < over - 0.02 and np.linalg.norm((scene.hand - scene.thing)[:2]) < _BESIDE:
        return _towards(scene.hand, np.append(scene.hand[:2], over))
    return _towards(scene.hand, np.append(place[:2], over))


def _reach(scene: _Scene) -> Float32:
    return _towards(scene.hand, scene.goal)


def _push(scene: _Scene) -> Float32:
    """From behind the cube, in line with the goal."""
    way = (scene.goal - scene.thing) * [1, 1, 0]
    left = float(np.linalg.norm(way))
    if left < 0.02:
        return _towards(scene.hand, scene.hand)
    along = way / left
    offset = (scene.hand - scene.thing) * [1, 1, 0]
    aside = offset - (offset @ along) * along
    low = scene.thing - 0.01 * _UP
    astray = float(np.linalg.norm(aside)) / 0.025
    if offset @ along < -0.03 and astray < 1.0 and scene.hand[2] < low[2] + 0.045:
        return _towards(scene.hand, low - aside + min(left, 0.04) * (1.0 - astray) * along, speed=0.5)
    return _set_down(scene, low - 0.075 * along)


def _pick_and_place(scene: _Scene) -> Float32:
    offset = scene.hand - scene.thing
    aside, over = float(np.abs(offset[:2]).max()), scene.thing + 0.07 * _UP
    between = aside < 0.02  # the cube is 0.05 wide, the open fingers 0.1 apart
    if between and abs(offset[2]) < 0.02:
        held = scene.opening < 0.054
        return _towards(scene.hand, scene.goal + offset if held else scene.thing)
    if between and scene.opening > 0.08:
        return _towards(scene.hand, scene.thing, _OPEN)
    if offset[2] < 0.05 and np.linalg.norm(offset[:2]) < _BESIDE:
        return _towards(scene.hand, np.append(scene.hand[:2], over[2]), _OPEN)
    return _towards(scene.hand, over, _OPEN)


def _slide(scene: _Scene) -> Float32:
    """Strike the puck so that it comes to rest at the goal, and let it go."""
    way = (scene.goal - scene.thing)[:2]
    left = float(np.linalg.norm(way))
    wanted = _launch(way * max(0.0, 1.0 - 0.02 / max(left, 1e-9)))
    speed = float(np.linalg.norm(wanted))
    along = wanted / max(speed, 1e-9)
    made = float(scene.velocity[:2] @ along)
    back = np.append(scene.hand[:2] - 0.03 * along, scene.hand[2])
    if left < 0.03 or made > max(0.03, 0.92 * speed):
        return _towards(scene.hand, back)
    aim = along * np.where(np.abs(along) < np.abs(along).max(), _SLANT, 1.0)
    aim /= np.linalg.norm(aim)
    # A corner of the fingers meets the puck where the aim enters it, so that the puck leaves along the aim.
    meeting = scene.thing[:2] - _RADIUS * aim - np.where(np.abs(aim) > 0.03, np.sign(aim), 0.0) * _FINGERS
    offset = scene.hand[:2] - meeting
    ahead = float(offset @ aim)
    aside = offset - ahead * aim
    straight = np.linalg.norm(aside) < (0.0015 if ahead < -0.04 else 0.006)
    below = float(scene.thing[2] - scene.hand[2])
    if -0.07 < ahead < 0.01 and straight and below > -0.01:
        seconds = FETCH.embodiment.control_seconds
        motion = (speed * aim / _BOUNCE * seconds - 0.5 * aside) / STEP_LENGTH
        motion /= max(1.0, np.abs(motion).max())
        return np.append(motion, [0.5 * below / STEP_LENGTH, _CLOSED]).astype(np.float32)
    if made > 0.1:
        return _towards(scene.hand, back)
    return _set_down(scene, np.append(meeting - 0.05 * aim, scene.thing[2]))


def _launch(way: Vector) -> Vector:
    """The velocity, float64 (2,), metres a second, at which the puck comes to rest `way` (metres) further.

    MuJoCo's friction has a pyramid for its cone. It brakes the larger of the two components alone until both
    are equal, and then each at half of the rate.
    """
    length = np.abs(way)
    total = np.sqrt(2 * _BRAKING * length.sum())
    apart = np.sqrt(2 * _BRAKING * abs(length[0] - length[1]))
    both = np.array([total + apart, total - apart]) / 2
    return np.sign(way) * (both if length[0] > length[1] else both[::-1])


def _expert(act: Callable[[_Scene], Float32]) -> Expert:
    return lambda simulation: act(_scene(simulation))


EXPERTS: Mapping[str, Expert] = {
    "fetch-reach": _expert(_reach),
    "fetch-push": _expert(_push),
    "fetch-pick-and-place": _expert(_pick_and_place),
    "fetch-slide": _expert(_slide),
}
