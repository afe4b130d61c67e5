"""Runs the cells of the grid, each run as far as the cell's iteration, and appends their results to the
ledger."""

import fcntl
import hashlib
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from sail.config.resolution import to_yaml
from sail.config.schema import RunConfig
from sail.data.demonstrations import Job, collect_once
from sail.data.store import EpisodeStore
from sail.filters.selection import find_filter
from sail.loop.improve import improve_jointly
from sail.loop.run_folder import MANIFEST, create_run
from sail.protocol.grid import Cell, Unit, units
from sail.protocol.ledger import Ledger, LedgerError
from sail.protocol.parallel_runs import runs_at_once
from sail.report.clips import write_clips
from sail.system.locks import LOCK
from sail.system.versions import environment_versions
from sail.types import Episode, Progress, Unwatched

DEMONSTRATIONS = "demonstrations"


def run_grid(
    cells: Sequence[Cell],
    ledger: Ledger,
    configure: Callable[[Cell], RunConfig],
    budget: float,
    progress: Progress,
    told: Callable[[str], None],
    jobs: int = 1,
) -> int:
    """Run the unfinished cells in this order, `jobs` runs at once; return how many cells are left.

    configure: makes a cell's settings. budget: seconds; no cell begins that would end later, judged by
    finished cells like it. progress: told the stages where one run goes at a time. told: called with a line
    for every finished cell. Raises LedgerError and WorkersError.
    """
    began = time.monotonic()
    with ledger.writing(), runs_at_once(jobs) as executor:
        rows = ledger.rows()
        missing = [unit for unit in units(cells) if not rows.keys() >= set(unit)]
        together, done = sum(cell not in rows for cell in cells), 0
        running: dict[Future[list[dict[str, Any]]], Unit] = {}
        while missing or running:
            while len(running) < jobs and (unit := _next(missing, running.values())) is not None:
                expected = sum(_expected(cell, ledger) for cell in unit)
                left = budget - (time.monotonic() - began)
                if expected > left:
                    told(f"{_name(unit)} takes about {expected:.0f} s, {left:.0f} s are left")
                    missing = []
                    break
                missing.remove(unit)
                configs, shown = [configure(cell) for cell in unit], progress if jobs == 1 else None
                running[executor.submit(_run, unit, configs, ledger.folder, shown)] = unit
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                for cell, row in zip(running.pop(future), future.result(), strict=True):
                    if cell in rows:  # of several that were cut off while they were written down
                        continue
                    ledger.append(cell, row)
                    done += 1
                    told(f"{done} of {together}: {cell.name}: {row['successes']} of {row['episodes']}")
    return together - done


def check_settings(cells: Sequence[Cell], ledger: Ledger, configure: Callable[[Cell], RunConfig]) -> None:
    """Raises LedgerError where finished cells were made with other settings, ConfigError for a wrong setting,
    and WeightsError where a filter lacks its weights."""
    rows = ledger.rows()
    for unit in units(cells):
        for cell in unit:
            config = configure(cell)
            find_filter(config)
            if cell in rows and rows[cell].get("config") != config_hash(config, unit):
                raise LedgerError(
                    f"{ledger.path} holds {cell.run} with other settings: keep to those, or choose another "
                    "--out"
                )


def config_hash(config: RunConfig, unit: Unit) -> str:
    """The first 12 digits of a SHA-256: of all settings that decide on figures, and of the tasks that share
    one learner where there are several."""
    settings = to_yaml(replace(config, workers=1))
    joint = ",".join(cell.task for cell in unit) if len(unit) > 1 else ""
    return hashlib.sha256((settings + joint).encode()).hexdigest()[:12]


def _next(missing: Sequence[Unit], running: Collection[Unit]) -> Unit | None:
    """The first unit none of whose runs is under way."""
    busy = {cell.run for unit in running for cell in unit}
    return next((unit for unit in missing if unit[0].run not in busy), None)


def _name(unit: Unit) -> str:
    others = f" (and {len(unit) - 1} more)" if len(unit) > 1 else ""
    return unit[0].name + others


def _run(
    unit: Unit, configs: Sequence[RunConfig], folder: Path, progress: Progress | None
) -> list[dict[str, Any]]:
    def show(jobs: Sequence[Job], workers: int) -> Iterator[Episode]:
        # Those of all runs of a family and demonstrator are the same: made once, they are copied.
        (folder / DEMONSTRATIONS).mkdir(exist_ok=True)
        with (folder / DEMONSTRATIONS / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield from collect_once(EpisodeStore(folder / DEMONSTRATIONS), jobs, workers)

    several = []
    for cell, config in zip(unit, configs, strict=True):
        path = folder / "runs" / cell.run
        several.append((config, create_run(path, config, resume=(path / MANIFEST).exists())))
    results = improve_jointly(several, progress or Unwatched(), unit[0].iteration, show, write_clips)
    return [
        {**_row(cell, one), "config": config_hash(config, unit)}
        for cell, config, one in zip(unit, configs, results, strict=True)
    ]


def _row(cell: Cell, results: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's line in the ledger."""
    (found,) = (row for row in results["iterations"] if row["iteration"] == cell.iteration)
    monitored = [row for row in results.get("monitors", []) if row["iteration"] == cell.iteration]
    judged = [row for row in results.get("filter", []) if row["iteration"] == cell.iteration]
    return {
        **{key: found[key] for key in ("successes", "episodes", "collected", "kept", "seconds")},
        "filtered": judged[0] if judged else None,
        "monitors": monitored[0] if monitored else None,
        "model": results["model"],
        "code": _commit(),
        "machine": environment_versions(),
    }


def _expected(cell: Cell, ledger: Ledger) -> float:
    """Expected seconds of a cell: the mean over finished cells of its method, iteration 0 apart from the
    later ones; 0 where there is none."""
    alike = [
        sum(row["seconds"].values())
        for other, row in ledger.rows().items()
        if other.method == cell.method and (other.iteration > 0) == (cell.iteration > 0)
    ]
    return sum(alike) / len(alike) if alike else 0.0


def _commit() -> str:
    """The commit of the code; "" outside a repository."""
    try:
        asked = ["git", "describe", "--always", "--dirty"]
        answer = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return ""
    return answer.stdout.strip()
