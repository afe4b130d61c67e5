"""Fetch's simulations: Gymnasium-Robotics' environments, seen from the front."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sail.types import Float32
from sail_envs.cameras import FreeCamera
from sail_envs.gymnasium_reading import Environment, Reading, success_of
from sail_envs.gymnasium_simulation import MujocoGymnasium, make_environment

_IDS = {
    "fetch-reach": "FetchReach-v4",
    "fetch-push": "FetchPush-v4",
    "fetch-pick-and-place": "FetchPickAndPlace-v4",
    "fetch-slide": "FetchSlide-v4",
}
# Hand, things and goals are in view. Seen aslant and from near, what moves up and what moves away look
# different; seen from rather high, the arm hides little of the table. The slide's table is longer.
_FRONT = FreeCamera(lookat=(1.31, 0.75, 0.5), distance=0.95, azimuth=150.0, elevation=-52.0, fovy=42.0)
_SLIDE_FRONT = FreeCamera(lookat=(1.3, 0.75, 0.45), distance=1.9, azimuth=180.0, elevation=-42.0, fovy=28.0)
# The radius at which the goal is drawn, in metres. At the environment's 0.02 the goal has 4 pixels across,
# and the gripper hides the goal more often.
_BALL = 0.035


def simulate_fetch(task: str) -> MujocoGymnasium:
    """A task's simulation. Its `observation` is the environment's: a dict of float64 arrays."""
    reading = Reading(_action, _proprioception, success_of("is_success"), _things)
    front = _SLIDE_FRONT if task == "fetch-slide" else _FRONT
    simulation = MujocoGymnasium(make_environment(_IDS[task]), reading, {"front": front})
    # The long cross that the hand is pulled to is no thing of the scene.
    model = simulation.model
    model.geom_rgba[model.geom_bodyid == model.body("robot0:mocap").id, 3] = 0.0
    model.site_size[model.site("target0").id] = _BALL
    return simulation


def _action(numbers: Float32) -> Float32:
    """The environment's gripper closes at -1, SAIL's at 1."""
    return np.append(numbers[:3], -numbers[3:]).astype(np.float32)


def _proprioception(environment: Environment, observation: dict[str, NDArray[np.float64]]) -> Any:
    """The hand's position and the opening between its fingers, all in metres."""
    numbers = observation["observation"]
    fingers = numbers[9:11] if len(numbers) > 10 else numbers[3:5]
    return [*numbers[:3], fingers.sum()]


def _things(environment: Environment, observation: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """The cube or the puck; in reach, which has neither, the goal."""
    return observation["achieved_goal" if len(observation["observation"]) > 10 else "desired_goal"][None]
