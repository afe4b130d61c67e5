"""Step 3 of Algorithm 1: run the agent on the new task, exploring, and record every episode."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sail.config.suites import suite_of_run
from sail.filters.selection import read_kept
from sail.loop.actors import actor_of
from sail.loop.evaluation import successes
from sail.loop.exploration import Explorer, adapted
from sail.loop.learners import Learner
from sail.loop.monitors import explored
from sail.loop.probes import SCENES
from sail.loop.results import IterationResult, Way
from sail.loop.rollout import Outcome, run_episodes
from sail.loop.run_folder import EPISODES
from sail.loop.seeds import collection_seeds
from sail.loop.session import Session


def believed_success(knows_truth: bool, last: IterationResult) -> float:
    """The success rate that sets how much is explored: of the last evaluation where the filter knows the
    truth, else the share of collected episodes that were kept."""
    if knows_truth:
        return last.success_rate
    return last.kept / last.collected if last.collected else 0.0


def collect_simulated(session: Session, learner: Learner, iteration: int, last: IterationResult) -> float:
    """Collect an iteration's episodes in environments side by side, and return the seconds that it took.

    The better the last evaluation was, the less is explored. last: that evaluation.
    """
    step = f"collect_{iteration:03d}"
    if not session.folder.step_done(step):
        started, store = time.monotonic(), session.store
        store.discard([record.id for record in store.records(source="self", iteration=iteration)])
        outcomes, ways = _outcomes(session, learner, iteration, last)
        ids = []
        for outcome in outcomes:
            assert outcome.episode is not None
            ids.append(store.add(replace(outcome.episode, iteration=iteration, model=learner.agent.identity)))
        seconds = time.monotonic() - started
        values = {"successes": successes(outcomes), "episodes": len(outcomes), "seconds": seconds}
        session.folder.record("collect", iteration, 0, values)
        episodes = [outcome.episode for outcome in outcomes if outcome.episode is not None]
        begun = np.stack([episode.frames[0] for episode in episodes[:SCENES]])
        embodiment = suite_of_run(session.config).embodiment
        found = {**explored(outcomes, ways, embodiment), **learner.plan_spread(session.config, begun)}
        session.rest()
        session.folder.finish(f"explored_{iteration:03d}", found)
        session.folder.finish(f"{EPISODES}{iteration:03d}", ids)
        session.folder.finish(step, seconds)
    return float(session.folder.payload(step))


def _outcomes(
    session: Session, learner: Learner, iteration: int, last: IterationResult
) -> tuple[list[Outcome], list[Way]]:
    """Outcomes of all episodes, and how each came about."""
    config, knows_truth = session.config, session.filter.knows_truth
    kept = session.kept_before(iteration)
    known = read_kept(session.folder, session.store, kept) if config.exploration.repeat_fraction else []
    exploration = adapted(config.exploration, believed_success(knows_truth, last))
    session.progress.stage(f"iteration {iteration}: collect", config.rollouts)
    seeds = collection_seeds(config.task, config.seed, iteration, config.rollouts)
    outcomes: list[Outcome] = []
    ways: list[Way] = []
    for some in _rounds(seeds, config.exploration.rounds):
        explorer = Explorer(exploration, suite_of_run(config), iteration, known)
        ended = run_episodes(
            session.environments,
            some,
            actor_of(learner.agent, config, explorer),
            record=True,
            # Ending an episode at its success reveals the success: only a filter that knows it may do so.
            hold=0 if knows_truth else None,
            finished=session.progress.advance,
        )
        outcomes += ended
        ways += [explorer.ways[seed] for seed in some]
        if knows_truth:
            known = [*known, *(one.episode for one in ended if one.success and one.episode)]
    return outcomes, ways


def _rounds(seeds: Sequence[int], count: int) -> list[Sequence[int]]:
    size = -(-len(seeds) // count)
    return [seeds[first : first + size] for first in range(0, len(seeds), size)]
