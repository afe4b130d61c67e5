"""Is the improvement real? The whole loop over seeds, with its controls, on the quick preset's task.

Run folders land in runs/improvement/; it can be stopped at any time and goes on. Differences are pooled
over seeds with Newcombe's interval.
"""

import argparse
from pathlib import Path
from typing import Any

from common import RESULTS, write_result

from sail.config.resolution import load_config
from sail.loop.improve import improve
from sail.loop.run_folder import create_run
from sail.loop.statistics import newcombe_difference_interval, wilson_interval
from sail.report.clips import write_clips
from sail.report.live_table import LiveTable
from sail.report.page import write_report

RUNS = RESULTS.parent / "runs" / "improvement"
# A planner that is never updated learns nothing from what it collects: it need not collect.
METHODS: dict[str, list[str]] = {"sail": [], "frozen": ["rollouts=1"], "random": []}


def run(name: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """One run, resumed if it has begun; results.json's content."""
    config = load_config("quick", None, [f"seed={seed}", *overrides])
    folder: Path = RUNS / f"{config.task}-{name}-s{seed}"
    with LiveTable(f"{config.task}, {name}, seed {seed}") as progress:
        results = improve(config, create_run(folder, config, resume=True), progress, film=write_clips)
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


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("overrides", nargs="*", help="configuration, as for `sail run`")
    arguments = parser.parse_args()
    methods = {
        method: [
            run(method, seed, [f"method={method}", *words, *arguments.overrides])
            for seed in range(arguments.seeds)
        ]
        for method, words in METHODS.items()
    }
    summary: dict[str, Any] = {}
    for method, runs in methods.items():
        summary[method] = curve(runs)
        rates = [round(point["success_rate"], 3) for point in summary[method]["curve"]]
        print(method, rates, summary[method].get("gain_ci95"))
    task = methods["sail"][0]["task"]
    write_result(f"improvement_{task}", {"task": task, "seeds": arguments.seeds, "methods": summary})


if __name__ == "__main__":
    main()
