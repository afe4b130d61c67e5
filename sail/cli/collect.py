"""`sail collect`: episodes of the scripted experts, of the suboptimal mix, or of play, into a store; or the
broad corpus' clips."""

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from sail.cli.command import Command, UsageError
from sail.cli.options import going_on_with, one_of, overrides_of, tasks_of, whole_number, writable_folder

_SOURCES = ("expert", "random", "play")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, required=True, metavar="STORE", help="the episode store")
    parser.add_argument(
        "--source",
        type=one_of("source", (*_SOURCES, "broad")),
        required=True,
        metavar="expert|random|play|broad",
        help="scripted experts; the same with 70 %% random actions; play; the compact prior's corpus",
    )
    parser.add_argument(
        "--tasks",
        metavar="NAMES",
        help="tasks, or sets such as unseen and cups-seen, with commas between",
    )
    parser.add_argument(
        "--suite",
        default="",
        metavar="NAME",
        help="the suite that has the tasks (default: the one that does)",
    )
    parser.add_argument(
        "--episodes",
        type=whole_number(1),
        required=True,
        metavar="N",
        help="how many of each task (of the corpus: clips) there are to be; those that are there count",
    )
    parser.add_argument("--horizon", type=whole_number(1), metavar="STEPS", help="control steps an episode")
    parser.add_argument("--workers", type=whole_number(0), default=2, metavar="N", help="processes")


def run(arguments: argparse.Namespace) -> None:
    """Collect what the store lacks."""
    overrides_of(arguments.words)
    if arguments.source == "broad":
        _collect_broad(arguments)
        return
    if arguments.tasks is None:
        raise UsageError(f"whose episodes? Give --tasks with --source {arguments.source}")
    tasks = tasks_of(arguments.tasks, arguments.suite)
    if arguments.suite:
        from sail.system.suite_checks import refuse_unfit
        from sail_envs.suite import find_suite

        refuse_unfit(find_suite(arguments.suite), tasks)
    out = writable_folder(arguments.out)
    from sail.data.demonstrations import collect, expert_jobs, missing_jobs, play_jobs, suboptimal_jobs
    from sail.data.store import EpisodeStore
    from sail.report.live_table import LiveTable
    from sail_envs.suite import suite_of

    kinds = {"expert": expert_jobs, "random": suboptimal_jobs, "play": play_jobs}
    store, suite = EpisodeStore(out), suite_of(tasks[0], arguments.suite)
    store.settle(suite.embodiment, f"suite {suite.name}")
    jobs = missing_jobs(store, kinds[arguments.source](tasks, arguments.episodes, arguments.suite))
    if arguments.horizon is not None:
        jobs = [replace(job, horizon=arguments.horizon) for job in jobs]
    title = f"{len(jobs)} {arguments.source} episodes of {', '.join(tasks)}, into {out}"
    again = f"the same command ({shlex.quote(str(out))} goes on)"
    with going_on_with(again, out), LiveTable(title) as progress:
        progress.stage("collect", len(jobs))
        for episode in collect(jobs, arguments.workers):
            store.add(episode)
            progress.advance()
    print(f"{out} holds {len(store.records())} episodes")


def _collect_broad(arguments: argparse.Namespace) -> None:
    if arguments.tasks is not None or arguments.horizon is not None:
        raise UsageError("the broad corpus has its own scenes: leave --tasks and --horizon out")
    out = writable_folder(arguments.out)
    from sail.data.corpus import Corpus
    from sail.data.corpus_scenes import TRIES, generate, scenes
    from sail.report.live_table import LiveTable

    corpus = Corpus(out)
    there = corpus.shards()
    missing = [scene for scene in scenes(-(-arguments.episodes // TRIES)) if scene.shard not in there]
    title = f"{len(missing)} scenes of {TRIES} clips, into {out}"
    again = f"the same command ({shlex.quote(str(out))} goes on)"
    with going_on_with(again, out), LiveTable(title) as progress:
        progress.stage("collect", len(missing))
        for scene, clips in zip(missing, generate(missing, arguments.workers), strict=True):
            corpus.add(scene.shard, clips)
            progress.advance()
    print(f"{out} holds {len(corpus.rows)} clips")


COMMAND = Command("", configure, run)
