"""`sail bench`: the cost of planning on this machine, and the loop on many tasks."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from sail.cli.bench_protocol import configure_protocol, run_protocol
from sail.cli.command import Command, UsageError
from sail.cli.export import exportable_of, stage_report
from sail.cli.options import OVERRIDES, add_config_options, add_json_option, run_or_config, whole_number

if TYPE_CHECKING:
    from sail.export.benchmark import EngineCost, MachinePeak

INFERENCE, PROTOCOL = "inference", "protocol"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_options(parser)
    inference = parser.add_argument_group(f"sail bench {INFERENCE} [RUN_FOLDER or {OVERRIDES}]")
    inference.add_argument(
        "--exported",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder of sail export, to measure beside the source; as often as you like",
    )
    inference.add_argument("--batches", default="1,4,16", metavar="N,N", help="plans at once (1,4,16)")
    inference.add_argument("--rounds", type=whole_number(2), default=20, metavar="N", help="of every stage")
    inference.add_argument(
        "--compile", action="store_true", help="torch.compile too: it compiles for minutes, and needs g++"
    )
    inference.add_argument("--iteration", type=whole_number(0), metavar="K", help="a run's checkpoint")
    configure_protocol(parser.add_argument_group(f"sail bench {PROTOCOL} [{OVERRIDES}]"))
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print one table."""
    what = arguments.words[:1]
    if what not in ([INFERENCE], [PROTOCOL]):
        raise UsageError(f"what is to be measured? sail bench {INFERENCE}, or sail bench {PROTOCOL}")
    arguments.words = arguments.words[1:]
    (_inference if what == [INFERENCE] else run_protocol)(arguments)


def _inference(arguments: argparse.Namespace) -> None:
    batches = [int(whole_number(1)(word)) for word in arguments.batches.split(",")]
    from sail.config.suites import suite_of_run
    from sail.export.benchmark import as_json, bench
    from sail.export.comparison_frames import simulated
    from sail.system.versions import environment_versions

    folder, config = run_or_config(arguments)
    source = exportable_of(folder, config, arguments.iteration)
    report = stage_report(sys.stderr)
    scenes = simulated(suite_of_run(config), config.task, max(batches))
    rounds, compiled = int(arguments.rounds), bool(arguments.compile)
    if compiled and shutil.which("g++") is None:
        raise UsageError("torch.compile needs g++: install it, or leave --compile out")
    peak, rows = bench(source, arguments.exported, scenes, batches, rounds, report, compiled)
    if arguments.json:
        print(json.dumps({**as_json(peak, rows), "environment": environment_versions()}, indent=2))
        return
    _print(peak, rows)


def _print(peak: "MachinePeak", rows: "list[EngineCost]") -> None:
    possible = f"{peak.operations / 1e9:.0f} GFLOP/s and {peak.bytes / 1e9:.0f} GB/s"
    table = Table(
        title=f"milliseconds, medians of a call; this machine does {possible}", box=SIMPLE, padding=(0, 0)
    )
    stages = list(rows[0].stages)
    for title in ("", "plans", *stages, "p99", "GFLOP", "moves", "MB", "start", "share", "times"):
        table.add_column(title, justify="left" if not title else "right", no_wrap=True)
    for row in rows:
        first = next(other for other in rows if other.batch == row.batch)
        table.add_row(
            row.engine,
            str(row.batch),
            *(f"{1e3 * row.stages[stage].median:.1f}" for stage in stages),
            f"{1e3 * row.stages['plan'].p99:.1f}",
            "" if row.operations is None else f"{row.operations / 1e9:.1f}",
            "" if row.bytes is None else f"{row.bytes / 2**20:.0f}",
            "" if row.memory is None else f"{row.memory / 2**20:.0f}",
            "" if row.start is None else f"{row.start:.1f} s",
            "" if row.share is None else f"{row.share:.0%}",
            f"{first.stages['plan'].median / row.stages['plan'].median:.2f}",
        )
    Console().print(table)


COMMAND = Command(f"{INFERENCE} [RUN_FOLDER or {OVERRIDES}], or {PROTOCOL} [{OVERRIDES}]", configure, run)
