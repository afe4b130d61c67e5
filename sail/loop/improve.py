"""The self-adapting improvement loop: Algorithm 1 of arXiv 2506.06658, step by step.

    1  D ← demonstrations of the seen tasks; the planner is trained on them     load_learner, _demonstrate
    2  for each iteration:
    3      run the planner on the new task and record what happens               _collect
    4      keep the episodes that teach                                          kept_of
    5      fine-tune the planner on D and everything kept so far                 learn
    6      measure the success rate on episodes never collected on               _evaluate

Each step is deterministic given the configuration and what is on disk, and is written down in the run
folder when finished: an interrupted run resumed repeats at most one step, to the same result.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import numpy as np

from sail.config.schema import RunConfig
from sail.data.demonstrations import DEMONSTRATED, Show, collect, demonstration_jobs
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.selection import kept_of, quality, read_kept
from sail.loop.actors import actor_of
from sail.loop.agent import Agent, PolicyAgent, learner_at, load_learner
from sail.loop.evaluation import evaluate, evaluate_random, successes
from sail.loop.exploration import Explorer, Way, adapted
from sail.loop.learning import learn
from sail.loop.monitors import explored, flips
from sail.loop.probes import SCENES, measure_beside, plan_spread
from sail.loop.results import IterationResult
from sail.loop.rollout import Outcome, run_episodes
from sail.loop.run_folder import RunFolder
from sail.loop.seeds import collection_seeds
from sail.loop.session import Run
from sail.report.videos import write_videos
from sail.training.fine_tuning import check_trainable
from sail.types import Progress
from sail_envs.tasks import TASKS, seen_like


def improve(
    config: RunConfig, folder: RunFolder, progress: Progress, until: int | None = None, show: Show = collect
) -> dict[str, Any]:
    """Run the loop, or go on, to iteration `until`, with demonstrations by `show`; results.json's content."""
    return improve_jointly([(config, folder)], progress, until, show)[0]


def improve_jointly(
    several: Sequence[tuple[RunConfig, RunFolder]],
    progress: Progress,
    until: int | None = None,
    show: Show = collect,
) -> list[dict[str, Any]]:
    """`improve` of runs that differ in their tasks and share what learns: it is taught by what all of them
    kept, and each has it in its checkpoints. Raises RunFolderError where they were joined otherwise."""
    tasks = [config.task for config, _ in several]
    with ExitStack() as stack:
        runs = []
        for config, folder in several:
            folder.begin_jointly(tasks)
            run = Run(config, folder, EpisodeStore(folder.episodes), progress, joint=len(several) > 1)
            runs.append(stack.enter_context(closing(run)))
        return _improve(runs, runs[0].config.iterations if until is None else until, show)


def _improve(runs: Sequence[Run], last: int, show: Show) -> list[dict[str, Any]]:
    config = runs[0].config
    if not config.method.needs_weights:
        return [run.folder.write_results("", [_evaluate(run, None, 0, {})]) for run in runs]
    base = agent = load_learner(config)
    if isinstance(agent, Agent) and config.method.learns:
        check_trainable(agent.planner)
    results: list[list[IterationResult]] = []
    for run in runs:
        run.folder.begin_from(base.identity)
        _demonstrate(run, show)
        results.append([_evaluate(run, agent, 0, {})])
        run.folder.write_results(base.identity, results[-1])
    for iteration in range(1, last + 1):
        before = [rows[-1] for rows in results]
        collecting = [_collect(run, agent, iteration, row) for run, row in zip(runs, before, strict=True)]
        kept = [kept_of(run.config, run.folder, run.store, iteration) for run in runs]
        training = 0.0
        if config.method.learns:
            training = learn(runs, agent, iteration, before)
            agent = learner_at(base, runs[0].folder.checkpoint(iteration))
        for run, rows, seconds, teaching in zip(runs, results, collecting, kept, strict=True):
            stages = {"collect": seconds, "train": training}
            rows.append(_evaluate(run, agent, iteration, stages, teaching))
            run.folder.write_results(base.identity, rows)
    return [
        run.folder.write_results(base.identity, rows, sections=_sections(run, agent, last))
        for run, rows in zip(runs, results, strict=True)
    ]


def _sections(run: Run, agent: Agent | PolicyAgent, last: int) -> dict[str, Any]:
    """What stands beside the curve in results.json."""
    sections = {"filter": quality(run.folder, run.store, last), "monitors": _monitors(run.folder, last)}
    if last == run.config.iterations and isinstance(agent, Agent):
        sections |= _probe(run, agent)
    return sections


def _believed(config: RunConfig, last: IterationResult) -> float:
    """The share of successes that exploring goes by: the environment's with the oracle, else what was
    kept."""
    if config.filter == "oracle":
        return last.success_rate
    return last.kept / last.collected if last.collected else 0.0


def _demonstrate(run: Run, show: Show) -> None:
    """Collect the demonstrations of the seen tasks that fine-tuning goes on rehearsing."""
    config = run.config
    jobs = demonstration_jobs(config.demonstrator, seen_like(config.task), config.demonstrations_per_task)
    if run.folder.step_done("demonstrations") or not jobs or not config.method.learns:
        return
    run.store.discard([record.id for record in run.store.records(source=DEMONSTRATED[config.demonstrator])])
    run.progress.stage("demonstrations", len(jobs))
    for episode in show(jobs, config.workers):
        run.store.add(episode)
        run.progress.advance()
    run.folder.finish("demonstrations")


