"""Parity: exported models compared with their source, on samples of the source kept in the folder.

Imports no torch, so that a folder can be checked on the machine where it runs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sail.export.folder import SAMPLES, ExportError, kind_of, read_planner_config
from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner, ExportedPolicy
from sail.types import Float32, UInt8

# The largest allowed |exported - source| / |source| of an output (Euclidean norms), by precision. Of int8
# only the plans' pixels are gated.
RELATIVE = {"fp32": 1e-3, "fp16": 2e-2}
# The largest allowed mean difference of the plans' pixels, as a share of their range of 255.
PIXELS = 0.01


@dataclass(frozen=True)
class Samples:
    """Plans and actions of the source at N frames, plan i with seed i.

    prompts: N. frames: uint8 (N, H, W, 3). text: float32 (N, L, D). latents: float32 (N × F, C, h, w). moved:
    float32 (N,). imagined: uint8 (N × F, H, W, 3). actions: float32 (N, K, A) of inverse dynamics from frames
    to goals uint8 (N, H, W, 3), with proprioception zero and seed 0.
    """

    prompts: tuple[str, ...]
    frames: UInt8
    text: Float32
    latents: Float32
    moved: Float32
    imagined: UInt8
    goals: UInt8
    actions: Float32


@dataclass(frozen=True)
class PolicySamples:
    """Actions of a policy at N frames, with proprioception zero, decision i with seed i.

    prompts: N. frames: uint8 (N, H, W, 3). text: float32 (N, L, D). actions: float32 (N, K, A).
    """

    prompts: tuple[str, ...]
    frames: UInt8
    text: Float32
    actions: Float32


SamplesKind = TypeVar("SamplesKind", Samples, PolicySamples)


def write_samples(folder: Path, samples: Samples | PolicySamples) -> None:
    """Write the samples into an exported folder."""
    # safetensors writes an array's memory as it lies there: it must be contiguous.
    arrays = {name: np.ascontiguousarray(value) for name, value in vars(samples).items() if name != "prompts"}
    save_file(arrays, folder / SAMPLES, {"prompts": "\n".join(samples.prompts)})


def read_samples(folder: Path, kind: type[SamplesKind]) -> SamplesKind:
    """Read the samples of an exported folder. Raises ExportError."""
    path = folder / SAMPLES
    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
            return kind(tuple(file.metadata()["prompts"].split("\n")), **arrays)
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise ExportError(f"{path} cannot be read ({error}): export again") from error


def check_folder(folder: Path, provider: str | None = None) -> dict[str, float]:
    """Compare every output of an exported folder with its source, on a provider (None: the fastest).

    Gives |exported - source| / |source| by output (Euclidean norms), and for a planner "pixels": the mean
    difference of the plans' pixels as a share of their range. Raises ExportError where one is too large.
    """
    check = _check_policy if kind_of(folder) == "policy" else _check_planner
    return check(folder, provider)


def _check_policy(folder: Path, provider: str | None) -> dict[str, float]:
    policy, samples = ExportedPolicy(folder, provider), read_samples(folder, PolicySamples)
    count = len(samples.frames)
    arms = np.zeros((count, len(policy.embodiment.proprioception)), np.float32)
    actions = policy.decide(samples.frames, samples.prompts, arms, range(count))
    found = {
        "text": _relative(policy.text.embed(samples.prompts), samples.text),
        "actions": _relative(actions, samples.actions),
    }
    for name, error in found.items():
        _allow(folder, name, error, RELATIVE["fp32"])
    return found


def _check_planner(folder: Path, provider: str | None) -> dict[str, float]:
    config, samples = read_planner_config(folder), read_samples(folder, Samples)
    planner = ExportedPlanner(folder, provider)
    count = len(samples.frames)
    plans = [planner.plan(samples.frames[i : i + 1], [samples.prompts[i]], [i]) for i in range(count)]
    imagined = np.concatenate([plan.frames[0] for plan in plans])
    dynamics = ExportedInverseDynamics(folder, provider)
    arms = np.zeros((count, len(config.embodiment.proprioception)), np.float32)
    found = {
        "text": _relative(planner.text.embed(samples.prompts), samples.text),
        "moved": _relative(np.concatenate([plan.motion for plan in plans]), samples.moved),
        "decoded": _relative(planner.decode(samples.latents), samples.imagined),
        "actions": _relative(dynamics.act(samples.frames, samples.goals, arms), samples.actions),
        "latents": _relative(_latents(planner, samples), samples.latents),
    }
    pixels = float(np.abs(imagined.astype(np.int16) - samples.imagined).mean()) / 255.0
    limit = RELATIVE.get(config.precision)
    exact = RELATIVE["fp32"]
    for name, error in found.items():
        # Text encoder and inverse dynamics stay in float32, whatever the planner's precision.
        allowed = exact if name in ("text", "actions") else limit
        if allowed is not None:
            _allow(folder, name, error, allowed)
    if not pixels <= PIXELS:
        raise ExportError(
            f"plans of {folder} are {pixels:.2%} of the pixels' range off their source's, more than "
            f"{PIXELS:.0%}: export with precision fp32, or report it"
        )
    return {**found, "pixels": pixels}


def _allow(folder: Path, name: str, error: float, allowed: float) -> None:
    if not error <= allowed:
        raise ExportError(
            f"{name} of {folder} are {error:.2g} off their source, more than {allowed:g}: "
            "export with precision fp32, or report it"
        )


def _latents(planner: ExportedPlanner, samples: Samples) -> Float32:
    """All plans' latents, four plans at once: the graph must give the same in a batch as alone."""
    latents: list[Float32] = []
    for first in range(0, len(samples.frames), 4):
        some = slice(first, first + 4)
        latents.append(
            planner.latents(samples.frames[some], samples.prompts[some], range(len(samples.frames))[some])
        )
    return np.concatenate(latents)


def _relative(found: np.ndarray, expected: np.ndarray) -> float:
    size = float(np.linalg.norm(expected.astype(np.float64)))
    return float(np.linalg.norm(found.astype(np.float64) - expected)) / max(size, 1e-12)
