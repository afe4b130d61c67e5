"""The cells of the grid and their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sail.config.method import METHODS, Method, find_method
from sail.config.overrides import ConfigError
from sail.errors import not_found

# Beside a run's methods: a method, and further settings.
COMPOSED: Mapping[str, tuple[str, tuple[str, ...]]] = {"sail-prior": ("sail", ("prior.kind=compact",))}
# A run's setting `iterations`: the grid says how far a run goes, and may take the run further later.
ENDLESS = 1000
# Methods that do not learn have nothing to filter: they are run once, under this filter's name.
UNFILTERED = "oracle"


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
        """The name that messages show."""
        return f"{self.run}, iteration {self.iteration}"

    @property
    def overrides(self) -> tuple[str, ...]:
        """The cell's own settings; further ones are shared by all cells."""
        method, settings = COMPOSED.get(self.method, (self.method, ()))
        own = (f"task={self.task}", f"filter={self.filter}", f"seed={self.seed}", f"iterations={ENDLESS}")
        return (f"method={method}", *settings, *own)


# Cells that are run together, alike in all but the task.
Unit = tuple[Cell, ...]


def units(cells: Sequence[Cell]) -> list[Unit]:
    """The cells in groups that are run together: where several tasks share what learns, all tasks of one
    iteration; else each cell alone."""
    made: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        alike = (cell.method, cell.filter, cell.seed, cell.iteration)
        made.setdefault(alike if _method(cell.method).joint else (*alike, cell.task), []).append(cell)
    return [tuple(unit) for unit in made.values()]


def grid(
    tasks: Sequence[str], methods: Sequence[str], filters: Sequence[str], seeds: int, iterations: int
) -> list[Cell]:
    """All cells, ordered so that an early stop leaves methods that can be compared: the first seed of
    everything before the second, an iteration of all tasks before the next. Raises ConfigError."""
    for method in methods:
        if method not in COMPOSED and ":" not in method and method not in METHODS.names():
            raise ConfigError(not_found("method", method, [*METHODS.names(), *COMPOSED]))
    return [
        Cell(task, method, one, seed, iteration)
        for seed in range(seeds)
        for iteration in range(iterations + 1)
        for task in tasks
        for method in methods
        for one in (filters if _method(method).learns else (UNFILTERED,))
        if iteration == 0 or not measured_once(method)
    ]


def measured_once(method: str) -> bool:
    """Whether one iteration tells all: random motion succeeds as often in every iteration."""
    return not _method(method).needs_weights


def _method(name: str) -> Method:
    """The run's method behind a name of the grid."""
    return find_method(COMPOSED.get(name, (name, ()))[0])
