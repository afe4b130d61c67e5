"""How often the scripted expert solves its task, in every MetaWorld task.

python benchmarks/expert_success.py --seeds 5
"""

import argparse
import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from common import write_result

from sail.config.schema import RunConfig
from sail.loop.statistics import wilson_interval
from sail_envs.environment import TaskEnv
from sail_envs.experts import expert
from sail_envs.processes import inherited_by_workers
from sail_envs.suite import task_sets

LONG_HORIZON = 500


def main() -> None:
    """Write results/experts.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="episodes a task, seeded from 0")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    horizon = RunConfig.horizon
    steps: dict[str, list[int | None]] = {}
    tasks = task_sets()["all"]
    with ProcessPoolExecutor(arguments.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        with inherited_by_workers():
            results = pool.map(functools.partial(steps_to_success, seeds=arguments.seeds), tasks)
        for task, steps[task] in zip(tasks, results, strict=True):
            print(f"{task:28} {steps[task]}", flush=True)
    rates = {f"horizon_{limit}": summary(steps, limit) for limit in (horizon, LONG_HORIZON)}
    write_result("experts", {"seeds": arguments.seeds, **rates, "steps_to_success": steps})


def summary(steps: dict[str, list[int | None]], horizon: int) -> dict[str, Any]:
    """Success within `horizon` control steps: over all episodes, and the tasks not solved each time."""
    solved = {
        task: sum(number is not None and number <= horizon for number in numbers)
        for task, numbers in steps.items()
    }
    successes, episodes = sum(solved.values()), sum(map(len, steps.values()))
    return {
        "episodes": episodes,
        "success_rate": successes / episodes,
        "ci95": wilson_interval(successes, episodes),
        "tasks_solved_each_time": sum(solved[task] == len(steps[task]) for task in steps),
        "tasks_not_solved_each_time": {task: n for task, n in solved.items() if n < len(steps[task])},
    }


def steps_to_success(task: str, seeds: int) -> list[int | None]:
    """Control steps until the expert's success, None without one, for seeds 0, 1, ..."""
    env = TaskEnv(task, height=16, width=16, horizon=LONG_HORIZON)
    policy = expert(env)
    results: list[int | None] = []
    for seed in range(seeds):
        env.reset(seed=seed)
        terminated = truncated = False
        while not (terminated or truncated):
            *_, terminated, truncated, info = env.step(policy(env))
        results.append(info["steps"] if terminated else None)
    return results


if __name__ == "__main__":
    main()
