"""The settings of every rule, chosen by success on seen colours of the Panda's table alone.

Each rule gets six settings of guidance w, strength γ and share of the steps, and the same episodes, which are
none of prior_success.py's. The best by success, of equals the one that moved fewer wrong objects, is what
prior_rules.py takes.

python benchmarks/prior_sweep.py base=panda horizon=300 planner.steps=8
"""

import argparse
from collections import Counter
from typing import Any

from common import write_result

from sail.config.resolution import load_config
from sail.loop.agent import load_agent
from sail.loop.evaluation import evaluate, rate
from sail.loop.rollout import Outcome

TASKS = ("cups-green", "cups-pink", "drawers-red", "drawers-green")
# Evaluation episodes of another run than prior_success.py's.
SEED = 1
# What is tried of each rule: w alone, or w, γ and the share of the steps. The published sums begin with the
# paper's.
GRIDS: dict[str, list[tuple[float, ...]]] = {
    "in_domain": [(1.0,), (1.5,), (2.0,), (3.0,), (4.0,), (6.0,)],
    "prior": [(1.0,), (1.5,), (2.0,), (3.0,), (4.0,), (6.0,)],
    "probabilistic": [
        (2.5, 0.1, 1.0),
        (2.0, 0.1, 0.25),
        (1.0, 0.3, 0.25),
        (1.5, 0.3, 0.125),
        (1.0, 1.0, 0.125),
        (4.0, 0.1, 0.125),
    ],
    "inverse_probabilistic": [
        (2.5, 0.5, 1.0),
        (2.5, 0.2, 0.25),
        (1.5, 0.5, 0.25),
        (4.0, 0.2, 0.125),
        (4.0, 0.2, 0.5),
        (1.0, 1.0, 0.125),
    ],
    "normalised": [
        (2.0, 1.0, 0.25),
        (3.0, 0.5, 0.125),
        (3.0, 0.5, 0.25),
        (3.0, 0.5, 0.5),
        (6.0, 0.2, 0.125),
        (6.0, 0.2, 0.25),
    ],
}
KEYS = ("planner.guidance", "prior.strength", "prior.until")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=8, help="of each task")
    parser.add_argument("--rules", nargs="+", default=list(GRIDS), choices=list(GRIDS))
    parser.add_argument("overrides", nargs="*", help="configuration, as for `sail run`")
    arguments = parser.parse_intermixed_args()
    for rule in arguments.rules:
        kind = [] if rule == "in_domain" else ["prior.kind=compact", f"prior.rule={rule}"]
        rows: list[dict[str, Any]] = []
        for settings in GRIDS[rule]:
            words = [*kind, *(f"{key}={value}" for key, value in zip(KEYS, settings, strict=False))]
            outcomes: list[Outcome] = []
            for task in TASKS:
                fixed = [f"task={task}", f"evaluation_episodes={arguments.episodes}", f"seed={SEED}"]
                config = load_config("quick", None, [*fixed, *words, *arguments.overrides])
                outcomes += evaluate(load_agent(config), config)
            endings = dict(Counter(outcome.ending for outcome in outcomes))
            half = len(outcomes) // 2
            by_family = {"cups": rate(outcomes[:half]), "drawers": rate(outcomes[half:])}
            rows.append({"words": words, **rate(outcomes), "endings": endings, **by_family})
            print(rule, words, rows[-1]["successes"], endings, flush=True)
        best = max(rows, key=lambda row: (row["successes"], -row["endings"].get("wrong_object", 0)))
        write_result(
            f"prior_sweep_{rule}", {"tasks": TASKS, "seed": SEED, "best": best["words"], "rows": rows}
        )


if __name__ == "__main__":
    main()
