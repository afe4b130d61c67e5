"""Frames a second: our renderer against MetaWorld's own `render()`, the same camera, scene and motion.

    python benchmarks/rendering_speed.py

Each measurement has a process of its own (two renderers in one process disturb each other); they take
turns, and the medians are compared. Only drawing is timed, not the physics between two frames.
"""

import argparse
import multiprocessing
import statistics
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from common import write_result

from sail_envs.cameras import CAMERAS
from sail_envs.rendering import choose_backend

SEED = 0


def main() -> None:
    """Write results/rendering.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="door-open")
    parser.add_argument("--frames", type=int, default=60, help="frames a measurement")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    backend = choose_backend()
    rows = []
    # The frames that planners see, the same from a camera that has the whole arm in view, and large ones.
    for camera, size in (("workspace", 64), ("corner", 64), ("corner", 480)):
        samples: dict[str, list[tuple[float, float]]] = {"ours": [], "metaworld": []}
        for _ in range(arguments.repeats):
            for name, measure in (("ours", ours), ("metaworld", metaworlds_own)):
                samples[name] += in_own_process(measure, arguments.task, camera, size, arguments.frames)
        counts = {name: len(values) for name, values in samples.items()}
        row: dict[str, Any] = {"camera": camera, "size": size, "n": counts}
        for kind, label in enumerate(("frames_per_second", "frames_per_processor_second")):
            rate = {
                name: 1 / statistics.median(sample[kind] for sample in values)
                for name, values in samples.items()
            }
            row[label] = rate | {"ratio": rate["ours"] / rate["metaworld"]}
        rows.append(row)
        print(row)
    write_result("rendering", {"task": arguments.task, "backend": backend, "rows": rows})


def ours(task: str, camera: str, size: int, frames: int) -> list[tuple[float, float]]:
    """Each frame of TaskEnv."""
    from sail_envs.environment import TaskEnv

    env = TaskEnv(task, camera=camera, height=size, width=size)
    env.reset(seed=SEED)
    return timed(env.simulation, env.frame, frames)


def metaworlds_own(task: str, camera: str, size: int, frames: int) -> list[tuple[float, float]]:
    """Each frame of MetaWorld's environment, made as its documentation makes it, with the camera's opening
    angle set to ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import gymnasium
        import metaworld

        assert metaworld
        env: Any = gymnasium.make(
            "Meta-World/MT1",
            env_name=f"{task}-v3",
            seed=SEED,
            render_mode="rgb_array",
            camera_name=CAMERAS[camera].mujoco_name,
            width=size,
            height=size,
        )
        env.reset(seed=SEED)
    return timed(env.unwrapped, env.render, frames)


def timed(simulation: Any, draw: Any, frames: int) -> list[tuple[float, float]]:
    """Wall and processor seconds (of all threads) of each frame; other programs disturb only the former."""
    action = np.array([0.3, 0.2, -0.1, 0.0], np.float32)
    samples = []
    for frame in range(frames + 5):
        simulation.step(action)
        wall, processor = time.perf_counter(), time.process_time()
        draw()
        if frame >= 5:  # the first ones warm up
            samples.append((time.perf_counter() - wall, time.process_time() - processor))
    return samples


def in_own_process(function: Any, *arguments: Any) -> list[tuple[float, float]]:
    """What the function returns, from a process made for it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        result: list[tuple[float, float]] = pool.submit(function, *arguments).result()
    return result


if __name__ == "__main__":
    main()
