"""What chance alone solves, by how low its waypoints are: `sail.loop.exploration.LOW`, 1 (uniform) and 3.

    python benchmarks/chance.py [--tasks unseen] [evaluation_episodes=50 …]

The same episodes for both. A loop that learns from successes begins with what chance finds.
"""

import argparse
from typing import Any
from unittest.mock import patch

from common import write_result

from sail.cli.options import tasks_of
from sail.config.resolution import load_config
from sail.loop.evaluation import evaluate_random, rate
from sail.loop.statistics import wilson_interval

POWERS = (1, 3)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default="unseen")
    parser.add_argument("overrides", nargs="*", help="configuration, as for `sail run`")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for task in tasks_of(arguments.tasks):
        config = load_config("paper", None, [f"task={task}", *arguments.overrides])
        for power in POWERS:
            with patch("sail.loop.exploration.LOW", power):
                rows.append({"task": task, "power": power, **rate(evaluate_random(config))})
            print(rows[-1], flush=True)
    for power in POWERS:
        some = [row for row in rows if row["power"] == power]
        successes, episodes = (sum(row[key] for row in some) for key in ("successes", "episodes"))
        print(power, successes, episodes, wilson_interval(successes, episodes))
    write_result("chance", {"rows": rows})


if __name__ == "__main__":
    main()
