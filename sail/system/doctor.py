"""What works on this machine, what does not, and what to do: the checks behind `sail doctor`."""

import dataclasses
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sail.system.cores import permitted_cores
from sail.system.memory import available_memory
from sail.system.versions import gpu_name, package_version

GIB = 2**30
NEEDED_PYTHON = (3, 11)
NEEDED_MEMORY = 4 * GIB  # bytes that a run of the quick preset may take
NEEDED_DISK = 2 * GIB  # bytes that a run's episodes and checkpoints may take
GL_BACKENDS = ("egl", "osmesa")
_DEVICE = "MUJOCO_EGL_DEVICE_ID"
MODEL_PARTS = ("autoencoder", "planner", "inverse_dynamics")

# A frame that is not of one colour proves a back end: a broken one may draw nothing without an error.
_DRAW = """
import mujoco
model = mujoco.MjModel.from_xml_string(
    "<mujoco><worldbody><light pos='0 0 3'/><geom size='.1' rgba='1 0 0 1'/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 64, 64)
renderer.update_scene(data)
frame = renderer.render()
renderer.close()
if frame.min() == frame.max():
    raise RuntimeError("the frame is empty")
"""


_SIMULATE = """
from sail_envs.rendering import choose_backend
choose_backend()
from sail_envs.environment import TaskEnv
from sail_envs.suite import SUITES, find_suite
suite = find_suite(next(iter(SUITES.built_in)))
env = TaskEnv(suite.seen[0], suite.reference)
env.reset(seed=0)
frame = env.step([0.0] * len(suite.embodiment.actions))[0]["frame"]
if frame.min() == frame.max():
    raise RuntimeError("the frame is empty")
"""


@dataclass(frozen=True)
class Check:
    """One finding. cure: what to do, "" where nothing. needed: `make run` fails without it."""

    name: str
    ok: bool
    detail: str
    cure: str = ""
    needed: bool = True


def run_checks(folder: Path = Path(), base: str = "base") -> list[Check]:
    """All checks, in the order they are shown. folder: where runs would be written."""
    checks: list[Callable[[], Check]] = [
        check_python,
        check_torch,
        check_gl,
        check_simulation,
        check_memory,
        lambda: check_disk(folder),
        lambda: check_weights(base),
        check_gpu,
        check_onnx_runtime,
        check_ros,
    ]
    return [check() for check in checks]


def healthy(checks: Sequence[Check]) -> bool:
    """Whether everything that `make run` needs works."""
    return all(check.ok for check in checks if check.needed)


def print_checks(
    checks: Sequence[Check],
    as_json: bool = False,
    console: Console | None = None,
    marks: tuple[str, str] = ("no", "no, optional"),
) -> None:
    """Show the checks as a table, or as a JSON list with one object a check. marks: what stands before one
    that is needed and failed, and before another that failed."""
    if as_json:
        print(json.dumps([dataclasses.asdict(check) for check in checks], indent=2))
        return
    table = Table("", "check")
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for check in checks:
        mark = "[green]ok" if check.ok else f"[red]{marks[0]}" if check.needed else f"[yellow]{marks[1]}"
        table.add_row(mark, check.name, _plain(check.detail), _plain(check.cure))
    (console or Console()).print(table)


def check_python() -> Check:
    """Python's version."""
    version = platform.python_version()
    ok = sys.version_info >= NEEDED_PYTHON
    return Check("Python", ok, version, "" if ok else "install Python 3.11 or newer")


def check_torch() -> Check:
    """PyTorch can be loaded and computes."""
    error = _fails("import torch; exit(bool(torch.ones(2, 2).matmul(torch.ones(2, 2)).sum() != 8))")
    version = package_version("torch")
    if error is None:
        return Check("PyTorch", True, f"{version}, {permitted_cores()} cores permitted")
    return Check("PyTorch", False, error, "pip install torch, at the version in constraints.txt")


def check_gl(backends: Sequence[str] = GL_BACKENDS) -> Check:
    """One frame drawn off screen, each back end in a process of its own (a bad driver may crash it)."""
    asked = os.environ.get("MUJOCO_GL", "").lower()
    errors = []
    for backend in (asked,) if asked in backends else backends:
        error = _fails(_DRAW, {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend})
        if error is None:
            return Check("OpenGL off screen", True, backend)
        errors.append(f"{backend}: {error}")
    cure = "install Debian's libegl1 with libgl1-mesa-dri, or libosmesa6"
    if os.environ.get(_DEVICE):
        cure = f"unset {_DEVICE} (it is {os.environ[_DEVICE]}), or name a device that is there"
    return Check("OpenGL off screen", False, "; ".join(errors), cure)


def check_simulation() -> Check:
    """A scene of the first built-in suite is made, stepped and drawn: the simulator's packages fit."""
    error = _fails(_SIMULATE)
    found = ", ".join(f"{name} {package_version(name)}" for name in ("mujoco", "metaworld"))
    if error is None:
        return Check("simulation", True, found)
    cure = "pip install mujoco and metaworld, at the versions in constraints.txt"
    return Check("simulation", False, f"{found}: {error}", cure)


