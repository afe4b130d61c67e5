"""The self-adapting improvement loop: Algorithm 1 of arXiv 2506.06658, step by step.

    1  D ← demonstrations of the seen tasks; the planner is trained on them     learner_of, _demonstrate
    2  for each iteration:
    3      run the planner on the new task and record what happens               collectors.collect_simulated
    4      keep the episodes that teach                                          Session.kept
    5      fine-tune the planner on D and everything kept so far                 learning.learn
    6      measure the success rate on episodes never collected on               _evaluate

Each step is deterministic given the configuration and what is on disk, and is written down in the run
folder when finished: an interrupted run resumed repeats at most one step, to the same result.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from sail.config.method import find_method
from sail.config.schema import RunConfig
from sail.config.suites import suite_of_run
from sail.data.demonstrations import (
    Collect,
    CollectError,
    collect,
    demonstration_jobs,
    demonstrations_in,
    recorded_demonstrations,
)
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.selection import find_filter, judge_of, quality
from sail.loop.actors import check_plan_length, check_suite
from sail.loop.agent import Agent, PolicyAgent
from sail.loop.collectors import collect_simulated
from sail.loop.evaluation import evaluate, evaluate_random, successes
from sail.loop.learners import Learner, learner_of
from sail.loop.monitors import monitored
from sail.loop.results import IterationResult
from sail.loop.run_folder import END, EPISODES, RunFolder, RunFolderError
from sail.loop.session import Film, Session, unfilmed
from sail.loop.update import learn
from sail.system.locks import locked
from sail.system.suite_checks import refuse_unfit
from sail.types import Episode, Progress


def check_run(config: RunConfig) -> None:
    """Refuse what can be refused before there is a run folder: weights, filter and suite that do not load or
    do not fit each other, and a suite that is wrong in itself. Raises SailError."""
    suite = suite_of_run(config)
    refuse_unfit(suite, list(dict.fromkeys([config.task, *suite.seen])))
    if find_method(config.method).needs_weights:
        agent = learner_of(config).agent
        check_suite(agent, suite)
        if isinstance(agent, Agent):
            check_plan_length(agent, config)
        find_filter(config)


def improve(
    config: RunConfig,
    folder: RunFolder,
    progress: Progress,
    until: int | None = None,
    show: Collect = collect,
    film: Film = unfilmed,
) -> dict[str, Any]:
    """Run the loop, or go on with it, and return the content of results.json.

    until: the last iteration, all where None. show: makes the demonstrations. film: keeps pictures of every
    evaluation. Raises SailError.
    """
    return improve_jointly([(config, folder)], progress, until, show, film)[0]


def improve_jointly(
    several: Sequence[tuple[RunConfig, RunFolder]],
    progress: Progress,
    until: int | None = None,
    show: Collect = collect,
    film: Film = unfilmed,
) -> list[dict[str, Any]]:
    """`improve` for runs that differ in their tasks and share one learner, which the kept episodes of all of
    them teach. Each run has the learner in its checkpoints. Raises RunFolderError where the runs were begun
    in other company."""
    tasks = [config.task for config, _ in several]
    with ExitStack() as stack:
        for _, folder in several:
            stack.enter_context(locked(folder.path, RunFolderError))
            folder.begin_jointly(tasks)
        if until is None and all(folder.is_over() for _, folder in several):
            return [_read(folder, progress) for _, folder in several]
        sessions = []
        for config, folder in several:
            store, suite = EpisodeStore(folder.episodes), suite_of_run(config)
            if find_method(config.method).needs_weights:  # chance keeps no episodes
                store.settle(suite.embodiment, f"suite {suite.name}")
            folder.check_episodes(
                {one.id: one.iteration if one.source == "self" else None for one in store.records()}
            )
            session = Session(config, folder, store, progress, film, joint=len(several) > 1)
            sessions.append(stack.enter_context(closing(session)))
        return _improve(sessions, sessions[0].config.iterations if until is None else until, show)


def _read(folder: RunFolder, progress: Progress) -> dict[str, Any]:
    """What a finished run found: nothing of it is computed again."""
    results = folder.results()
    for row in results["iterations"]:
        progress.iteration(row)
    return results


def _improve(sessions: Sequence[Session], last: int, show: Collect) -> list[dict[str, Any]]:
    method = find_method(sessions[0].config.method)
    if not method.needs_weights:
        return [one.folder.write_results("", [_evaluate(one, None, 0, {})]) for one in sessions]
    base = learner = learner_of(sessions[0].config)
    for session in sessions:
        check_suite(base.agent, suite_of_run(session.config))
    if method.learns:
        base.check()
    results: list[list[IterationResult]] = []
    for session in sessions:
        session.folder.begin_from(base.agent.parts | judge_of(session.filter))
        _demonstrate(session, show)
        results.append([_evaluate(session, base.agent, 0, {})])
        session.folder.write_results(base.agent.identity, results[-1])
    for iteration in range(1, last + 1):
        before = [rows[-1] for rows in results]
        collecting = [
            collect_simulated(session, learner, iteration, row)
            for session, row in zip(sessions, before, strict=True)
        ]
        kept = [session.kept(iteration) for session in sessions]
        training = 0.0
        if method.learns:
            training = learn(sessions, learner, iteration, before)
            learner = base.at(sessions[0].folder.finished_checkpoint(iteration))
        for session, rows, seconds, teaching in zip(sessions, results, collecting, kept, strict=True):
            stages = {"collect": seconds, "train": training}
            rows.append(_evaluate(session, learner.agent, iteration, stages, teaching))
            session.folder.write_results(base.agent.identity, rows)
    return [
        _write(session, base.agent.identity, rows, _sections(session, learner, last))
        for session, rows in zip(sessions, results, strict=True)
    ]


def _write(
    session: Session, model: str, rows: Sequence[IterationResult], sections: Mapping[str, Any]
) -> dict[str, Any]:
    """The run's last results.json."""
    results = session.folder.write_results(model, rows, sections=sections)
    if rows[-1].iteration == session.config.iterations:
        session.folder.finish(END)
    return results


