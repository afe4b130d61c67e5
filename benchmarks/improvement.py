"""Is the improvement real? The whole loop over seeds, with its controls, on the quick preset's task.

Run folders land in runs/improvement/; it can be stopped at any time and goes on. Differences are pooled
over seeds with Newcombe's interval.
"""

import argparse
from pathlib import Path
from typing import Any

from common import RESULTS, write_result

from sail.config import load_config
from sail.loop import improve
from sail.report.html import write_report
from sail.report.live import LiveTable
from sail.runfolder import create_run
from sail.statistics import newcombe_difference_interval, wilson_interval

RUNS = RESULTS.parent / "runs" / "improvement"
# A planner that is never updated learns nothing from what it collects: it need not collect.
METHODS: dict[str, list[str]] = {"sail": [], "frozen": ["rollouts=1"], "random": []}


def run(method: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """One run, resumed if it has begun; results.json's content."""
    config = load_config("quick", None, [f"method={method}", f"seed={seed}", *METHODS[method], *overrides])
    folder: Path = RUNS / f"{config.task}-{method}-s{seed}"
    with LiveTable(f"{config.task}, {method}, seed {seed}") as live:
        results = improve(config, create_run(folder, config, resume=True), live)
    write_report(folder)
    return results


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
        method: [run(method, seed, arguments.overrides) for seed in range(arguments.seeds)]
        for method in METHODS
    }
    summary: dict[str, Any] = {}
    for method, runs in methods.items():
        curve = [pool(runs, index) for index in range(len(runs[0]["iterations"]))]
        summary[method] = {"curve": curve, "seconds": [r["iterations"][-1]["seconds"] for r in runs]}
        if len(curve) > 1:
            first, last = curve[0], curve[-1]
            summary[method]["gain"] = last["success_rate"] - first["success_rate"]
            summary[method]["gain_ci95"] = list(
                newcombe_difference_interval(
                    last["successes"], last["episodes"], first["successes"], first["episodes"]
                )
            )
        print(method, [round(c["success_rate"], 3) for c in curve], summary[method].get("gain_ci95"))
    task = methods["sail"][0]["task"]
    write_result(f"improvement_{task}", {"task": task, "seeds": arguments.seeds, "methods": summary})


if __name__ == "__main__":
    main()
