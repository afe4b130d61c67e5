"""Which seeds episodes begin from: nothing is evaluated on what was collected, and tasks keep apart.

MetaWorld draws the layouts of most tasks from the same few random numbers. On the same seeds twelve tasks
would have the same layouts, and their mean would be as uncertain as that of far fewer episodes.
"""

from zlib import crc32

# Seeds of a purpose start at its offset.
EVALUATION_SEEDS = 0
DEMONSTRATION_SEEDS = 1_000_000
PLAY_SEEDS = 2_000_000
SELF_SEEDS = 3_000_000
# Where a scene serves several tasks, their demonstrations are this far apart: on the same seeds they would
# show the same few layouts, and a planner learns those by heart instead of reading.
TASKS_APART = 10_000_000
# A task's runs have a block each, counted from the task's own.
BLOCKS = 1000
EVALUATIONS_PER_RUN = 1000
COLLECTED_PER_RUN = 1_000_000
COLLECTED_PER_ITERATION = 10_000
# Stands for an iteration in the seeds of the rollouts that policy distillation clones.
DISTILLATION = 99


def evaluation_seeds(task: str, run_seed: int, episodes: int) -> list[int]:
    """The episodes that a run of this task with this seed is evaluated on; never used for collecting."""
    first = EVALUATIONS_PER_RUN * (_block(task, run_seed) % BLOCKS)
    # No seed twice: more episodes than a run's own block has go on in the next one's.
    return [EVALUATION_SEEDS + (first + index) % (EVALUATIONS_PER_RUN * BLOCKS) for index in range(episodes)]


def collection_seeds(task: str, run_seed: int, iteration: int, episodes: int) -> list[int]:
    """The episodes that an iteration of this run collects, at most 10,000."""
    first = SELF_SEEDS + COLLECTED_PER_RUN * _block(task, run_seed) + COLLECTED_PER_ITERATION * iteration
    return list(range(first, first + episodes))


def _block(task: str, run_seed: int) -> int:
    return run_seed + crc32(task.encode()) % BLOCKS
