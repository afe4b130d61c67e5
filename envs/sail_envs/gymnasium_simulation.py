"""Gymnasium environments as simulations: drawn by their own `render()`, or, with a MuJoCo model, by this
process's one renderer."""

import contextlib
import hashlib
import sys
import warnings
from collections.abc import Callable, Collection, Mapping
from io import StringIO
from typing import Any

import cv2
import gymnasium
import numpy as np
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray

from sail.errors import not_found, show
from sail.types import Float32, UInt8
from sail_envs.cameras import Camera, FreeCamera, View
from sail_envs.gymnasium_reading import Environment, Reading, numbers_of
from sail_envs.mujoco_simulation import MujocoSimulation
from sail_envs.rendering import RenderingError, choose_backend
from sail_envs.simulation import Ending, Simulation
from sail_envs.suite import SuiteError

# What a view is called that no camera of a model has: an environment's own drawing, and a free camera's.
RENDERED, FREE = "render", "free"


def make_environment(name: str | Callable[[], Environment], **settings: Any) -> Environment:
    """An environment that renders, without a time limit: SAIL's horizon ends an episode.

    name: a Gymnasium id, as `FetchReach-v4` or `package.module:MyArm-v0`, or what makes the environment.
    settings: of the id's environment. Raises SuiteError.
    """
    with contextlib.suppress(RenderingError):  # an environment may draw without OpenGL
        choose_backend()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if isinstance(name, str):
                _register_robotics(name)
                asked = {"render_mode": "rgb_array", "disable_env_checker": True, **settings}
                environment: Any = gymnasium.make(name, **asked)
            else:
                environment = name()
        except SuiteError:
            raise
        except Exception as error:  # whatever an environment of somebody else's raises
            cause = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise SuiteError(
                f"the environment {_called(name)} cannot be made ({cause}): mend its id or kwargs"
            ) from error
    if not isinstance(environment, gymnasium.Env):
        raise SuiteError(f"{_called(name)} makes {type(environment).__name__}: return a gymnasium.Env")
    return _without_time_limit(environment)


def has_mujoco(environment: Environment) -> bool:
    """Whether the environment has a MuJoCo model and data."""
    names = ("model", "data")
    kinds = [type(getattr(environment.unwrapped, name, None)) for name in names]
    return [kind.__name__ for kind in kinds] == ["MjModel", "MjData"]


class GymnasiumSimulation(Simulation):
    """An environment as a simulation (see `Simulation`).

    environment: the present one. observation: its latest. remake: makes another one for every later episode,
    where an environment keeps something from one episode to the next. After the environment has ended an
    episode, further steps change nothing.
    """

    def __init__(
        self, environment: Environment, reading: Reading, remake: Callable[[], Environment] | None = None
    ) -> None:
        self.environment, self._reading, self._remake = environment, reading, remake
        self.observation: Any = None
        self._begun = self._ended = self._success = False

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        if self._remake is not None and self._begun:
            self.environment.close()
            self.environment = self._remake()
        self.observation, _ = self.environment.reset(seed=seed)
        self._begun, self._ended, self._success = True, False, False

    def step(self, action: Float32) -> float:
        """One control step; the environment's own reward. Raises SuiteError where info tells no success."""
        if self._ended:
            return 0.0
        made = self.environment.step(self._reading.action(action))
        self.observation, reward, terminated, truncated, info = made
        self._ended = bool(terminated or truncated)
        self._success = bool(
            self._reading.success(self.environment, self.observation, float(reward), bool(terminated), info)
        )
        return float(reward)

    def outcome(self) -> Ending:
        """Success, as told after the latest step."""
        return "success" if self._success else "failure"

    def proprioception(self) -> Float32:
        """The embodiment's numbers: float32 (P,)."""
        numbers = self._reading.proprioception(self.environment, self.observation)
        return np.asarray(numbers, np.float32).reshape(-1)

    def things(self) -> NDArray[Any]:
        """See `Simulation`."""
        if self._reading.things is None:
            return super().things()
        return np.asarray(self._reading.things(self.environment, self.observation), np.float64).reshape(-1, 3)

    def state(self) -> NDArray[Any]:
        """The observation's numbers, entry by entry: float64."""
        return numbers_of(self.observation)


class RenderedSimulation(GymnasiumSimulation):
    """An environment that draws itself: what `render()` returns, its middle cut out in the frame's shape and
    averaged down. rendered: height and width of what it returned last."""

    cameras: Collection[str] = (RENDERED,)
    rendered: tuple[int, int] = (0, 0)

    def frame(self, camera: str, height: int, width: int) -> UInt8:
        """See `Simulation`. Raises SuiteError."""
        picture: Any = self.environment.render()
        frame = fitted(picture, height, width)
        self.rendered = picture.shape[:2]
        return frame


class MujocoGymnasium(GymnasiumSimulation, MujocoSimulation):
    """An environment with a MuJoCo model. Its own renderer would open an OpenGL context for each environment.

    views: see `views_of`.
    """

    def __init__(
        self,
        environment: Environment,
        reading: Reading,
        views: Mapping[str, View],
        remake: Callable[[], Environment] | None = None,
    ) -> None:
        super().__init__(environment, reading, remake)
        self.views = views
        self._look()
        self.drawn_as = _fingerprint(self.model)

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        super().reset(seed)
        self._look()
        self._move_markers()

    def step(self, action: Float32) -> float:
        """See `GymnasiumSimulation`."""
        ended = self._ended
        reward = super().step(action)
        if not ended:
            self._move_markers()
        return reward

    def _look(self) -> None:
        """An environment may have made another model."""
        inner: Any = self.environment.unwrapped
        self.model, self.data = inner.model, inner.data

    def _move_markers(self) -> None:
        """Gymnasium-Robotics' environments show their goals in what they call before they render. It also
        computes the bodies' places anew, so that a step would depend on whether a frame had been drawn: it
        is called at every step."""
        callback = getattr(self.environment.unwrapped, "_render_callback", None)
        if callback is not None:
            callback()


