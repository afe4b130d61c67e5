"""Success of every composition rule, zero-shot: on unseen colours of the Panda's table, or on unseen tasks.

Every cell is written to results/prior_success_TASK.json at once, and not done again with the same words and
weights.

python benchmarks/prior_success.py cups-unseen drawers-unseen --episodes 50 base=panda horizon=300 planner.steps=8
python benchmarks/prior_success.py unseen --episodes 20
"""  # noqa: E501

import argparse
import json
from collections import Counter
from typing import Any

from common import RESULTS, write_result
from prior_rules import NAMES, config_of, settings_of, split, weights_of

from sail.cli.options import tasks_of
from sail.loop.agent import load_agent
from sail.loop.evaluation import evaluate, evaluate_random, rate

RANDOM = "random"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--rules", nargs="+", default=[*NAMES, RANDOM], choices=[*NAMES, RANDOM])
    parser.add_argument("words", nargs="+", help="tasks or sets of them, and configuration as for `sail run`")
    arguments = parser.parse_intermixed_args()
    names, overrides = split(arguments.words)
    for task in tasks_of(",".join(names)):
        name = f"prior_success_{task}"
        for rule in arguments.rules:
            settings = [] if rule == RANDOM else settings_of(rule)
            words = [*settings, *overrides, f"evaluation_episodes={arguments.episodes}"]
            config = config_of(task, words)
            cell: dict[str, Any] = {"words": words, "weights": weights_of(config)}
            rows = _rows(name)
            if cell.items() <= rows.get(rule, {}).items():
                continue
            outcomes = evaluate_random(config) if rule == RANDOM else evaluate(load_agent(config), config)
            endings = dict(Counter(outcome.ending for outcome in outcomes))
            rows = {**_rows(name), rule: {**cell, **rate(outcomes), "endings": endings}}
            print(task, rule, f"{rows[rule]['success_rate']:.2f}", endings, flush=True)
            write_result(name, {"task": task, "rules": rows})


def _rows(name: str) -> dict[str, Any]:
    """The cells that are there."""
    path = RESULTS / f"{name}.json"
    rows: dict[str, Any] = json.loads(path.read_text())["rules"] if path.exists() else {}
    return rows


if __name__ == "__main__":
    main()
