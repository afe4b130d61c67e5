"""Success of every composition rule, zero-shot: on unseen colours of the Panda's table, or on unseen tasks.

python benchmarks/prior_success.py cups-unseen --episodes 50 base=panda horizon=300 planner.steps=8
python benchmarks/prior_success.py unseen --episodes 20
"""

import argparse
from collections import Counter
from typing import Any

from common import write_result
from rules import NAMES, config_of, split

from sail.agent import load_agent
from sail.commands.common import tasks_of
from sail.evaluate import evaluate, evaluate_random, rate


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--rules", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("words", nargs="+", help="tasks or sets of them, and configuration as for `sail run`")
    arguments = parser.parse_intermixed_args()
    names, overrides = split(arguments.words)
    rows: dict[str, Any] = {}
    for task in tasks_of(",".join(names)):
        rows[task] = {}
        for rule in (*arguments.rules, "random"):
            config = config_of(task, "in_domain" if rule == "random" else rule, arguments.episodes, overrides)
            outcomes = evaluate_random(config) if rule == "random" else evaluate(load_agent(config), config)
            endings = dict(Counter(outcome.ending for outcome in outcomes))
            rows[task][rule] = {**rate(outcomes), "endings": endings}
            print(task, rule, f"{rows[task][rule]['success_rate']:.2f}", endings, flush=True)
    means = {
        rule: sum(row[rule]["success_rate"] for row in rows.values()) / len(rows)
        for rule in (*arguments.rules, "random")
    }
    print(means)
    write_result(
        f"prior_success_{'_'.join(names)}", {"episodes": arguments.episodes, "means": means, "tasks": rows}
    )


if __name__ == "__main__":
    main()
