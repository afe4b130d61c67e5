"""Versions of packages, processor and GPU: the environment that is written beside every result."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path


def environment_versions() -> dict[str, str | None]:
    """What a result depends on: versions (None if not installed), processor and GPU."""
    packages = {"torch": "torch", "mujoco": "mujoco", "metaworld": "metaworld", "sail": "sail-planner"}
    versions = {name: package_version(package) for name, package in packages.items()}
    processor = f"{processor_name()} ({os.cpu_count()} threads)"
    return {"python": platform.python_version(), **versions, "processor": processor, "gpu": gpu_name()}


def package_version(name: str) -> str | None:
    """An installed distribution's version, without importing it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def gpu_name() -> str | None:
    """The NVIDIA GPUs' names by the driver's own tool, or None."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    command = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None  # a driver that does not answer
    return ", ".join(answer.split("\n")).strip(", ") or None


def processor_name() -> str:
    """The processor's name."""
    return _of_processor("model name") or platform.processor() or platform.machine()


def processor_features() -> str:
    """The instruction sets that the processor has: in virtual machines two of one name may differ."""
    return _of_processor("flags") or _of_processor("Features") or platform.machine()


def _of_processor(field: str) -> str:
    """What the kernel says of the first processor under this name; empty where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field]
    return values[0] if values else ""
