"""MetaWorld's tasks (version 3) as simulations. The same seed gives the same episode, which MetaWorld alone
does not."""

import copy
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sail.types import Float32
from sail_envs.cameras import CAMERAS
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.mujoco_simulation import MujocoSimulation
from sail_envs.rendering import load_mujoco
from sail_envs.simulation import Ending


class MetaWorld(MujocoSimulation):
    """One of MetaWorld's tasks (see `Simulation`). A reset undoes everything that an episode has changed."""

    views = CAMERAS

    def __init__(self, task: str) -> None:
        self._metaworld = _make(task)
        self.model, self.data = self._metaworld.model, self._metaworld.data
        self.drawn_as = str(self._metaworld.model_name)
        # What a reset must undo: everything an episode can change in the model and in MetaWorld's object.
        self._pristine_model = copy.copy(self.model)
        self._pristine_state = copy.deepcopy(_attributes_of(self._metaworld))
        self._state: NDArray[np.float64] = np.zeros(0)
        self._success = False

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        metaworld = self._metaworld
        for field in _MODEL_FIELDS:
            getattr(metaworld.model, field)[:] = getattr(self._pristine_model, field)
        for name in _attributes_of(metaworld).keys() - self._pristine_state.keys():
            delattr(metaworld, name)
        vars(metaworld).update(copy.deepcopy(self._pristine_state))
        mujoco = load_mujoco()
        mujoco.mj_resetData(metaworld.model, metaworld.data)
        metaworld.seed(seed)
        self._state, _ = metaworld.reset()
        # MetaWorld places things in the model, and MuJoCo would not show them there before the first step.
        mujoco.mj_forward(metaworld.model, metaworld.data)
        self._success = False

    def step(self, action: Float32) -> float:
        """One control step; MetaWorld's own reward."""
        self._state, reward, _, _, info = self._metaworld.step(action)
        self._success = bool(info["success"])
        return float(reward)

    def outcome(self) -> Ending:
        """MetaWorld's success flag after the latest step."""
        return "success" if self._success else "failure"

    def state(self) -> NDArray[np.float64]:
        """MetaWorld's own 39 numbers (object poses and goal), which scripted experts read."""
        return self._state

    def things(self) -> NDArray[np.float64]:
        """Where the scene's object is: float64 (1, 3)."""
        return self._state[None, 4:7]

    def proprioception(self) -> Float32:
        """End-effector position in metres and gripper opening 0..1: float32 (4,)."""
        return np.asarray(self._state[: len(METAWORLD.embodiment.proprioception)], np.float32)


# The only model fields that MetaWorld's tasks write (object and site placement).
_MODEL_FIELDS = ("body_pos", "body_quat", "site_pos", "site_quat", "geom_pos", "geom_rgba", "eq_data")
# Not copied: MuJoCo's own objects, which are restored apart, spaces, and the unused renderer.
_KEPT_ATTRIBUTES = {"model", "data", "mujoco_renderer", "observation_space", "action_space", "spec"}


def _attributes_of(simulation: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(simulation).items() if name not in _KEPT_ATTRIBUTES}


def _make(task: str) -> Any:
    load_mujoco()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from metaworld.env_dict import ALL_V3_ENVIRONMENTS

        simulation: Any = ALL_V3_ENVIRONMENTS[f"{task}-v3"]()
    # MetaWorld ignores seeds and hides the goal unless told otherwise, and caches the space in which
    # the goal is clipped to zero.
    simulation._freeze_rand_vec = False
    simulation.seeded_rand_vec = True
    simulation._set_task_called = True
    simulation._partially_observable = False
    simulation.max_path_length = 10**9
    vars(simulation).pop("sawyer_observation_space", None)
    simulation.observation_space = simulation.sawyer_observation_space
    return simulation
