"""The grid: which runs there are, and in which order their iterations tell most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sail.config.overrides import ConfigError
from sail.config.schema import JOINT, LEARNING
from sail.errors import not_found

# A run's own method, and the settings that go with it; the loop is the same.
METHODS: Mapping[str, tuple[str, ...]] = {
    "sail": ("sail",),
    "sail-prior": ("sail", "prior.kind=compact"),
    "frozen": ("frozen",),
    "random": ("random",),
    "bc-loop": ("bc-loop",),
    "sail-joint": ("sail-joint",),
    "bc-joint": ("bc-joint",),
}
# Of a run's own settings: the grid says how far each goes, and may later go on further.
ENDLESS = 1000
# Methods that do not learn have nothing to filter: they are run once, under this one.
UNFILTERED = "oracle"
# Whose figure is the same in every iteration: one is enough.
ONCE = ("random",)


@dataclass(frozen=True)
class Cell:
    """One iteration of one run."""

    task: str
    method: str
    filter: str
    seed: int
    iteration: int

    @property
    def run(self) -> str:
        """The name of the run that it belongs to."""
        return f"{self.task}-{self.method}-{self.filter}-s{self.seed}"

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.run}, iteration {self.iteration}"

    @property
    def overrides(self) -> tuple[str, ...]:
        """The settings that make it, beside those of all cells."""
        method, *settings = METHODS[self.method]
        own = (f"task={self.task}", f"filter={self.filter}", f"seed={self.seed}", f"iterations={ENDLESS}")
        return (f"method={method}", *settings, *own)


# Cells that are run together, alike in all but the task.
Unit = tuple[Cell, ...]


def units(cells: Sequence[Cell]) -> list[Unit]:
    """What is run at a time: an iteration of all tasks whose runs share what learns, else one cell."""
    made: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        alike = (cell.method, cell.filter, cell.seed, cell.iteration)
        made.setdefault(alike if cell.method in JOINT else (*alike, cell.task), []).append(cell)
    return [tuple(unit) for unit in made.values()]


def grid(
    tasks: Sequence[str], methods: Sequence[str], filters: Sequence[str], seeds: int, iterations: int
) -> list[Cell]:
    """All cells, those that tell most first: one seed of everything before the next, and an iteration of all
    tasks before the next, so that whenever it stops what is there can be compared. Raises ConfigError."""
    for method in methods:
        if method not in METHODS:
            raise ConfigError(not_found("method", method, list(METHODS)))
    return [
        Cell(task, method, one, seed, iteration)
        for seed in range(seeds)
        for iteration in range(iterations + 1)
        for task in tasks
        for method in methods
        for one in (filters if METHODS[method][0] in LEARNING else (UNFILTERED,))
        if iteration == 0 or method not in ONCE
    ]
