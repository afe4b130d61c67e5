"""Success by denoising steps of a planner and of the student that `sail distill few-step` made of it.

A finished cell is written to results/few_steps_TASK.json at once, and skipped when the same settings and
weights are measured again. results/few_steps_TASK.svg is the plot.

    python benchmarks/few_steps.py cups-orange --student STUDENT --episodes 40 --teacher-steps 8 --steps 1 2 4
"""

import argparse
import json
import time
from typing import Any

import numpy as np
from common import RESULTS, write_result

from sail.config.resolution import load_config
from sail.config.schema import RunConfig
from sail.loop.agent import Agent, load_agent, sampling_of
from sail.loop.evaluation import evaluate, rate
from sail.loop.results import Rate
from sail.report.comparison import comparison

TIMED = 7


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--student", required=True, help="a folder that sail distill made")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--teacher-steps", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--steps", type=int, nargs="*", default=[1, 2, 4, 8, 16], help="the student's")
    parser.add_argument("--words", nargs="*", default=[], help="configuration, as for `sail run`")
    arguments = parser.parse_args()
    name = f"few_steps_{arguments.task}"
    common = [f"task={arguments.task}", f"evaluation_episodes={arguments.episodes}", *arguments.words]
    jobs = [("student", steps) for steps in arguments.steps]
    jobs += [("teacher", steps) for steps in arguments.teacher_steps]
    for who, steps in jobs:
        own = [f"base={arguments.student}", "prior.kind=none"] if who == "student" else []
        config = load_config("panda", None, [*common, *own, f"planner.steps={steps}"])
        agent = load_agent(config)
        key = f"{who} {steps}"
        cell: dict[str, Any] = {"words": common, "weights": agent.identity}
        cells = _cells(name)
        if cell.items() <= cells.get(key, {}).items():
            continue
        cell |= rate(evaluate(agent, config)) | {"plan_seconds": _seconds(agent, config)}
        print(key, f"{cell['success_rate']:.2f}", f"{1e3 * cell['plan_seconds']:.0f} ms", flush=True)
        cells = {**_cells(name), key: cell}
        write_result(name, {"task": arguments.task, "cells": cells})
        (RESULTS / f"{name}.svg").write_text(plot(cells))


def _cells(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    cells: dict[str, Any] = json.loads(path.read_text())["cells"] if path.exists() else {}
    return cells


def _seconds(agent: Agent, config: RunConfig) -> float:
    """The median time of one plan, eagerly."""
    seen, taken = agent.inverse_dynamics.config, []
    frame = np.zeros((1, seen.height, seen.width, 3), np.uint8)
    for _ in range(TIMED):
        begun = time.perf_counter()
        agent.video_planner.plan(frame, ["push the cup"], [0], sampling_of(config))
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[1:]))


def plot(cells: dict[str, Any]) -> str:
    """Both curves with their 95 % intervals."""
    series: dict[str, list[Rate]] = {}
    for key, cell in sorted(cells.items(), key=lambda item: int(item[0].split()[1])):
        who, steps = key.split()
        low, high = cell["ci95"]
        point = Rate(steps, cell["success_rate"], low, high, cell["episodes"])
        series.setdefault(who, []).append(point)
    return comparison(series, "denoising steps") + "\n"


if __name__ == "__main__":
    main()
