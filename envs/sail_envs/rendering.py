"""A fast offscreen renderer: one OpenGL context a process, shadows, reflections and multisampling off.

MetaWorld's own `render()` spends its time on 4,096-pixel shadow maps and 4x multisampling; without
them a software rasteriser is about ten times as fast (see `benchmarks/rendering_speed.py`).
"""

import atexit
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError
from sail.types import UInt8
from sail_envs.cameras import FreeCamera, View


class RenderingError(SailError):
    """No OpenGL back end works on this machine."""


class _Context(Protocol):
    def make_current(self) -> None: ...
    def free(self) -> None: ...


BACKENDS = ("egl", "osmesa")
_INSTALL = "install one of Debian's packages libegl1 with libgl1-mesa-dri, or libosmesa6"
_PROBE = "from mujoco.{} import GLContext; GLContext(8, 8).make_current()"
# What back ends that are missing or broken raise when they are imported or opened.
_GL_ERRORS = (ImportError, AttributeError, RuntimeError, OSError, ValueError)


def load_mujoco() -> ModuleType:
    """Import MuJoCo. Raises RenderingError where `MUJOCO_GL` names a back end that does not work."""
    try:
        return importlib.import_module("mujoco")
    except _GL_ERRORS as error:
        raise _does_not_work(error) from error


def choose_backend() -> str:
    """The OpenGL back end of this process and its children: `MUJOCO_GL` if that is egl or osmesa, else
    the first that works, which `MUJOCO_GL` then names. Raises RenderingError with what to install.

    Tried in processes of their own, as MuJoCo finds no OpenGL functions beside a back end that failed.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower()
    for name in (asked,) if asked in BACKENDS else BACKENDS:
        variables = {"MUJOCO_GL": name, "PYOPENGL_PLATFORM": name}
        if name == asked or _works(name, variables):
            os.environ.update(variables)
            return name
    raise RenderingError(f"no OpenGL back end works (tried {', '.join(BACKENDS)}): {_INSTALL}")


def _works(backend: str, variables: dict[str, str]) -> bool:
    command = [sys.executable, "-c", _PROBE.format(backend)]
    try:
        tried = subprocess.run(command, env=os.environ | variables, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return False
    return tried.returncode == 0


def open_gl_context(width: int, height: int) -> _Context:
    """An offscreen OpenGL context of the chosen back end, made current. Raises RenderingError."""
    backend = choose_backend()
    try:
        context: _Context = _context_class(importlib.import_module(f"mujoco.{backend}"))(width, height)
        context.make_current()
    except _GL_ERRORS as error:
        raise _does_not_work(error) from error
    return context


def _does_not_work(error: Exception) -> RenderingError:
    asked = os.environ.get("MUJOCO_GL", "")
    cause = str(error).partition("\n")[0]
    return RenderingError(f"OpenGL does not work with MUJOCO_GL='{asked}' ({cause}): unset it, or {_INSTALL}")


def _context_class(module: ModuleType) -> Any:
    class Context(module.GLContext):  # type: ignore[misc, name-defined]
        """Freed by `Renderer.close` alone: MuJoCo's `__del__` prints errors about contexts that never
        came up, and about any that outlives OpenGL's library at the interpreter's exit."""

        def __del__(self) -> None:
            pass

    return Context


# Frames up to this size are drawn twice as large and averaged. Without that, edges and bright specks jump
# between pixels: noise to a planner, where the average tells positions to a fraction of a pixel.
LARGEST_AVERAGED = 128


class Renderer:
    """Draws frames of any model of the same XML as the one it was made with.

    Two renderers alive in one process corrupt each other's images: use `shared_renderer`.
    """

    def __init__(self, model: Any, height: int, width: int) -> None:
        self._mujoco = mujoco = load_mujoco()
        self.height, self.width = height, width
        factor = 2 if max(height, width) <= LARGEST_AVERAGED else 1
        drawn_height, drawn_width = factor * height, factor * width
        model.vis.quality.offsamples = 0
        model.vis.global_.offwidth = drawn_width
        model.vis.global_.offheight = drawn_height
        self._gl = open_gl_context(drawn_width, drawn_height)
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._rectangle = mujoco.MjrRect(0, 0, drawn_width, drawn_height)
        self._buffer = np.zeros((drawn_height, drawn_width, 3), np.uint8)

    def frame(self, model: Any, data: Any, camera: View) -> UInt8:
        """Draw one frame: uint8 (height, width, 3), RGB, the right way up."""
        self._draw(model, data, camera)
        return self._picture(self._buffer, camera)

    def arm(self, model: Any, data: Any, camera: View) -> UInt8:
        """How much of each pixel of the same frame is the arm: uint8 (height, width), 255 where all of it
        is."""
        flag = self._mujoco.mjtRndFlag
        numbering = [flag.mjRND_SEGMENT.value, flag.mjRND_IDCOLOR.value]
        self._scene.flags[numbering] = 1
        self._draw(model, data, camera)
        self._scene.flags[numbering] = 0
        of_arm = _of_arm(model)
        # Number 0 is the background; MuJoCo draws a number as a colour, its lowest byte in red.
        numbered = np.zeros(self._scene.ngeom + 1, np.uint8)
        for drawn in self._scene.geoms[: self._scene.ngeom]:
            if drawn.objtype == self._mujoco.mjtObj.mjOBJ_GEOM and of_arm[drawn.objid]:
                numbered[drawn.segid + 1] = 255
        numbers = self._buffer.astype(np.int64) @ (1, 256, 65536)
        return self._picture(numbered[numbers], camera)

    def _draw(self, model: Any, data: Any, camera: View) -> None:
        """Into the buffer."""
        mujoco = self._mujoco
        original_groups = model.geom_group.copy()
        with _aimed(mujoco, self._camera, model, camera):
            # MuJoCo draws every mesh, in view or not: half of the triangles are an arm's, outside the view.
            model.geom_group[_out_of_view(model, data, camera, self.width / self.height)] = _HIDDEN_GROUP
            everything = mujoco.mjtCatBit.mjCAT_ALL.value
            mujoco.mjv_updateScene(model, data, self._option, None, self._camera, everything, self._scene)
        model.geom_group[:] = original_groups
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        mujoco.mjr_render(self._rectangle, self._scene, self._context)
        mujoco.mjr_readPixels(self._buffer, None, self._rectangle, self._context)

    def _picture(self, drawn: UInt8, camera: View) -> UInt8:
        """Of this renderer's size, the right way up."""
        if len(drawn) != self.height:
            size = (self.width, self.height)
            drawn = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
        # OpenGL's rows run from the bottom: a camera hanging upside down only needs its columns turned.
        return drawn[:, ::-1].copy() if camera.turned else drawn[::-1].copy()

    def close(self) -> None:
        """Free the context; the renderer can't be used afterwards."""
        self._context.free()
        self._gl.free()


