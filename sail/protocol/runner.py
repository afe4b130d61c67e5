"""Runs the grid's cells, each as far as its iteration, and writes down what came of it."""

import functools
import hashlib
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sail.collect import collect_once
from sail.config import RunConfig, to_yaml
from sail.data.store import EpisodeStore
from sail.filters import find_filter
from sail.loop import improve
from sail.protocol.grid import Cell
from sail.protocol.ledger import Ledger, LedgerError
from sail.report.live import LiveTable
from sail.runfolder import MANIFEST, create_run
from sail.versions import environment_versions

DEMONSTRATIONS = "demonstrations"


def run_grid(
    cells: Sequence[Cell],
    ledger: Ledger,
    configure: Callable[[Cell], RunConfig],
    budget: float,
    live: LiveTable,
    told: Callable[[str], None],
) -> int:
    """Run what is not finished, in this order; returns how many cells are left.

    configure: the settings of a cell's run. budget: seconds. No cell is begun that, going by those like it,
    would not end within. told: called with a line for every cell. Raises LedgerError.
    """
    began = time.monotonic()
    with ledger.writing():
        rows = ledger.rows()
        missing = [cell for cell in cells if cell not in rows]
        for number, cell in enumerate(missing):
            expected = _expected(cell, ledger)
            left = budget - (time.monotonic() - began)
            if expected > left:
                told(f"{cell.name} takes about {expected:.0f} s, {left:.0f} s are left")
                return len(missing) - number
            row = _run(cell, configure(cell), ledger.folder, live)
            ledger.append(cell, row)
            done = f"{number + 1} of {len(missing)}"
            told(f"{done}: {cell.name}: {row['successes']} of {row['episodes']}")
    return 0


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


def _run(cell: Cell, config: RunConfig, folder: Path, live: LiveTable) -> dict[str, Any]:
    path = folder / "runs" / cell.run
    there = (path / MANIFEST).exists()
    # Those of all runs of a family and demonstrator are the same: made once, they are copied.
    show = functools.partial(collect_once, EpisodeStore(folder / DEMONSTRATIONS))
    results = improve(config, create_run(path, config, resume=there), live, cell.iteration, show)
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
