"""What ships beside its controls: means over tasks and seeds with their intervals, and the README's picture.

The loop as it ships is in results/protocol_rehearsed. Its controls are in results/protocol_rounds: a cloned
policy in the same loop, a planner that is never updated, random waypoints. The last planners and policies
were also evaluated on 50 other episodes a task, the same for all seeds (results/last_planners.json).

    python benchmarks/headline.py
"""

import json
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from common import RESULTS, write_result

from sail.loop.run_folder import write_text
from sail.protocol.grid import Cell
from sail.protocol.ledger import Ledger
from sail.protocol.summary import Curve, curves
from sail.protocol.uncertainty import (
    Estimate,
    aligned,
    difference,
    interquartile_mean,
    mean,
    over_seeds,
    over_seeds_and_tasks,
    probability_of_improvement,
)
from sail.report.comparison import comparison

SHIPS, CONTROLS = "protocol_rehearsed", "protocol_rounds"
# The methods as the picture names them.
NAMES = {
    "sail": "SAIL",
    "bc-loop": "cloning in the loop",
    "random": "random waypoints",
    "frozen": "planner never updated",
}
# The keys of last_planners.json, a seed's number after them, and the episodes of each of its rows.
OTHERS = {"sail": "rehearsed_seed_", "bc-loop": "bc_loop_rounds_seed_"}
OTHER_EPISODES = 50
WHAT = (
    "Success rates in per cent. own: the 50 evaluation episodes of every run. others: 50 other episodes of "
    "every task, the same for all seeds, after the last iteration. both: these 100. over_seeds: stratified "
    "bootstrap. over_seeds_and_tasks: tasks are drawn, too. A difference is paired by task and seed. "
    "null: one seed."
)
Runs = Mapping[tuple[str, int], float]


def main() -> None:
    """Write results/headline.json and results/headline.svg."""
    ships, controls = Ledger(RESULTS / SHIPS).rows(), Ledger(RESULTS / CONTROLS).rows()
    rows = {**ships, **{cell: row for cell, row in controls.items() if cell.method != "sail"}}
    made = curves(rows)
    own = {curve.name: _last(curve) for curve in made}
    sets: Mapping[str, Mapping[str, Runs]] = {"own": own, **_on_others(rows)}
    pairs = {
        name: {
            f"{one} - {other}": _pair(methods[one], methods[other]) for one, other in combinations(methods, 2)
        }
        for name, methods in sets.items()
    }
    last = {
        name: {method: _figures(runs) for method, runs in methods.items()} for name, methods in sets.items()
    }
    values = {
        "what": WHAT,
        "sources": {curve.name: SHIPS if curve.name == "sail" else CONTROLS for curve in made},
        "iterations": {curve.name: {k: _figures(curve.runs[k]) for k in _measured(curve)} for curve in made},
        "last": last,
        "pairs": pairs,
    }
    write_result("headline", values)
    rates = {curve.name: curve.rates for curve in made}
    write_text(RESULTS / "headline.svg", comparison({name: rates[key] for key, name in NAMES.items()}))
    print(json.dumps({"last": last["both"], "pairs": pairs["both"]}, indent=2))


def _measured(curve: Curve) -> list[int]:
    return [int(rate.name) for rate in curve.rates]


def _last(curve: Curve) -> Runs:
    return curve.runs[_measured(curve)[-1]]


def _on_others(rows: Mapping[Cell, Mapping[str, Any]]) -> dict[str, Mapping[str, Runs]]:
    """The last planners and policies on the other episodes, and on their own and these together."""
    found = json.loads((RESULTS / "last_planners.json").read_text(encoding="utf-8"))
    others: dict[str, dict[tuple[str, int], float]] = {method: {} for method in OTHERS}
    both: dict[str, dict[tuple[str, int], float]] = {method: {} for method in OTHERS}
    last = max(cell.iteration for cell in rows)
    for cell, row in rows.items():
        if cell.method not in OTHERS or cell.iteration != last:
            continue
        counted = {
            one["task"]: one["successes"] for one in found[f"{OTHERS[cell.method]}{cell.seed}"]["rows"]
        }
        run = cell.task, cell.seed
        others[cell.method][run] = counted[cell.task] / OTHER_EPISODES
        both[cell.method][run] = (row["successes"] + counted[cell.task]) / (row["episodes"] + OTHER_EPISODES)
    return {"others": others, "both": both}


def _figures(runs: Runs) -> dict[str, Any]:
    tasks, seeds, (scores,) = aligned(runs)
    return {
        "tasks": len(tasks),
        "seeds": len(seeds),
        "mean": _percent(float(mean(scores))),
        "over_seeds": _interval(over_seeds(mean, scores)),
        "over_seeds_and_tasks": _interval(over_seeds_and_tasks(mean, scores)),
        "iqm": _percent(float(interquartile_mean(scores))),
        "iqm_over_seeds": _interval(over_seeds(interquartile_mean, scores)),
        "by_seed": {
            str(seed): _percent(share) for seed, share in zip(seeds, scores.mean(axis=0), strict=True)
        },
        "by_task": {task: _percent(share) for task, share in zip(tasks, scores.mean(axis=1), strict=True)},
    }


def _pair(first: Runs, second: Runs) -> dict[str, Any]:
    tasks, seeds, (one, other) = aligned(first, second)
    lead, improvement = difference(one, other), probability_of_improvement(one, other)
    # Equal means of different successes differ in their last bit.
    means = np.round(one.mean(axis=1) - other.mean(axis=1), 9)
    return {
        "tasks": len(tasks),
        "seeds": len(seeds),
        "difference": _percent(lead.value),
        "over_seeds_and_tasks": _interval(lead),
        "probability_of_improvement": round(improvement.value, 3),
        "probability_over_seeds": improvement.interval
        and [round(bound, 3) for bound in improvement.interval],
        "tasks_ahead": int((means > 0).sum()),
        "tasks_behind": int((means < 0).sum()),
    }


def _interval(estimate: Estimate) -> list[float] | None:
    return estimate.interval and [_percent(bound) for bound in estimate.interval]


def _percent(share: float) -> float:
    return round(100 * float(share), 1)


if __name__ == "__main__":
    main()