@contextmanager
def _aimed(mujoco: ModuleType, aim: Any, model: Any, camera: View) -> Iterator[None]:
    """Within, MuJoCo's camera `aim` and the model's field of view are this camera's."""
    if isinstance(camera, FreeCamera):
        aim.type = mujoco.mjtCamera.mjCAMERA_FREE
        aim.lookat[:] = camera.lookat
        aim.distance, aim.azimuth, aim.elevation = camera.distance, camera.azimuth, camera.elevation
        original = float(model.vis.global_.fovy)
        model.vis.global_.fovy = camera.fovy
        try:
            yield
        finally:
            model.vis.global_.fovy = original
        return
    aim.type = mujoco.mjtCamera.mjCAMERA_FIXED
    aim.fixedcamid = camera_id = model.camera(camera.mujoco_name).id
    original = float(model.cam_fovy[camera_id])
    if camera.fovy is not None:
        model.cam_fovy[camera_id] = camera.fovy
    try:
        yield
    finally:
        model.cam_fovy[camera_id] = original


def _of_arm(model: Any) -> NDArray[np.bool_]:
    """Which geoms are the arm's: bool (ngeom,). The arm is the body tree whose joint the first actuator
    moves, or that is welded to a body which the simulation places; where there is neither, nothing is."""
    joints, weld = (0, 1), 1  # of mjtTrn a joint, in its own frame or its parent's; of mjtEq a weld
    if model.nu and model.actuator_trntype[0] in joints:
        moved = model.jnt_bodyid[model.actuator_trnid[0, 0]]
    else:
        pairs = zip(model.eq_type, model.eq_obj1id, model.eq_obj2id, strict=True)
        placed = [other for kind, one, other in pairs if kind == weld and model.body_mocapid[one] >= 0]
        if not placed:
            return np.zeros(model.ngeom, np.bool_)
        moved = placed[0]
    return np.asarray(model.body_rootid[model.geom_bodyid] == model.body_rootid[moved])


# Geoms of this group are not drawn (mjvOption's default shows groups 0 to 2).
_HIDDEN_GROUP = 5


def _out_of_view(model: Any, data: Any, camera: View, aspect: float) -> NDArray[np.bool_]:
    """Which geoms lie wholly outside the picture, by their bounding spheres: bool (ngeom,). aspect: the
    picture's width by its height."""
    if isinstance(camera, FreeCamera):
        (eye, axes), fovy = camera.pose(), camera.fovy
    else:
        camera_id = model.camera(camera.mujoco_name).id
        eye, axes = data.cam_xpos[camera_id], data.cam_xmat[camera_id].reshape(3, 3)
        fovy = model.cam_fovy[camera_id] if camera.fovy is None else camera.fovy
    points = (data.geom_xpos - eye) @ axes
    depth, upwards = -points[:, 2], np.radians(fovy) / 2
    half_angles = np.array([upwards if aspect == 1 else np.arctan(aspect * np.tan(upwards)), upwards])
    beside = np.abs(points[:, :2]) * np.cos(half_angles) - depth[:, None] * np.sin(half_angles)
    outside = np.maximum(beside.max(axis=1), -depth)
    # An infinite plane has radius 0.
    return np.asarray((outside > model.geom_rbound) & (model.geom_rbound > 0))


_shared: tuple[tuple[str, int, int], Renderer] | None = None


def shared_renderer(key: str, model: Any, height: int, width: int) -> Renderer:
    """This process's one renderer, made anew when the model file (`key`) or the size changes."""
    global _shared
    wanted = (key, height, width)
    if _shared is not None and _shared[0] == wanted:
        return _shared[1]
    close_shared_renderer()
    _shared = (wanted, Renderer(model, height, width))
    # Registered only now, so that it runs before the exit hook by which MuJoCo ends EGL.
    atexit.unregister(close_shared_renderer)
    atexit.register(close_shared_renderer)
    return _shared[1]


def close_shared_renderer() -> None:
    """Free this process's renderer, if there is one; the next frame makes a new one."""
    global _shared
    if _shared is not None:
        _shared[1].close()
        _shared = None
