"""Three iterations of the loop with the prior, and without it, on unseen colours of the Panda's table.

A finished run is written to results/prior_loop.json at once, and skipped when the same weights are measured
again. A run that was stopped goes on from runs/prior_loop/. Differences are pooled over seeds with Newcombe's
interval.

    python benchmarks/prior_loop.py cups-orange drawers-yellow base=panda horizon=300 planner.steps=8
"""

import argparse
import json
from typing import Any

from common import RESULTS, write_result
from prior_rules import NAMES, config_of, settings_of, split, weights_of

from sail.config.resolution import load_config
from sail.loop.improve import improve
from sail.loop.run_folder import create_run
from sail.loop.statistics import newcombe_difference_interval, wilson_interval
from sail.report.live_table import LiveTable
from sail.report.page import write_report

NAME = "prior_loop"
RUNS = RESULTS.parent / "runs" / NAME


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--rule", default="normalised", choices=NAMES)
    parser.add_argument("words", nargs="+", help="tasks, and configuration as for `sail run`")
    arguments = parser.parse_intermixed_args()
    tasks, overrides = split(arguments.words)
    weights = weights_of(config_of(tasks[0], [*settings_of(arguments.rule), *overrides]))
    for seed in arguments.seeds:
        for task in tasks:
            for rule in (arguments.rule, "in_domain"):
                words = [f"task={task}", *settings_of(rule), *overrides]
                key = {"task": task, "rule": rule, "seed": seed}
                made_with = {**key, "words": words, "weights": weights}
                if any(made_with.items() <= done.items() for done in _runs()):
                    continue
                results = run(rule, seed, words)
                others = [done for done in _runs() if not key.items() <= done.items()]
                runs = [*others, {**made_with, "results": results}]
                write_result(NAME, {"tasks": _summary(runs, arguments.rule), "runs": runs})


def run(name: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """The content of one run's results.json; a run that has begun is resumed."""
    config = load_config("quick", None, [f"seed={seed}", *overrides])
    folder = RUNS / f"{config.task}-{name}-s{seed}"
    with LiveTable(f"{config.task}, {name}, seed {seed}") as progress:
        results = improve(config, create_run(folder, config, resume=True), progress)
    write_report(folder)
    return results


def curve(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Success by iteration, pooled over seeds, and what was gained from the first to the last."""
    points = [pool(runs, index) for index in range(len(runs[0]["iterations"]))]
    summary: dict[str, Any] = {"curve": points, "seconds": [r["iterations"][-1]["seconds"] for r in runs]}
    if len(points) > 1:
        summary["gain"], summary["gain_ci95"] = difference(points[-1], points[0])
    return summary


def difference(a: dict[str, Any], b: dict[str, Any]) -> tuple[float, list[float]]:
    """How much higher a's success rate is than b's, and the 95 % interval."""
    interval = newcombe_difference_interval(a["successes"], a["episodes"], b["successes"], b["episodes"])
    return a["success_rate"] - b["success_rate"], list(interval)


def pool(runs: list[dict[str, Any]], index: int) -> dict[str, Any]:
    """Successes at one iteration over all seeds."""
    successes = sum(r["iterations"][index]["successes"] for r in runs)
    episodes = sum(r["iterations"][index]["episodes"] for r in runs)
    interval = wilson_interval(successes, episodes)
    rates = [r["iterations"][index]["success_rate"] for r in runs]
    return {
        "successes": successes,
        "episodes": episodes,
        "success_rate": successes / episodes,
        "ci95": list(interval),
        "per_seed": rates,
    }


def _runs() -> list[dict[str, Any]]:
    """The finished runs."""
    path = RESULTS / f"{NAME}.json"
    runs: list[dict[str, Any]] = json.loads(path.read_text())["runs"] if path.exists() else []
    return runs


def _summary(runs: list[dict[str, Any]], composed: str) -> dict[str, Any]:
    """Each task's curves pooled over the seeds, and how much higher the composed one ends."""
    table: dict[str, Any] = {}
    for task in sorted({one["task"] for one in runs}):
        rules = sorted({one["rule"] for one in runs if one["task"] == task})
        of = {
            rule: [one["results"] for one in runs if (one["task"], one["rule"]) == (task, rule)]
            for rule in rules
        }
        table[task] = {rule: curve(some) for rule, some in of.items()}
        print(task, {rule: [p["success_rate"] for p in row["curve"]] for rule, row in table[task].items()})
        if {composed, "in_domain"} <= set(rules):
            ends = [table[task][rule]["curve"][-1] for rule in (composed, "in_domain")]
            table[task]["difference"], table[task]["difference_ci95"] = difference(*ends)
    return table


if __name__ == "__main__":
    main()
