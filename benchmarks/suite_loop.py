"""A suite from nothing: base weights from its seen tasks, then the loop on an unseen one, controls beside it.

python benchmarks/suite_loop.py fetch fetch-pick-and-place --out runs/fetch
python benchmarks/suite_loop.py bottles bottles-purple --out runs/bottles

Each part goes on with what is there; the seconds are those of this call.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from common import write_result

import sail

BASE: dict[str, dict[str, Any]] = {
    "fetch": {
        "demonstrations": 25,
        "play_seen": 8,
        "play_unseen": 200,
        "autoencoder_steps": 400,
        "grounding_steps": 1000,
        "planner_steps": 1500,
        "inverse_dynamics_steps": 2000,
        "gripping_share": 0.3,
    },
    "bottles": {
        "demonstrations": 40,
        "play_seen": 12,
        "autoencoder_steps": 800,
        "grounding_steps": 1500,
        "planner_steps": 5000,
        "inverse_dynamics_steps": 3000,
        "gripping_share": 0.3,
    },
}
RUN: dict[str, dict[str, Any]] = {
    "fetch": {
        "horizon": 100,
        "rollouts": 60,
        "training.steps": 150,
        "training.inverse_dynamics_steps": 300,
    },
    # Random motion never turns a bottle upright.
    "bottles": {"horizon": 200, "rollouts": 60, "exploration.random_fraction": 0.1},
}
KEPT = ("suite", "task", "seed", "model", "iterations", "controls", "probes", "environment")


def main() -> None:
    """Train, improve once a seed, and write results/<suite>_loop.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=sorted(BASE))
    parser.add_argument("task", help="of the suite, unseen")
    parser.add_argument("--out", type=Path, required=True, help="for weights and runs")
    parser.add_argument("--seeds", type=int, default=1, help="runs, from seed 0 on")
    arguments = parser.parse_args()
    weights = arguments.out / "weights"
    base, settings = BASE[arguments.suite], RUN[arguments.suite]
    begun = time.monotonic()
    sail.train(arguments.suite, weights, base)
    seconds, runs = {"train": round(time.monotonic() - begun)}, []
    for seed in range(arguments.seeds):
        begun, out = time.monotonic(), arguments.out / f"{arguments.task}_{seed}"
        changed = {**settings, "base": weights, "seed": seed}
        results = sail.improve(arguments.suite, arguments.task, out, changed)
        runs.append({name: results[name] for name in KEPT})
        seconds[f"improve, seed {seed}"] = round(time.monotonic() - begun)
    found = {"base": base, "run": settings, "seconds": seconds, "runs": runs}
    write_result(f"{arguments.suite}_loop", found)


if __name__ == "__main__":
    main()
