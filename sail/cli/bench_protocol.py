"""`sail bench protocol`: the loop and its controls on many tasks, resumable, within a budget of time."""

import argparse
import math
import re
import sys
from pathlib import Path
from typing import Any

from sail.cli.command import UsageError
from sail.cli.options import config_of, going_on_with, overrides_of, tasks_of, whole_number

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def configure_protocol(group: Any) -> None:
    """Declare the options (on argparse's group of them)."""
    group.add_argument("--out", type=Path, metavar="DIR", help="results, and the runs; what is there is kept")
    group.add_argument("--tasks", default="unseen", metavar="TASK,…", help="tasks, or sets of them (unseen)")
    group.add_argument(
        "--methods",
        default="sail,frozen,random",
        metavar="NAME,…",
        help="of these, bc-loop, sail-prior (with the compact prior), and (one learner for all tasks) "
        "sail-joint and bc-joint (these)",
    )
    group.add_argument("--filters", default="oracle", metavar="NAME,…", help="of methods that learn (oracle)")
    group.add_argument("--seeds", type=whole_number(1), default=2, metavar="N", help="runs of each (2)")
    group.add_argument("--iterations", type=whole_number(0), default=4, metavar="N", help="of each run (4)")
    group.add_argument("--jobs", type=whole_number(1), default=1, metavar="N", help="runs at once (1)")
    group.add_argument(
        "--budget", type=_duration, default=math.inf, metavar="90m", help="begin nothing that takes longer"
    )


def run_protocol(arguments: argparse.Namespace) -> None:
    """Run what is not finished, and write report.html and tables.md."""
    if arguments.out is None:
        raise UsageError("where to? give --out DIR; what is there is gone on with")
    overrides = overrides_of(arguments.words)
    filters = arguments.filters.split(",")
    from sail.config.schema import RunConfig
    from sail.protocol.grid import Cell, grid
    from sail.protocol.ledger import Ledger
    from sail.protocol.runner import check_settings, run_grid
    from sail.protocol.summary import write_summary
    from sail.report.live_table import LiveTable

    cells = grid(
        tasks_of(arguments.tasks, config_of(arguments, overrides).suite),
        arguments.methods.split(","),
        filters,
        arguments.seeds,
        arguments.iterations,
    )

    def configure(cell: Cell) -> RunConfig:
        return config_of(arguments, [*overrides, *cell.overrides])

    ledger = Ledger(arguments.out)
    check_settings(cells, ledger, configure)  # before anything is computed

    def told(line: str) -> None:
        print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    told(f"{len(cells)} cells, {len(cells) - len(ledger.rows().keys() & set(cells))} of them to do")
    with going_on_with("the same command"), LiveTable("protocol", sys.stderr) as progress:
        left = run_grid(cells, ledger, configure, arguments.budget, progress, told, arguments.jobs)
    told(f"report: {write_summary(arguments.out)}" + (f"; {left} cells are left" if left else ""))


def _duration(text: str) -> float:
    """Seconds that "90m", "2h" or "45s" are."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match is None:
        raise UsageError(f"expected a time such as 90m, 2h or 45s, not '{text}'")
    return float(match[1]) * _SECONDS[match[2]]