def check_memory(meminfo: Path = Path("/proc/meminfo")) -> Check:
    """Memory that is free to use, from Linux's own account."""
    available = available_memory(meminfo)
    if available is None:
        return Check("memory", False, "unknown: no MemAvailable", "4 GiB must be free", needed=False)
    ok = available >= NEEDED_MEMORY
    cure = "" if ok else "free 4 GiB, or lower envs and workers"
    return Check("memory", ok, f"{available / GIB:.1f} GiB available", cure)


def check_disk(folder: Path, needed: int = NEEDED_DISK) -> Check:
    """Space where runs are written. needed: bytes."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", False, f"{folder}: {error.strerror}", "choose another --out")
    ok = free >= needed
    cure = "" if ok else f"free {needed / GIB:.0f} GiB, or choose an --out on another disk"
    return Check("disk", ok, f"{free / GIB:.1f} GiB free", cure)


def check_weights(base: str = "base", pretrained: Path | None = None) -> Check:
    """The base weights are present and whole (header and length; contents are checked when loaded)."""
    from safetensors import SafetensorError, safe_open

    name = "base weights"
    cure = "install sail-planner again, or clone the repository again with its large files"
    if pretrained is None:
        package = importlib.util.find_spec("sail_models")
        if package is None or package.origin is None:
            return Check(name, False, "the package sail_models is not installed", cure)
        pretrained = Path(package.origin).with_name("pretrained")
    size = 0
    for part in MODEL_PARTS:
        for file in ("config.json", "model.safetensors"):
            path = pretrained / base / part / file
            if not path.is_file():
                return Check(name, False, f"{base}/{part}/{file} is missing", cure)
        size += path.stat().st_size
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            return Check(name, False, f"{base}/{part}/{file} is damaged: {_first_line(str(error))}", cure)
    return Check(name, True, f"{base}: {', '.join(MODEL_PARTS)}, {size / 1e6:.1f} MB")


def check_gpu() -> Check:
    """PyTorch can use a GPU."""
    name = gpu_name()
    if name is None:
        return Check("GPU", False, "none found", "no preset needs one", needed=False)
    if _fails("import torch; torch.zeros(1, device='cuda')") is None:
        return Check("GPU", True, name, needed=False)
    return Check("GPU", False, f"{name}, but PyTorch cannot use it", "install PyTorch's CUDA build", False)


def check_onnx_runtime() -> Check:
    """ONNX Runtime's execution providers."""
    code = "import onnxruntime; print(', '.join(onnxruntime.get_available_providers()))"
    if importlib.util.find_spec("onnxruntime") is None:
        cure = "pip install onnxruntime (or onnxruntime-gpu) to run exported models"
        return Check("ONNX Runtime", False, "not installed", cure, needed=False)
    answer = _python(code)
    if answer.returncode == 0:
        version = package_version("onnxruntime") or package_version("onnxruntime-gpu")
        return Check("ONNX Runtime", True, f"{version}: {answer.stdout.strip()}", needed=False)
    return Check(
        "ONNX Runtime", False, _last_line(answer.stderr), "pip install onnxruntime again", needed=False
    )


def check_ros() -> Check:
    """ROS 2's Python client can be imported."""
    if importlib.util.find_spec("rclpy") is None:
        cure = "needed on an arm only: source /opt/ros/DISTRIBUTION/setup.bash"
        return Check("ROS 2", False, "rclpy is not installed", cure, needed=False)
    error = _fails("import rclpy")
    if error is None:
        return Check("ROS 2", True, os.environ.get("ROS_DISTRO", "rclpy from packages"), needed=False)
    return Check("ROS 2", False, error, "source the setup.bash of your ROS distribution", needed=False)


def _python(code: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own: neither a crash nor a slow import is ours."""
    command = [sys.executable, "-c", code]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, env={**os.environ, **(environment or {})}
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "no answer within 120 s")


def _fails(code: str, environment: dict[str, str] | None = None) -> str | None:
    """None if the code runs through, else why not in one line."""
    answer = _python(code, environment)
    if answer.returncode == 0:
        return None
    if answer.returncode < 0:
        return f"crashed with signal {-answer.returncode}"
    return _last_line(answer.stderr) or f"exit code {answer.returncode}"


def _last_line(text: str) -> str:
    """The line of a traceback that names the exception (what is printed after it, if anything, is noise)."""
    # What fails while the process ends is not why it ends.
    lines = [line.strip() for line in text.split("Exception ignored in")[0].splitlines() if line.strip()]
    errors = [
        line for line in lines if line.split(":")[0].rpartition(".")[2].endswith(("Error", "Exception"))
    ]
    return (errors or lines or [""])[-1]


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "no reason given"


def _plain(text: str) -> str:
    """Text in which rich must not see markup."""
    return text.replace("[", r"\[")
