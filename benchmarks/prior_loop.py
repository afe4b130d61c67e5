"""Three iterations of the loop with the prior, and without it, on unseen colours of the Panda's table.

Run folders land in runs/improvement/; it can be stopped at any time and goes on.

python benchmarks/prior_loop.py cups-orange drawers-yellow base=panda horizon=300 planner.steps=8
"""

import argparse
from typing import Any

from common import write_result
from improvement import curve, difference, run
from rules import NAMES, settings_of, split


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rule", default="normalised", choices=NAMES)
    parser.add_argument("words", nargs="+", help="tasks, and configuration as for `sail run`")
    arguments = parser.parse_args()
    tasks, overrides = split(arguments.words)
    rows: dict[str, Any] = {}
    for task in tasks:
        rows[task] = {}
        for rule in (arguments.rule, "in_domain"):
            words = [f"task={task}", *settings_of(rule), *overrides]
            runs = [run(rule, seed, words) for seed in range(arguments.seeds)]
            rows[task][rule] = curve(runs)
            print(task, rule, [round(point["success_rate"], 3) for point in rows[task][rule]["curve"]])
        ends = [rows[task][rule]["curve"][-1] for rule in (arguments.rule, "in_domain")]
        rows[task]["difference"], rows[task]["difference_ci95"] = difference(*ends)
    write_result("prior_loop", {"seeds": arguments.seeds, "tasks": rows})


if __name__ == "__main__":
    main()
