"""What ships beside its controls on the twelve unseen tasks: the README's picture, and how sure the lead is.

    python benchmarks/headline.py

Reads the cells of results/protocol_rehearsed (SAIL) and results/protocol_rounds (controls), and
results/last_planners.json (the last iteration on 50 other episodes a task). Writes results/headline.svg and
results/headline.json. A score is the share of one run's 100 episodes, of both sets, that succeeded.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from common import RESULTS, write_result

from sail.loop.run_folder import write_text
from sail.protocol.ledger import Ledger
from sail.protocol.summary import curves
from sail.protocol.uncertainty import (
    Estimate,
    Scores,
    aligned,
    difference,
    interquartile_mean,
    mean,
    over_seeds,
    over_seeds_and_tasks,
    probability_of_improvement,
)
from sail.report.comparison import comparison

SHIPS, CONTROLS = RESULTS / "protocol_rehearsed", RESULTS / "protocol_rounds"
NAMES = {
    "sail": "SAIL",
    "bc-loop": "cloning in the loop",
    "random": "random waypoints",
    "frozen": "planner never updated",
}
EACH = 50  # episodes of a set
# The methods with three seeds, and their names in last_planners.json.
OTHER_SETS = {"sail": "rehearsed", "bc-loop": "bc_loop_rounds"}


def main() -> None:
    """Draw the picture, and write down the statistics of the last iteration."""
    rows = Ledger(SHIPS).rows()
    rows |= {cell: row for cell, row in Ledger(CONTROLS).rows().items() if cell.method != "sail"}
    made = {curve.name: curve for curve in curves(rows)}
    picture = comparison({name: made[key].rates for key, name in NAMES.items()})
    write_text(RESULTS / "headline.svg", picture)
    runs = {key: on_both_sets(made[key].runs[4], name) for key, name in OTHER_SETS.items()}
    tasks, seeds, (sail, cloning) = aligned(*runs.values())
    values: dict[str, Any] = {"seeds": seeds, "sail": told(sail), "bc-loop": told(cloning)}
    values["difference"] = written(difference(sail, cloning))
    values["probability_of_improvement"] = written(probability_of_improvement(sail, cloning))
    values["tasks"] = {
        task: {"sail": sail[row].tolist(), "bc-loop": cloning[row].tolist()} for row, task in enumerate(tasks)
    }
    print(values)
    write_result("headline", values)


def on_both_sets(own: Mapping[tuple[str, int], float], name: str) -> dict[tuple[str, int], float]:
    """Success rates by task and seed: the run's own 50 episodes and the 50 others together.

    Successes are counted before they are divided, so that equal scores are equal to the last bit: ties count.
    """
    others = json.loads((RESULTS / "last_planners.json").read_text())
    return {
        (task, seed): (round(rate * EACH) + row["successes"]) / (2 * EACH)
        for (task, seed), rate in own.items()
        for row in others[f"{name}_seed_{seed}"]["rows"]
        if row["task"] == task
    }


def told(scores: Scores) -> dict[str, Any]:
    """The mean and the interquartile mean of scores (tasks, seeds), with their intervals."""
    return {
        "mean": written(over_seeds_and_tasks(mean, scores)),
        "interquartile_mean": written(over_seeds(interquartile_mean, scores)),
        "by_seed": np.round(scores.mean(axis=0), 4).tolist(),
    }


def written(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON."""
    return {"value": estimate.value, "interval": estimate.interval}


if __name__ == "__main__":
    main()
