"""`sail collect`: episodes of the scripted experts, of the suboptimal mix, or of play, into a store."""

import argparse
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path

from sail.commands.common import (
    Command,
    going_on_with,
    one_of,
    overrides_of,
    tasks_of,
    whole_number,
    writable_folder,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, required=True, metavar="STORE", help="the episode store")
    parser.add_argument(
        "--source",
        type=one_of("source", ("expert", "random", "play")),
        required=True,
        metavar="expert|random|play",
        help="scripted experts; the same with 70 %% random actions; unlabelled play",
    )
    parser.add_argument(
        "--tasks", required=True, metavar="NAMES", help="seen, unseen, all, or names with commas between"
    )
    parser.add_argument(
        "--episodes",
        type=whole_number(1),
        required=True,
        metavar="N",
        help="how many of each task the store is to hold; those that are there count",
    )
    parser.add_argument("--horizon", type=whole_number(1), metavar="STEPS", help="control steps an episode")
    parser.add_argument("--workers", type=whole_number(1), default=2, metavar="N", help="processes")


def run(arguments: argparse.Namespace) -> None:
    """Collect what the store lacks."""
    overrides_of(arguments.words)
    tasks = tasks_of(arguments.tasks)
    out = writable_folder(arguments.out)
    from sail.collect import collect, expert_jobs, play_jobs, suboptimal_jobs
    from sail.data.store import EpisodeStore
    from sail.report.live import LiveTable

    kinds = {"expert": expert_jobs, "random": suboptimal_jobs, "play": play_jobs}
    store = EpisodeStore(out)
    there = Counter(record.task for record in store.records(source=arguments.source))
    jobs = [job for job in kinds[arguments.source](tasks, arguments.episodes) if job.index >= there[job.task]]
    if arguments.horizon is not None:
        jobs = [replace(job, horizon=arguments.horizon) for job in jobs]
    title = f"{len(jobs)} {arguments.source} episodes of {', '.join(tasks)}, into {out}"
    with going_on_with(f"the same command ({shlex.quote(str(out))} goes on)"), LiveTable(title) as live:
        live.stage("collect", len(jobs))
        for episode in collect(jobs, arguments.workers):
            store.add(episode)
            live.advance()
    print(f"{out} holds {len(store.records())} episodes")


COMMAND = Command("collect", "collect episodes that need no planner", "", configure, run)
