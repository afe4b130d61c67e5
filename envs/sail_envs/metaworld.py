"""MetaWorld's tasks (v3) as Gymnasium environments with frames, real seeding and frame skip."""

import copy
import difflib
import warnings
from collections.abc import Iterable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sail.types import ACTION_SIZE, PROPRIOCEPTION_SIZE, Float32, SailError, UInt8
from sail_envs.cameras import CAMERAS
from sail_envs.rendering import load_mujoco, shared_renderer
from sail_envs.tasks import TASKS

Observation = dict[str, Any]


class UnknownNameError(SailError):
    """A task or camera that does not exist."""


class SettingError(SailError):
    """An environment's setting that is out of range."""


class ActionError(SailError):
    """An action of the wrong shape, or one that is no number."""


def known_task(task: str) -> str:
    """The task's own name. Raises UnknownNameError with the nearest name there is."""
    return _known("task", task, TASKS)


def _known(kind: str, name: str, names: Iterable[str]) -> str:
    if name not in names:
        near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.0)
        raise UnknownNameError(f"unknown {kind} '{name}': the nearest is '{near[0]}'")
    return name


class MetaWorldEnv(gymnasium.Env[Observation, Float32]):
    """One MetaWorld task seen through one camera.

    Observation: {"frame": uint8 (size, size, 3) RGB, "proprioception": float32 (4,)} (see sail.types).
    Action: float32 (4,) held for `frame_skip` control steps, or with `chunk=True` float32
    (frame_skip, 4), one action a control step. The episode terminates `hold` control steps after the
    task's success flag was first true (checked at every control step; None: never) and truncates after
    `horizon` control steps.
    info: "success" (bool, at any step so far), "steps" (control steps so far) and, with `record=True`,
    "frames" uint8 (K, size, size, 3), "proprioceptions" float32 (K, 4) and "actions" float32 (K, 4; as
    made, after clipping) of the K control steps just made.
    The same seed gives the same episode to the byte, whatever ran in this environment before.

    Raises UnknownNameError, SettingError, ActionError (at `step`) and RenderingError (at `reset`).
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 80}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(
        self,
        task: str,
        camera: str = "workspace",
        size: int = 64,
        frame_skip: int = 1,
        chunk: bool = False,
        horizon: int = 200,
        record: bool = False,
        hold: int | None = 0,
        render_mode: str | None = None,
    ) -> None:
        for name, value in (("size", size), ("frame_skip", frame_skip), ("horizon", horizon)):
            if value < 1:
                raise SettingError(f"{name} is {value}: it must be 1 or more")
        if hold is not None and hold < 0:
            raise SettingError(f"hold is {hold}: it must be 0 or more, or None")
        self.task = known_task(task)
        self.prompt = TASKS[task]
        self.camera = CAMERAS[_known("camera", camera, CAMERAS)]
        self.size, self.frame_skip, self.horizon, self.record = size, frame_skip, horizon, record
        self.hold, self.render_mode = hold, render_mode
        shape = (frame_skip, ACTION_SIZE) if chunk else (ACTION_SIZE,)
        self.action_space = spaces.Box(-1.0, 1.0, shape, np.float32)
        self.observation_space = spaces.Dict(
            {
                "frame": spaces.Box(0, 255, (size, size, 3), np.uint8),
                "proprioception": spaces.Box(-2.0, 2.0, (PROPRIOCEPTION_SIZE,), np.float32),
            }
        )
        self._simulation = _make_simulation(task)
        # What a reset must undo: everything an episode can change in the model and in MetaWorld's object.
        self._pristine_model = copy.copy(self._simulation.model)
        self._pristine_state = copy.deepcopy(_attributes_of(self._simulation))
        self._state: NDArray[np.float64] = np.zeros(0)
        self._success = False
        self._steps = self._held = 0

    def state(self) -> NDArray[np.float64]:
        """MetaWorld's own 39 numbers (object poses and goal), which scripted experts read."""
        return self._state

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; without a seed the next one is drawn from this environment's generator."""
        super().reset(seed=seed)
        simulation_seed = seed if seed is not None else int(self.np_random.integers(2**31))
        simulation = self._simulation
        for field in _MODEL_FIELDS:
            getattr(simulation.model, field)[:] = getattr(self._pristine_model, field)
        for name in _attributes_of(simulation).keys() - self._pristine_state.keys():
            delattr(simulation, name)
        vars(simulation).update(copy.deepcopy(self._pristine_state))
        load_mujoco().mj_resetData(simulation.model, simulation.data)
        simulation.seed(simulation_seed)
        self._state, _ = simulation.reset()
        self._success, self._steps, self._held = False, 0, 0
        return self._observation(), {"success": False, "steps": 0}

    def step(self, action: Float32) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Make up to `frame_skip` control steps; stops early where the episode ends."""
        action = np.asarray(action, np.float32)
        if action.shape != self.action_space.shape or not np.isfinite(action).all():
            given = f"shape {action.shape}" if np.isfinite(action).all() else "one with NaN or infinity"
            raise ActionError(
                f"an action must be finite numbers of shape {self.action_space.shape}, not {given}"
            )
        actions = np.broadcast_to(np.clip(action, -1.0, 1.0), (self.frame_skip, ACTION_SIZE))
        frames: list[UInt8] = []
        proprioceptions: list[Float32] = []
        reward, terminated = 0.0, False
        for one in actions:
            self._state, step_reward, _, _, info = self._simulation.step(one)
            reward += float(step_reward)
            self._steps += 1
            self._held += self._success
            self._success = self._success or bool(info["success"])
            if self.record:
                frames.append(self.frame())
                proprioceptions.append(self.proprioception())
            terminated = self._success and self.hold is not None and self._held >= self.hold
            if terminated or self._steps >= self.horizon:
                break
        extra: dict[str, Any] = {"success": self._success, "steps": self._steps}
        if self.record:
            extra["frames"] = np.stack(frames)
            extra["proprioceptions"] = np.stack(proprioceptions)
            extra["actions"] = actions[: len(frames)].copy()
        observation = (
            {"frame": frames[-1], "proprioception": proprioceptions[-1]} if frames else self._observation()
        )
        return observation, reward, terminated, self._steps >= self.horizon and not terminated, extra

    def frame(self) -> UInt8:
        """The camera's frame now: uint8 (size, size, 3) RGB."""
        simulation = self._simulation
        renderer = shared_renderer(simulation.model_name, simulation.model, self.size)
        return renderer.frame(simulation.model, simulation.data, self.camera)

    def proprioception(self) -> Float32:
        """End-effector position in metres and gripper opening 0..1: float32 (4,)."""
        return np.asarray(self._state[:PROPRIOCEPTION_SIZE], np.float32)

    def render(self) -> UInt8:
        """The camera's frame, as Gymnasium's `rgb_array` mode asks for it."""
        return self.frame()

    def _observation(self) -> Observation:
        return {"frame": self.frame(), "proprioception": self.proprioception()}


# The only model fields that MetaWorld's tasks write (object and site placement).
_MODEL_FIELDS = ("body_pos", "body_quat", "site_pos", "site_quat", "geom_pos", "geom_rgba", "eq_data")
# Not copied: MuJoCo's own objects, which are restored apart, spaces, and the unused renderer.
_KEPT_ATTRIBUTES = {"model", "data", "mujoco_renderer", "observation_space", "action_space", "spec"}


def _attributes_of(simulation: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(simulation).items() if name not in _KEPT_ATTRIBUTES}


def _make_simulation(task: str) -> Any:
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