def simulation_of(
    make: Callable[[], Environment], reading: Reading, camera: str | View | None = None, fresh: bool = False
) -> GymnasiumSimulation:
    """The simulation of an environment. camera: see `views_of`. fresh: make the environment anew for every
    episode. Raises SuiteError."""
    environment, remake = make(), make if fresh else None
    views = views_of(environment, camera)
    if views:
        return MujocoGymnasium(environment, reading, views, remake)
    return RenderedSimulation(environment, reading, remake)


def views_of(environment: Environment, camera: str | View | None = None) -> dict[str, View]:
    """The cameras of an environment's MuJoCo model by name, `camera` first; none where there is no model.

    camera: the name of one of them, a view, or None for the environment's own. Raises SuiteError, also where
    an environment without a model does not render.
    """
    inner: Any = environment.unwrapped
    if not has_mujoco(environment):
        if camera is not None:
            raise SuiteError(f"{inner} has no MuJoCo model and draws itself: leave camera out")
        if environment.render_mode != "rgb_array":
            raise SuiteError(
                f"{inner} renders {environment.render_mode}: it must be made to render rgb_array"
            )
        return {}
    others: dict[str, View] = {name: Camera(name) for name in _camera_names(inner.model)}
    view = Camera(camera) if isinstance(camera, str) else camera or _own_view(environment)
    if isinstance(view, FreeCamera):
        return {FREE: view, **others}
    name = view.mujoco_name
    if name not in others:
        raise SuiteError(
            f"{not_found('camera', name, list(others))}, or a free one: lookat, distance, azimuth, elevation"
        )
    others.pop(name)
    return {name: view, **others}


def _own_view(environment: Environment) -> View:
    """What an environment's own MuJoCo renderer would show."""
    inner: Any = environment.unwrapped
    model, renderer = inner.model, getattr(inner, "mujoco_renderer", None)
    own = getattr(renderer, "camera_id", None)
    if own is not None and own >= 0 and model.camera(own).name:
        return Camera(model.camera(own).name)
    middle = np.median(inner.data.geom_xpos, axis=0)
    set_by = getattr(renderer, "default_cam_config", None) or {}
    lookat = [float(value) for value in set_by.get("lookat", middle)]
    return FreeCamera(
        lookat=(lookat[0], lookat[1], lookat[2]),
        distance=float(set_by.get("distance", model.stat.extent)),
        azimuth=float(set_by.get("azimuth", 90.0)),
        elevation=float(set_by.get("elevation", -45.0)),
        fovy=float(model.vis.global_.fovy),
    )


def fitted(picture: Any, height: int, width: int) -> UInt8:
    """The middle of a picture, uint8 (h, w, 3), in the shape of a frame, averaged down to uint8 (height,
    width, 3). Raises SuiteError where it is no such picture, or smaller than the frame."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.shape[2:] != (3,):
        found = type(picture).__name__
        if isinstance(picture, np.ndarray):
            found = f"{picture.dtype} of shape {picture.shape}"
        raise SuiteError(
            f"render() returns {found}: it must be uint8 (height, width, 3), with render_mode='rgb_array'"
        )
    there_height, there_width = picture.shape[:2]
    share = min(there_height / height, there_width / width)
    if share < 1:
        raise SuiteError(
            f"render() returns {there_height}x{there_width} pixels, fewer than a frame's {height}x{width}: "
            "ask for a smaller frame, or let the environment render a larger one (kwargs)"
        )
    tall, wide = round(share * height), round(share * width)
    top, left = (there_height - tall) // 2, (there_width - wide) // 2
    middle = np.ascontiguousarray(picture[top : top + tall, left : left + wide])
    return np.asarray(cv2.resize(middle, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _called(maker: object) -> str:
    """What messages call an id, or what makes an environment."""
    if isinstance(maker, str):
        return show(maker)
    function = getattr(maker, "func", maker)
    return str(getattr(function, "__name__", type(function).__name__))


def _without_time_limit(environment: Environment) -> Environment:
    """The same wrappers, but for those that truncate after a number of steps."""
    if isinstance(environment, TimeLimit):
        return _without_time_limit(environment.env)
    if isinstance(environment, gymnasium.Wrapper):
        environment.env = _without_time_limit(environment.env)
    return environment


def _register_robotics(name: str) -> None:
    """Gymnasium-Robotics, a dependency, registers its environments when it is imported, and prints news."""
    if ":" not in name and name not in gymnasium.registry and "gymnasium_robotics" not in sys.modules:
        with contextlib.redirect_stderr(StringIO()):
            import gymnasium_robotics  # noqa: F401


def _camera_names(model: Any) -> list[str]:
    names = (model.camera(index).name for index in range(model.ncam))
    return [name for name in names if name]


def _fingerprint(model: Any) -> str:
    """A name for what a renderer uploads of a model: its meshes, height fields and pictures."""
    digest = hashlib.sha256()
    for field in ("mesh_vert", "mesh_face", "mesh_normal", "hfield_data", "tex_data"):
        digest.update(np.ascontiguousarray(getattr(model, field)).tobytes())
    counts = (model.ngeom, model.nmesh, model.nhfield, model.ntex, model.nmat, model.nskin, model.nflex)
    return f"{digest.hexdigest()[:16]}-{'-'.join(map(str, counts))}"
