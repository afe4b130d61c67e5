"""How well a verifier tells success at the unseen tasks, on attempts of every kind that it never learnt from.

    python benchmarks/verifier_unseen.py [verifier.path=DIR …]

10 attempts at each task (sail/training/judged_attempts.py: an expert, early, late and cut short, wandering,
play; here alone are the unseen tasks' experts and flags asked, to measure). An attempt's score is the
verifier's surest `LASTING` looks; per task the area under the receiver's curve against the environment's flag
(0.5 is chance), and at the threshold how many were kept, and how many of those were successes.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import write_result
from verifiers import area

from sail.config.resolution import load_config
from sail.filters.selection import find_filter
from sail.filters.verifier_filter import LOOK_EVERY, VerifierFilter, certainty, furthest
from sail.report.live_table import LiveTable
from sail.training.judged_attempts import EVERY, judged_attempts
from sail_envs.tasks import TASKS, UNSEEN

ATTEMPTS = 10


def main() -> None:
    """Every unseen task."""
    judge = find_filter(load_config("paper", None, ["filter=verifier", *sys.argv[1:]]))
    assert isinstance(judge, VerifierFilter)
    with TemporaryDirectory() as folder, LiveTable("attempts at the unseen tasks") as progress:
        made = judged_attempts(UNSEEN, ATTEMPTS, Path(folder), progress, 2)
    rows = {}
    for task in UNSEEN:
        attempts = [judged for name, judged in made if name == task]
        success = np.array([one.done.any() for one in attempts])
        judged = [judge.judge(one.frames[:: LOOK_EVERY // EVERY], TASKS[task]) for one in attempts]
        scores = np.array([certainty(one, furthest(judged)).max() for one in judged])
        kept = scores > judge.threshold
        rows[task] = {
            "attempts": len(attempts),
            "successes": int(success.sum()),
            "area_under_curve": area(scores, success),
            "kept": int(kept.sum()),
            "kept_successes": int((kept & success).sum()),
        }
        print(task, rows[task], flush=True)
    write_result("verifier_unseen", {"threshold": judge.threshold, "tasks": rows})


if __name__ == "__main__":
    main()
