"""Fetch from nothing but its suite: base weights from two seen tasks, then three iterations on an unseen one.

python benchmarks/fetch_loop.py --out runs/fetch      # within 90 minutes on two cores
"""

import argparse
import time
from pathlib import Path

from common import write_result

import sail

BASE = {
    "demonstrations": 25,
    "play_seen": 12,
    "autoencoder_steps": 600,
    "planner_steps": 2500,
    "inverse_dynamics_steps": 1000,
}
RUN = {"iterations": 3, "horizon": 100}


def main() -> None:
    """Train, improve and write results/fetch_loop.json. Each part goes on with what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="for weights and run")
    parser.add_argument("--task", default="fetch-pick-and-place")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begun, weights = time.monotonic(), arguments.out / "weights"
    sail.train("fetch", weights, BASE)
    trained = time.monotonic() - begun
    settings = {**RUN, "base": weights, "seed": arguments.seed}
    results = sail.improve("fetch", arguments.task, arguments.out / arguments.task, settings)
    kept = ("suite", "task", "seed", "model", "iterations", "controls", "probes", "environment")
    measured = {name: results[name] for name in kept}
    seconds = {"train": round(trained), "all": round(time.monotonic() - begun)}
    write_result("fetch_loop", {"base": BASE, "run": RUN, "seconds": seconds, **measured})


if __name__ == "__main__":
    main()
