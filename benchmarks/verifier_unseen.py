"""How well the verifier tells success at the unseen tasks, none of which taught it.

    python benchmarks/verifier_unseen.py [verifier.path=DIR …]

Each task gets 10 attempts of every kind (sail/training/judged_attempts.py). The experts and success flags of
the unseen tasks are used here to measure, and nowhere else. An attempt's score is the verifier's surest
`LASTING` looks. Each task's row has the area under the receiver's curve against the environment's flag (0.5
is chance), the number of attempts kept at the threshold, and the number of successes among them.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import write_result

from sail.config.resolution import load_config
from sail.filters.selection import find_filter
from sail.filters.verifier_filter import LOOK_EVERY, VerifierFilter, certainty, furthest
from sail.report.live_table import LiveTable
from sail.training.judged_attempts import EVERY, judged_attempts
from sail_envs.metaworld.metaworld_tasks import METAWORLD

ATTEMPTS = 10


def area(scores: np.ndarray, success: np.ndarray) -> float | None:
    """The area under the receiver's curve: how often a success scores above a failure, ties counting half.

    scores: float (N,). success: bool (N,). None where there is no success, or no failure.
    """
    good, bad = scores[success], scores[~success]
    if not len(good) or not len(bad):
        return None
    above = (good[:, None] > bad[None]).mean() + 0.5 * (good[:, None] == bad[None]).mean()
    return float(above)


def main() -> None:
    """Every unseen task."""
    judge = find_filter(load_config("paper", None, ["filter=verifier", *sys.argv[1:]]))
    assert isinstance(judge, VerifierFilter)
    with TemporaryDirectory() as folder, LiveTable("attempts at the unseen tasks") as progress:
        made = judged_attempts(METAWORLD.unseen, ATTEMPTS, Path(folder), progress, 2)
    rows = {}
    for task in METAWORLD.unseen:
        attempts = [judged for name, judged in made if name == task]
        success = np.array([one.done.any() for one in attempts])
        judged = [judge.judge(one.frames[:: LOOK_EVERY // EVERY], METAWORLD.tasks[task]) for one in attempts]
        scores = np.array([certainty(one, furthest(judged, METAWORLD.embodiment)).max() for one in judged])
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
