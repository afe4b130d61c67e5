"""Success of every composition rule, zero-shot: on unseen colours of the Panda's table, or on unseen tasks.

All rows are one table, results/prior_success.json. A finished row is written at once, and skipped when the
same settings and weights are measured again.

    python benchmarks/prior_success.py cups-unseen drawers-unseen base=panda horizon=300 planner.steps=8
    python benchmarks/prior_success.py unseen --episodes 20
"""

import argparse
import json
from collections import Counter
from typing import Any

from common import RESULTS, write_result
from prior_rules import NAMES, config_of, settings_of, split, weights_of

from sail.loop.agent import load_agent
from sail.loop.evaluation import evaluate, evaluate_random, rate
from sail_envs.suite import task_sets

TABLE, RANDOM = "prior_success", "random"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--rules", nargs="+", default=[*NAMES, RANDOM], choices=[*NAMES, RANDOM])
    parser.add_argument("words", nargs="+", help="tasks or sets of them, and configuration as for `sail run`")
    arguments = parser.parse_intermixed_args()
    names, overrides = split(arguments.words)
    for task in (task for name in names for task in task_sets()[name]):
        for rule in arguments.rules:
            settings = [] if rule == RANDOM else settings_of(rule)
            words = [*settings, *overrides, f"evaluation_episodes={arguments.episodes}"]
            config = config_of(task, words)
            row: dict[str, Any] = {"task": task, "rule": rule, "words": words, "weights": weights_of(config)}
            if any(row.items() <= done.items() for done in _rows()):
                continue
            outcomes = evaluate_random(config) if rule == RANDOM else evaluate(load_agent(config), config)
            row |= {**rate(outcomes), "endings": dict(Counter(outcome.ending for outcome in outcomes))}
            print(task, rule, f"{row['success_rate']:.2f}", row["endings"], flush=True)
            others = [done for done in _rows() if (done["task"], done["rule"]) != (task, rule)]
            write_result(TABLE, {"rows": [*others, row]})


def _rows() -> list[dict[str, Any]]:
    """The finished rows."""
    path = RESULTS / f"{TABLE}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    return rows


if __name__ == "__main__":
    main()