def _collect(run: Run, agent: Agent | PolicyAgent, iteration: int, last: IterationResult) -> float:
    """Run the planner, exploring (less as it succeeded), record every episode; the seconds it took. last: the
    evaluation before."""
    step = f"collect_{iteration:03d}"
    if not run.folder.step_done(step):
        config, started = run.config, time.monotonic()
        run.store.discard([record.id for record in run.store.records(source="self", iteration=iteration)])
        kept = run.kept_before(iteration)
        known = read_kept(run.folder, run.store, kept) if config.exploration.repeat_fraction else []
        exploration = adapted(config.exploration, _believed(config, last))
        run.progress.stage(f"iteration {iteration}: collect", config.rollouts)
        seeds = collection_seeds(config.task, config.seed, iteration, config.rollouts)
        outcomes: list[Outcome] = []
        ways: list[Way] = []
        for some in _rounds(seeds, config.exploration.rounds):
            explorer = Explorer(exploration, config.task, iteration, known)
            ended = run_episodes(
                run.environments,
                some,
                actor_of(agent, config, explorer),
                record=True,
                # An episode that ends at its success has told it.
                hold=0 if config.filter == "oracle" else None,
                finished=run.progress.advance,
            )
            outcomes += ended
            ways += [explorer.ways[seed] for seed in some]
            if config.filter == "oracle":
                known = [*known, *(one.episode for one in ended if one.success and one.episode)]
        for outcome in outcomes:
            assert outcome.episode is not None
            run.store.add(replace(outcome.episode, iteration=iteration, model=agent.identity))
        seconds = time.monotonic() - started
        values = {"successes": successes(outcomes), "episodes": len(outcomes), "seconds": seconds}
        run.folder.record("collect", iteration, 0, values)
        found = explored(outcomes, ways)
        if isinstance(agent, Agent):
            episodes = [outcome.episode for outcome in outcomes if outcome.episode is not None]
            begun = np.stack([episode.frames[0] for episode in episodes[:SCENES]])
            found["plan_spread"] = plan_spread(agent, config, begun)
        run.rest()
        run.folder.finish(f"explored_{iteration:03d}", found)
        run.folder.finish(step, seconds)
    return float(run.folder.payload(step))


def _rounds(seeds: Sequence[int], count: int) -> list[Sequence[int]]:
    size = -(-len(seeds) // count)
    return [seeds[first : first + size] for first in range(0, len(seeds), size)]


def _evaluate(
    run: Run,
    agent: Agent | PolicyAgent | None,
    iteration: int,
    seconds: Mapping[str, float],
    kept: Sequence[EpisodeRecord] = (),
) -> IterationResult:
    """Measure the success rate, without exploration, on the run's evaluation seeds.

    agent: None for the control, random waypoints. seconds: what the iteration's earlier steps took.
    """
    step = f"evaluate_{iteration:03d}"
    if not run.folder.step_done(step):
        config, started = run.config, time.monotonic()
        run.progress.stage(f"iteration {iteration}: evaluate", config.evaluation_episodes)
        if agent is None:
            outcomes = evaluate_random(config, 0, run.progress.advance, run.environments)
        else:
            outcomes = evaluate(agent, config, iteration, run.progress.advance, run.environments)
        run.rest()
        write_videos(run.folder.media, iteration, outcomes)
        values = {"successes": successes(outcomes), "episodes": len(outcomes)}
        measured = {**values, "seconds": time.monotonic() - started}
        run.folder.record("evaluate", iteration, 0, measured)
        run.folder.finish(step, {**measured, "succeeded": [outcome.success for outcome in outcomes]})
    measured = run.folder.payload(step)
    result = IterationResult(
        iteration=iteration,
        episodes=int(measured["episodes"]),
        successes=int(measured["successes"]),
        collected=len(run.store.records(source="self", iteration=iteration)),
        kept=len(kept),
        seconds={"collect": 0.0, "train": 0.0, **seconds, "evaluate": measured["seconds"]},
    )
    run.progress.iteration(result.as_json())
    return result


def _monitors(folder: RunFolder, last: int) -> list[dict[str, Any]]:
    """A row an iteration: how its episodes came about, and how many of the evaluation's it gained and lost.
    Those that an earlier version ran have none."""
    rows = []
    for iteration in range(1, last + 1):
        before, after = (
            folder.payload(f"evaluate_{k:03d}").get("succeeded", []) for k in (iteration - 1, iteration)
        )
        if folder.step_done(f"explored_{iteration:03d}") and before and after:
            gained, lost = flips(before, after)
            found = folder.payload(f"explored_{iteration:03d}")
            rows.append({"iteration": iteration, "gained": gained, "lost": lost, **found})
    return rows


def _probe(run: Run, agent: Agent) -> dict[str, Any]:
    """What stands beside the curve: chance, a perfect plan, whether the prompt decides (sail.loop.probes)."""
    if not run.folder.step_done("probes"):
        run.progress.stage("probes", 2 * run.config.evaluation_episodes)
        run.folder.finish("probes", measure_beside(agent, run.config, run.progress.advance))
    return {"prompt": TASKS[run.config.task], **run.folder.payload("probes")}
