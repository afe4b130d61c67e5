"""Runs the grid's cells, each as far as its iteration, and writes down what came of it."""

import fcntl
import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from sail.collect import Job, collect_once
from sail.config import RunConfig, to_yaml
from sail.data.store import EpisodeStore
from sail.filters import find_filter
from sail.loop import improve
from sail.protocol.at_once import runs_at_once
from sail.protocol.grid import Cell
from sail.protocol.ledger import LOCK, Ledger, LedgerError
from sail.report.live import LiveTable
from sail.runfolder import MANIFEST, create_run
from sail.types import Episode
from sail.versions import environment_versions

DEMONSTRATIONS = "demonstrations"


def run_grid(
    cells: Sequence[Cell],
    ledger: Ledger,
    configure: Callable[[Cell], RunConfig],
    budget: float,
    live: LiveTable,
    told: Callable[[str], None],
    jobs: int = 1,
) -> int:
    """Run what is not finished, in this order, `jobs` runs at once; returns how many cells are left.

    configure: the settings of a cell's run. budget: seconds. No cell is begun that, going by those like it,
    would not end within. live: shows the stages where one run is done at a time. told: called with a line for
    every cell. Raises LedgerError and WorkersError.
    """
    began = time.monotonic()
    with ledger.writing(), runs_at_once(jobs) as executor:
        rows = ledger.rows()
        missing = [cell for cell in cells if cell not in rows]
        together, done = len(missing), 0
        running: dict[Future[dict[str, Any]], Cell] = {}
        while missing or running:
            while len(running) < jobs and (cell := _next(missing, running.values())) is not None:
                expected = _expected(cell, ledger)
                left = budget - (time.monotonic() - began)
                if expected > left:
                    told(f"{cell.name} takes about {expected:.0f} s, {left:.0f} s are left")
                    missing = []
                    break
                missing.remove(cell)
                shown = live if jobs == 1 else None
                running[executor.submit(_run, cell, configure(cell), ledger.folder, shown)] = cell
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                row, cell = future.result(), running.pop(future)
                ledger.append(cell, row)
                done += 1
                told(f"{done} of {together}: {cell.name}: {row['successes']} of {row['episodes']}")
    return together - done


def check_settings(cells: Sequence[Cell], ledger: Ledger, configure: Callable[[Cell], RunConfig]) -> None:
    """Raises LedgerError where what is finished was made with other settings, and SailError for those that
    are none, or whose filter lacks something."""
    rows = ledger.rows()
    for cell in cells:
        config = configure(cell)
        find_filter(config)
        made_with = config_hash(config)
        if cell in rows and rows[cell].get("config") != made_with:
            raise LedgerError(
                f"{ledger.path} holds {cell.run} with other settings: keep to those, or choose another --out"
            )


def config_hash(config: RunConfig) -> str:
    """The first 12 digits of the SHA-256 of all settings that decide on figures."""
    same = replace(config, workers=1)
    return hashlib.sha256(to_yaml(same).encode()).hexdigest()[:12]


def _next(missing: Sequence[Cell], running: Collection[Cell]) -> Cell | None:
    """The first cell whose run is not being gone on with."""
    busy = {cell.run for cell in running}
    return next((cell for cell in missing if cell.run not in busy), None)


def _run(cell: Cell, config: RunConfig, folder: Path, live: LiveTable | None) -> dict[str, Any]:
    path = folder / "runs" / cell.run
    there = (path / MANIFEST).exists()

    def show(jobs: Sequence[Job], workers: int) -> Iterator[Episode]:
        # Those of all runs of a family and demonstrator are the same: made once, they are copied.
        (folder / DEMONSTRATIONS).mkdir(exist_ok=True)
        with (folder / DEMONSTRATIONS / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield from collect_once(EpisodeStore(folder / DEMONSTRATIONS), jobs, workers)

    with open(os.devnull, "w") as nowhere:
        shown = live or LiveTable("", nowhere)
        results = improve(config, create_run(path, config, resume=there), shown, cell.iteration, show)
    (found,) = (row for row in results["iterations"] if row["iteration"] == cell.iteration)
    monitored = [row for row in results.get("monitors", []) if row["iteration"] == cell.iteration]
    judged = [row for row in results.get("filter", []) if row["iteration"] == cell.iteration]
    return {
        **{key: found[key] for key in ("successes", "episodes", "collected", "kept", "seconds")},
        "filtered": judged[0] if judged else None,
        "monitors": monitored[0] if monitored else None,
        "config": config_hash(config),
        "model": results["model"],
        "code": _commit(),
        "machine": environment_versions(),
    }


def _expected(cell: Cell, ledger: Ledger) -> float:
    """Seconds, as the cells of its method took that learned as it does; 0 where there is none yet."""
    alike = [
        sum(row["seconds"].values())
        for other, row in ledger.rows().items()
        if other.method == cell.method and (other.iteration > 0) == (cell.iteration > 0)
    ]
    return sum(alike) / len(alike) if alike else 0.0


def _commit() -> str:
    """Of the code, where it is a repository's."""
    try:
        asked = ["git", "describe", "--always", "--dirty"]
        answer = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return ""
    return answer.stdout.strip()
