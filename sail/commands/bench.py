"""`sail bench`: what planning costs on this machine."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from sail.commands.common import (
    OVERRIDES,
    Command,
    UsageError,
    add_config_options,
    add_json_option,
    iterations_of,
    run_or_config,
    whole_number,
)

if TYPE_CHECKING:
    from sail.export.bench import Row
    from sail.export.measure import Ceiling

WHAT = "inference"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_options(parser)
    parser.add_argument(
        "--exported",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder of sail export, to measure beside the source; as often as you like",
    )
    parser.add_argument("--batches", default="1,4,16", metavar="N,N", help="plans at once (default: 1,4,16)")
    parser.add_argument("--rounds", type=whole_number(2), default=20, metavar="N", help="of every stage")
    parser.add_argument("--iteration", type=whole_number(0), metavar="K", help="a run's checkpoint")
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print one table."""
    if arguments.words[:1] != [WHAT]:
        raise UsageError(f"what is to be measured? sail bench {WHAT}")
    arguments.words = arguments.words[1:]
    batches = [int(whole_number(1)(word)) for word in arguments.batches.split(",")]
    folder, config = run_or_config(arguments)
    from sail.agent import load_agent, sampling_of, with_checkpoint
    from sail.embodiment import read_embodiment
    from sail.export.bench import as_json, bench
    from sail.export.scenes import simulated
    from sail.export.write import Source
    from sail.versions import environment_versions
    from sail_envs.rendering import choose_backend
    from sail_models.saving import find_base

    choose_backend()
    agent = load_agent(config)
    iteration = iterations_of(arguments.iteration, folder)[-1]
    if folder is not None and iteration:
        agent = with_checkpoint(agent, folder.checkpoint(iteration))
    source = Source(agent, sampling_of(config), read_embodiment(find_base(config.base)))
    began = time.monotonic()

    def report(stage: str) -> None:
        print(f"  {time.monotonic() - began:5.0f} s  {stage}", file=sys.stderr, flush=True)

    scenes = simulated(config.task, max(batches))
    most, rows = bench(source, arguments.exported, scenes, batches, int(arguments.rounds), report)
    if arguments.json:
        print(json.dumps({**as_json(most, rows), "environment": environment_versions()}, indent=2))
        return
    _print(most, rows)


def _print(most: "Ceiling", rows: "list[Row]") -> None:
    possible = f"{most.operations / 1e9:.0f} GFLOP/s and {most.bytes / 1e9:.0f} GB/s"
    table = Table(title=f"milliseconds, medians; this machine does {possible}")
    stages = list(rows[0].stages)
    for title in ("", "batch", *stages, "plan, p99", "memory", "operations", "share", "times"):
        table.add_column(title, justify="left" if not title else "right")
    for row in rows:
        first = next(other for other in rows if other.batch == row.batch)
        table.add_row(
            row.engine,
            str(row.batch),
            *(f"{1e3 * row.stages[stage].median:.1f}" for stage in stages),
            f"{1e3 * row.stages['plan'].p99:.1f}",
            f"{row.memory / 2**20:.0f} MB",
            f"{row.operations / 1e9:.1f} G",
            f"{row.share:.0%}",
            f"{first.stages['plan'].median / row.stages['plan'].median:.2f}",
        )
    Console().print(table)


COMMAND = Command(
    "bench",
    "measure what planning costs: sail bench inference",
    f"{WHAT} [RUN_FOLDER or {OVERRIDES}]",
    configure,
    run,
)