def _demonstrate(session: Session, show: Collect) -> None:
    """Collect the demonstrations of the seen tasks, which fine-tuning rehearses."""
    config, store = session.config, session.store
    suite, count = suite_of_run(config), config.demonstrations_per_task
    learns = find_method(config.method).learns and count > 0 and len(suite.seen) > 0
    if session.folder.step_done("demonstrations") or not learns:
        return
    if config.demonstrations:
        episodes: Iterable[Episode] = recorded_demonstrations(
            EpisodeStore(config.demonstrations), suite, count
        )
    elif suite.expert is None:
        raise CollectError(
            f"suite {suite.name} has no experts: name a store with demonstrations of its seen tasks, "
            "demonstrations=STORE, or rehearse none, demonstrations_per_task=0"
        )
    else:
        jobs = demonstration_jobs(config.demonstrator, suite.seen, count, config.suite)
        episodes = show(jobs, config.workers)
    store.discard([record.id for record in demonstrations_in(store)])
    session.progress.stage("demonstrations", count * len(suite.seen))
    ids = []
    for episode in episodes:
        ids.append(store.add(episode))
        session.progress.advance()
    session.folder.finish(f"{EPISODES}000", ids)
    session.folder.finish("demonstrations")


def _evaluate(
    session: Session,
    agent: Agent | PolicyAgent | None,
    iteration: int,
    seconds: Mapping[str, float],
    kept: Sequence[EpisodeRecord] = (),
) -> IterationResult:
    """Measure the success rate, without exploration, on the run's evaluation seeds.

    agent: None for the control, random motion. seconds: wall time of the iteration's earlier steps.
    """
    step = f"evaluate_{iteration:03d}"
    if not session.folder.step_done(step):
        config, advance, started = session.config, session.progress.advance, time.monotonic()
        session.progress.stage(f"iteration {iteration}: evaluate", config.evaluation_episodes)
        if agent is None:
            outcomes = evaluate_random(config, 0, advance, session.environments)
        else:
            outcomes = evaluate(agent, config, iteration, advance, session.environments)
        session.rest()
        session.film(session.folder.media, iteration, outcomes)
        values = {"successes": successes(outcomes), "episodes": len(outcomes)}
        measured = {**values, "seconds": time.monotonic() - started}
        session.folder.record("evaluate", iteration, 0, measured)
        session.folder.finish(step, {**measured, "succeeded": [outcome.success for outcome in outcomes]})
    measured = session.folder.payload(step)
    result = IterationResult(
        iteration=iteration,
        episodes=int(measured["episodes"]),
        successes=int(measured["successes"]),
        collected=len(session.store.records(source="self", iteration=iteration)),
        kept=len(kept),
        seconds={"collect": 0.0, "train": 0.0, **seconds, "evaluate": measured["seconds"]},
    )
    session.progress.iteration(result.as_json())
    return result


def _sections(session: Session, learner: Learner, last: int) -> dict[str, Any]:
    """The sections of results.json beside the curve."""
    found = {
        "filter": quality(session.folder, session.store, last),
        "monitors": monitored(session.folder, last),
    }
    if last == session.config.iterations:
        found |= learner.beside_curve(session)
    return found
