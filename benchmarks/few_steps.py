"""Success against denoising steps: a planner, and the student that `sail distill` made of it, in one plot.

Every cell is written to results/few_steps_TASK.json at once, and not done again with the same words and weights.

python benchmarks/few_steps.py cups-orange --student STUDENT --episodes 50 --teacher-steps 8 --steps 1 2 4
"""  # noqa: E501

import argparse
import json
import time
from typing import Any

import numpy as np
from common import RESULTS, write_result

from sail.agent import Agent, load_agent, sampling_of
from sail.config import RunConfig, load_config
from sail.evaluate import evaluate, rate
from sail.types import FRAME_SIZE

TIMED = 7
WIDTH, HEIGHT, LEFT, BASE, TOP = 520, 300, 56, 250, 30
COLOURS = {"teacher": "#6b7280", "student": "#2563eb"}


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
        (RESULTS / f"{name}.svg").write_text(plot(cells, arguments.task))


def _cells(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    cells: dict[str, Any] = json.loads(path.read_text())["cells"] if path.exists() else {}
    return cells


def _seconds(agent: Agent, config: RunConfig) -> float:
    """The median time of one plan, eagerly."""
    frame, taken = np.zeros((1, FRAME_SIZE, FRAME_SIZE, 3), np.uint8), []
    for _ in range(TIMED):
        begun = time.perf_counter()
        agent.video_planner.plan(frame, ["push the cup"], [0], sampling_of(config))
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[1:]))


def plot(cells: dict[str, Any], task: str) -> str:
    """Both curves with their 95 % intervals, as SVG."""
    parts = [f'<text x="{LEFT}" y="18">success at {task} by denoising steps (95 % intervals)</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y}" y2="{y}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{share:.0%}</text>')
    for steps in (1, 2, 4, 8, 16):
        parts.append(f'<text x="{_x(steps)}" y="{BASE + 20}" text-anchor="middle">{steps}</text>')
    for index, (who, colour) in enumerate(COLOURS.items()):
        points = []
        for key, cell in sorted(cells.items(), key=lambda item: int(item[0].split()[1])):
            if key.split()[0] != who:
                continue
            x = _x(int(key.split()[1])) + 6 * index - 3
            low, high = (_y(value) for value in cell["ci95"])
            y = _y(cell["success_rate"])
            points.append(f"{x:.1f},{y:.1f}")
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low}" y2="{high}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="{colour}"/>')
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}"/>')
        parts.append(f'<text x="{LEFT + 120 * index}" y="{BASE + 42}" fill="{colour}">● {who}</text>')
    style = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {style}>'
    return head + '<rect width="100%" height="100%" fill="white"/>' + "".join(parts) + "</svg>\n"


def _x(steps: int) -> float:
    return LEFT + 40 + float(np.log2(steps)) * (WIDTH - LEFT - 100) / 4


def _y(share: float) -> float:
    return round(BASE - share * (BASE - TOP), 1)


if __name__ == "__main__":
    main()
