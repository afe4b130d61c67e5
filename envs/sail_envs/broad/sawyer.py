"""MetaWorld's seen tasks in random colours: the corpus' third arm."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.random import Generator

from sail.types import UInt8
from sail_envs.broad.clip import STRIDE, Clip, Thing
from sail_envs.broad.words import varied
from sail_envs.environment import TaskEnv
from sail_envs.experts import expert, random_push, with_noise
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.mujoco_simulation import MujocoSimulation

_LONGEST = 140
_VIEWS = ("workspace", "workspace", "corner", "corner3")
# The object, the motion, and other words for the task than its own prompt.
_TASKS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "door-open": ("door", "open", ("pull the door open", "swing the door open")),
    "drawer-close": ("drawer", "close", ("push the drawer shut", "shut the drawer")),
    "window-open": ("window", "open", ("slide the window open", "push the window open")),
    "faucet-close": ("faucet", "turn right", ("turn the tap right", "rotate the faucet to the right")),
    "button-press-topdown": ("button", "press", ("press the button", "push the button down")),
    "handle-pull": ("handle", "lift", ("lift the handle", "raise the handle")),
    "plate-slide": ("plate", "slide", ("push the plate into the cabinet", "slide the plate forward")),
    "reach": ("marker", "touch", ("go to the red marker", "touch the red dot")),
}


class SawyerScene:
    """One of the seen tasks; each clip repaints it and moves its light and camera.

    Two seeds decide a clip, as in `TableScene`.
    """

    def __init__(self, task: str, seed: int, size: int) -> None:
        self._task, self._seed = task, seed
        self._thing, self._motion, self._words = _TASKS[task]
        self._env = TaskEnv(task, height=size, width=size)
        self._model: Any = cast(MujocoSimulation, self._env.simulation).model
        model = self._model
        arm = model.body("base").id
        shown = model.body_rootid[model.geom_bodyid] != arm
        self._painted = np.flatnonzero(shown & (model.geom_rgba[:, 3] > 0) & (model.geom_group < 3))
        self._cameras = model.cam_pos.copy()

    def clip(self, number: int) -> Clip | None:
        """Draw a clip and play it: None where the expert failed."""
        env, rng = self._env, np.random.default_rng([self._seed, 1, number])
        env.reset(seed=int(rng.integers(2**31)))
        policy, push = with_noise(expert(env), rng, 0.5), random_push(rng, 0.5)
        for _ in range(push.steps):
            env.simulation.step(np.append(push.direction, -1.0).astype(np.float32))
        self._repaint(rng)
        view = str(rng.choice(_VIEWS))
        frames, done, step = [self._frame(view)], 0, 0
        while done < 2 * STRIDE and step < _LONGEST:
            env.simulation.step(policy(env))
            step += 1
            done += env.simulation.outcome() == "success" or done > 0
            if step % STRIDE == 0:
                frames.append(self._frame(view))
        if not done:
            return None
        words = varied(rng, (METAWORLD.tasks[self._task], *self._words))
        things = (Thing(self._thing, "any"),)
        return Clip(np.stack(frames), f"metaworld/{self._task}", "sawyer", self._motion, 0, things, words)

    def _repaint(self, rng: Generator) -> None:
        """Another colour for each material that is not the arm's, other light, the camera elsewhere."""
        model = self._model
        for material in np.unique(model.geom_matid[self._painted]):
            geoms = self._painted[model.geom_matid[self._painted] == material]
            model.geom_rgba[geoms, :3] = rng.uniform(0.1, 1.0, 3)
        model.light_diffuse[:] = rng.uniform(0.2, 0.8)
        model.cam_pos[:] = self._cameras + rng.uniform(-0.06, 0.06, 3)

    def _frame(self, view: str) -> UInt8:
        self._env.camera = view
        return self._env.frame()
