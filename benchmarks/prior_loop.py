"""Three iterations of the loop with the prior, and without it, on unseen colours of the Panda's table.

Every finished run is written to results/prior_loop.json at once and not done again with the same weights, so
that the runs can be spread over days and machines; one that was stopped goes on from runs/improvement/.

python benchmarks/prior_loop.py cups-orange drawers-yellow base=panda horizon=300 planner.steps=8
"""

import argparse
import json
from typing import Any

from common import RESULTS, write_result
from improvement import curve, difference, run
from prior_rules import NAMES, config_of, settings_of, split, weights_of

NAME = "prior_loop"


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


def _runs() -> list[dict[str, Any]]:
    """Those that are finished."""
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
