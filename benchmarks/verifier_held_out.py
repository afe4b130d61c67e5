"""How well the verifier tells success at tasks that were held out while it was trained.

    python benchmarks/verifier_held_out.py ATTEMPTS [STEPS]

The 38 tasks that are not unseen are split in two halves. A verifier trained on one half (1,600 steps) judges
the other. ATTEMPTS is a folder of 30 attempts at each task; missing attempts are made. The rows are the
network alone, the changed pixels alone, both with the weights of `sail/filters/selection.py`, and both with
other weights. Each row has the area under the receiver's curve (mean over tasks), the number of attempts kept
at even odds, and the number of successes among them.
"""

import itertools
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import write_result
from verifier_unseen import area

from sail.filters.verifier_filter import EVEN, PULL, TOP_SHARE, furthest, lasting
from sail.report.live_table import LiveTable
from sail.training.judged_attempts import Judged, judged_attempts
from sail.training.verifier_fit import shown_by, train_verifier
from sail.types import Progress
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.networks.verifier import Judgement
from sail_models.spaces.text_encoder import TextEncoder

EACH, SEED, STEPS = 30, 0, 1600
# The network's weight, that of what changed, and the share of the furthest at which that says nothing.
OTHERS = [
    *itertools.product((1.0,), (2.0, 4.0, 8.0, 16.0), (0.5, 0.6, 0.7, 0.8)),
    (0.25, PULL, EVEN),
    (0.5, PULL, EVEN),
]

# Of a task's attempts: what a verifier saw, and whether they were successes.
Seen = list[tuple[Judgement, bool]]


def main() -> None:
    """Train both halves, judge, and weigh."""
    tasks = [task for task in METAWORLD.tasks if task not in METAWORLD.unseen]
    with LiveTable("verifiers of half the tasks") as progress:
        made = judged_attempts(tasks, EACH, Path(sys.argv[1]), progress, 2)
        seen: dict[str, Seen] = {}
        for some, others in ((tasks[::2], tasks[1::2]), (tasks[1::2], tasks[::2])):
            seen |= judged_by_others(
                [one for one in made if one[0] in some], [one for one in made if one[0] in others], progress
            )
    rows = [
        {"network": a, "changed": b, "even": c, **told(seen, a, b, c)}
        for a, b, c in [(1.0, 0.0, 0.0), (0.0, PULL, EVEN), (1.0, PULL, EVEN), *OTHERS]
    ]
    for row in rows:
        print(row, flush=True)
    write_result("verifier_held_out", {"steps": steps(), "attempts": EACH, "tasks": len(tasks), "rows": rows})


def steps() -> int:
    """Of each training."""
    return int(sys.argv[2]) if len(sys.argv) > 2 else STEPS


def judged_by_others(
    made: list[tuple[str, Judged]], others: list[tuple[str, Judged]], progress: Progress
) -> dict[str, Seen]:
    """What a verifier that learnt from `others` sees in each task's attempts."""
    text, seen = TextEncoder(), dict[str, Seen]()
    with TemporaryDirectory() as saved:
        verifier = train_verifier(
            [one for task, judged in others for one in shown_by(task, METAWORLD, judged)],
            steps(),
            SEED,
            Path(saved),
            progress,
        )
    for task, judged in made:
        success = bool(lasting(judged.done).max() == 1)
        score = verifier.judge(judged.frames, text([METAWORLD.tasks[task]]))
        seen.setdefault(task, []).append((score, success))
    return seen


def told(seen: dict[str, Seen], network: float, changed: float, even: float) -> dict[str, Any]:
    """How well those weights tell success."""
    areas, counts = [], np.zeros(3, np.int64)
    for attempts in seen.values():
        judged, success = [one for one, _ in attempts], np.array([done for _, done in attempts])
        far = furthest(judged, METAWORLD.embodiment)
        scores = np.array([surest(one, far, network, changed, even) for one in judged])
        areas.append(area(scores, success))
        kept = scores > 0.5
        counts += kept.sum(), (kept & success).sum(), success.sum()
    return {
        "area_under_curve": float(np.mean([one for one in areas if one is not None])),
        **dict(zip(("kept", "kept_successes", "successes"), counts.tolist(), strict=True)),
    }


def surest(judged: Judgement, far: float, network: float, changed: float, even: float) -> float:
    """The most probable looks."""
    assert judged.changed is not None
    share = np.minimum(judged.changed / far, TOP_SHARE)
    log_odds = network * judged.log_odds + changed * (share - even)
    return float(lasting(1.0 / (1.0 + np.exp(-log_odds))).max())


if __name__ == "__main__":
    main()
