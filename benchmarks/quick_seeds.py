"""The quick preset with several seeds, each as `sail run` makes it.

python benchmarks/quick_seeds.py --out runs/quick_seeds --seeds 3

A run that is there is gone on with, or read where it is finished.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import write_result

from sail.loop.run_folder import MANIFEST, RESULTS

KEPT = ("seed", "task", "iterations", "controls", "probes", "environment")


def main() -> None:
    """Run every seed, and write results/quick_seeds.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="for the runs")
    parser.add_argument("--seeds", type=int, default=3, help="runs, from seed 0 on")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for seed in range(arguments.seeds):
        out = arguments.out / f"seed_{seed}"
        command = [
            sys.executable,
            "-m",
            "sail",
            "run",
            "--preset",
            "quick",
            f"seed={seed}",
            "--out",
            str(out),
        ]
        if (out / MANIFEST).exists():
            command.append("--resume")
        subprocess.run(command, check=True)
        results = json.loads((out / RESULTS).read_text())
        runs.append({name: results[name] for name in KEPT})
    write_result("quick_seeds", {"runs": runs})


if __name__ == "__main__":
    main()
