"""Every task as a Gymnasium environment with frames, real seeding and frame skip."""

from collections.abc import Iterable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from sail.embodiment import Embodiment
from sail.errors import SailError, not_found
from sail.types import Float32, UInt8
from sail_envs.simulation import Ending
from sail_envs.suite import UnknownNameError, suite_of

Observation = dict[str, Any]


class SettingError(SailError):
    """An environment's setting that is out of range."""


class ActionError(SailError):
    """An action of the wrong shape, or one that is no number."""


def _known(kind: str, name: str, names: Iterable[str]) -> str:
    if name not in names:
        raise UnknownNameError(not_found(kind, name, list(names)))
    return name


def _proprioception_space(embodiment: Embodiment) -> spaces.Box:
    """Wider than the embodiment's ranges: they scale, and an arm may leave them."""
    ranges = np.array([(one.low, one.high) for one in embodiment.proprioception], np.float32).reshape(-1, 2)
    margin = 4 * np.diff(ranges, axis=1)[:, 0]
    return spaces.Box(ranges[:, 0] - margin, ranges[:, 1] + margin, dtype=np.float32)


# What a reset may change.
_OPTIONS = ("hold", "record")
# The endings that stay, whatever happens afterwards.
_FINAL = ("success", "wrong_object")


class TaskEnv(gymnasium.Env[Observation, Float32]):
    """One task, seen through one camera.

    suite: the suite's reference (see `find_suite`); without one, the suite that has the task. camera: the
    suite's own where None. height, width: of a frame, the embodiment's where None.

    Observation: {"frame": uint8 (height, width, 3) RGB, "proprioception": float32 (P,)} (see sail.types).
    Action: float32 (A,) held for `frame_skip` control steps, or with `chunk=True` float32
    (frame_skip, A), one action a control step. The outcome is checked at every control step, and the first
    success or wrong object stays. The episode terminates `hold` control steps after a success and at once
    after a wrong object; with `hold=None` it never does. It truncates after `horizon` control steps. The
    options of a `reset` may change `hold` and `record`, for that episode and all later ones.
    info: "success" (bool), "outcome" (see `Ending`), "steps" (control steps so far) and, with `record=True`,
    "frames" uint8 (K, height, width, 3), "proprioceptions" float32 (K, P) and "actions" float32 (K, A;
    as made, after clipping) of the K control steps just made.
    A seed gives the same episode to the byte, whatever ran in this environment before.

    Raises UnknownNameError, SettingError, ActionError (at `step`) and RenderingError (at `reset`).
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 80.0}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(
        self,
        task: str,
        suite: str = "",
        camera: str | None = None,
        height: int | None = None,
        width: int | None = None,
        frame_skip: int = 1,
        chunk: bool = False,
        horizon: int = 200,
        record: bool = False,
        hold: int | None = 0,
        render_mode: str | None = None,
    ) -> None:
        found = suite_of(task, suite)
        self.task, self.suite, self.embodiment = task, found, found.embodiment
        self.height = self.embodiment.height if height is None else height
        self.width = self.embodiment.width if width is None else width
        sizes = {"height": self.height, "width": self.width, "frame_skip": frame_skip, "horizon": horizon}
        for name, value in sizes.items():
            if value < 1:
                raise SettingError(f"{name} is {value}: it must be 1 or more")
        self.simulation = found.simulate(task)
        frames_per_second = 1.0 / (frame_skip * self.embodiment.control_seconds)
        self.metadata = {**self.metadata, "render_fps": frames_per_second}
        self.prompt = found.tasks[task]
        self.camera = _known("camera", camera or next(iter(self.simulation.cameras)), self.simulation.cameras)
        self.frame_skip, self.horizon = frame_skip, horizon
        self.render_mode = render_mode
        self._set(hold, record)
        numbers = len(self.embodiment.actions)
        shape = (frame_skip, numbers) if chunk else (numbers,)
        self.action_space = spaces.Box(-1.0, 1.0, shape, np.float32)
        self.observation_space = spaces.Dict(
            {
                "frame": spaces.Box(0, 255, (self.height, self.width, 3), np.uint8),
                "proprioception": _proprioception_space(self.embodiment),
            }
        )
        self._outcome: Ending = "no_motion"
        self._steps = self._held = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; without a seed the next one is drawn from this environment's generator."""
        super().reset(seed=seed)
        if options:
            for name in options:
                _known("option", name, _OPTIONS)
            self._set(**{"hold": self.hold, "record": self.record, **options})
        self.simulation.reset(seed if seed is not None else int(self.np_random.integers(2**31)))
        self._outcome, self._steps, self._held = self.simulation.outcome(), 0, 0
        return self._observation(), {"success": False, "outcome": self._outcome, "steps": 0}

    def step(self, action: Float32) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Make up to `frame_skip` control steps; stops early where the episode ends."""
        action = np.asarray(action, np.float32)
        if action.shape != self.action_space.shape or not np.isfinite(action).all():
            given = f"shape {action.shape}" if np.isfinite(action).all() else "one with NaN or infinity"
            raise ActionError(
                f"an action must be finite numbers of shape {self.action_space.shape}, not {given}"
            )
        actions = np.broadcast_to(np.clip(action, -1.0, 1.0), (self.frame_skip, len(self.embodiment.actions)))
        frames: list[UInt8] = []
        proprioceptions: list[Float32] = []
        reward, terminated = 0.0, False
        for one in actions:
            reward += self.simulation.step(one)
            self._steps += 1
            self._held += self._success
            if self._outcome not in _FINAL:
                self._outcome = self.simulation.outcome()
            if self.record:
                frames.append(self.frame())
                proprioceptions.append(self.proprioception())
            terminated = self._over()
            if terminated or self._steps >= self.horizon:
                break
        extra: dict[str, Any] = {
            "success": self._success,
            "outcome": self._outcome,
            "steps": self._steps,
        }
        if self.record:
            extra["frames"] = np.stack(frames)
            extra["proprioceptions"] = np.stack(proprioceptions)
            extra["actions"] = actions[: len(frames)].copy()
        observation = (
            {"frame": frames[-1], "proprioception": proprioceptions[-1]} if frames else self._observation()
        )
        return observation, reward, terminated, self._steps >= self.horizon and not terminated, extra

    def frame(self) -> UInt8:
        """The camera's frame now: uint8 (height, width, 3) RGB."""
        return self.simulation.frame(self.camera, self.height, self.width)

    def arm(self) -> UInt8:
        """The arm's share of each pixel of that frame: uint8 (height, width), 255 where all of it is arm."""
        return self.simulation.arm_mask(self.camera, self.height, self.width)

    def proprioception(self) -> Float32:
        """The numbers that the embodiment names, in its units: float32 (P,)."""
        return self.simulation.proprioception()

    def render(self) -> UInt8:
        """The camera's frame: what Gymnasium's `rgb_array` mode returns."""
        return self.frame()

    def _set(self, hold: int | None, record: bool) -> None:
        if hold is not None and hold < 0:
            raise SettingError(f"hold is {hold}: it must be 0 or more, or None")
        self.hold, self.record = hold, record

    def _observation(self) -> Observation:
        return {"frame": self.frame(), "proprioception": self.proprioception()}

    def _over(self) -> bool:
        """Whether the outcome ends the episode now."""
        if self.hold is None or self._outcome not in _FINAL:
            return False
        return not self._success or self._held >= self.hold

    @property
    def _success(self) -> bool:
        return self._outcome == "success"
