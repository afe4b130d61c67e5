"""The self-adapting improvement loop: Algorithm 1 of arXiv 2506.06658, step by step.

    1  D ← demonstrations of the seen tasks; the planner is trained on them     load_learner, _demonstrate
    2  for each iteration:
    3      run the planner on the new task and record what happens               _collect
    4      keep the episodes that teach                                          kept_of
    5      fine-tune the planner on D and everything kept so far                 _learn
    6      measure the success rate on episodes never collected on               _evaluate

Each step is deterministic given the configuration and what is on disk, and is written down in the run
folder when finished: an interrupted run resumed repeats at most one step, to the same result.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from torch import nn

from sail.actors import actor_of
from sail.agent import Agent, PolicyAgent, learner_at, load_learner
from sail.collect import DEMONSTRATED, Show, collect, demonstration_jobs
from sail.config import LEARNING, RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.evaluate import evaluate, evaluate_random, successes
from sail.exploration import Explorer, adapted
from sail.filters import kept_of, quality, read_kept
from sail.monitors import explored, flips
from sail.probes import SCENES, measure_beside, plan_spread
from sail.report.live import LiveTable
from sail.rollout import open_environments, run_episodes
from sail.runfolder import IterationResult, RunFolder
from sail.seeds import collection_seeds
from sail.train.finetune import (
    check_trainable,
    finetune_inverse_dynamics,
    finetune_planner,
    finetune_policy,
)
from sail.train.imagined import imagine
from sail.types import Episode
from sail.videos import write_videos
from sail_envs.tasks import TASKS, seen_like
from sail_envs.vector import VectorEnv
from sail_models.inverse_dynamics import InverseDynamics
from sail_models.saving import save_model

# Training draws from seeds this far apart in runs with different seeds.
TRAININGS_PER_RUN = 10_000
LOSS_EVERY = 10


@dataclass(frozen=True)
class Run:
    """What every step needs: the configuration, the run folder, its episodes and the screen."""

    config: RunConfig
    folder: RunFolder
    store: EpisodeStore
    live: LiveTable

    @cached_property
    def environments(self) -> VectorEnv:
        """Opened when first needed, and kept: starting their workers takes as long as ten episodes."""
        return open_environments(self.config, max(self.config.rollouts, self.config.evaluation_episodes))

    def close(self) -> None:
        """End the environments' workers, if there are any."""
        if "environments" in self.__dict__:
            self.environments.close()


def improve(
    config: RunConfig, folder: RunFolder, live: LiveTable, until: int | None = None, show: Show = collect
) -> dict[str, Any]:
    """Run the loop, or go on, to iteration `until`, with demonstrations by `show`; results.json's content."""
    with closing(Run(config, folder, EpisodeStore(folder.episodes), live)) as run:
        return _improve(run, config.iterations if until is None else until, show)


def _improve(run: Run, last: int, show: Show) -> dict[str, Any]:
    config, folder = run.config, run.folder
    if config.method == "random":
        return folder.write_results("", [_evaluate(run, None, 0, {})])
    base = agent = load_learner(config)
    if isinstance(agent, Agent) and config.method in LEARNING:
        check_trainable(agent.planner)
    folder.begin_from(base.identity)
    _demonstrate(run, show)
    results = [_evaluate(run, agent, 0, {})]
    folder.write_results(base.identity, results)
    for iteration in range(1, last + 1):
        seconds = {"collect": _collect(run, agent, iteration, _believed(config, results[-1]))}
        kept = kept_of(config, folder, run.store, iteration)
        if config.method in LEARNING:
            seconds["train"] = _learn(run, agent, iteration, results[-1])
            agent = learner_at(base, folder.checkpoint(iteration))
        results.append(_evaluate(run, agent, iteration, seconds, kept))
        folder.write_results(base.identity, results)
    sections = {"filter": quality(folder, run.store, last), "monitors": _monitors(folder, last)}
    if last == config.iterations and isinstance(agent, Agent):
        sections |= _probe(run, agent)
    return folder.write_results(base.identity, results, sections=sections)


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
    if run.folder.step_done("demonstrations") or not jobs or config.method not in LEARNING:
        return
    run.store.discard([record.id for record in run.store.records(source=DEMONSTRATED[config.demonstrator])])
    run.live.stage("demonstrations", len(jobs))
    for episode in show(jobs, config.workers):
        run.store.add(episode)
        run.live.advance()
    run.folder.finish("demonstrations")


def _collect(run: Run, agent: Agent | PolicyAgent, iteration: int, succeeded: float) -> float:
    """Run the planner, exploring (less as it succeeds), record every episode; the seconds it took."""
    step = f"collect_{iteration:03d}"
    if not run.folder.step_done(step):
        config, started = run.config, time.monotonic()
        run.store.discard([record.id for record in run.store.records(source="self", iteration=iteration)])
        before = _kept_before(run, iteration)
        known = read_kept(run.folder, run.store, before) if config.exploration.repeat_fraction else []
        explorer = Explorer(adapted(config.exploration, succeeded), config.task, iteration, known)
        run.live.stage(f"iteration {iteration}: collect", config.rollouts)
        seeds = collection_seeds(config.task, config.seed, iteration, config.rollouts)
        outcomes = run_episodes(
            run.environments,
            seeds,
            actor_of(agent, config, explorer),
            record=True,
            # An episode that ends at its success has told it.
            hold=0 if config.filter == "oracle" else None,
            finished=run.live.advance,
        )
        for outcome in outcomes:
            assert outcome.episode is not None
            run.store.add(replace(outcome.episode, iteration=iteration, model=agent.identity))
        seconds = time.monotonic() - started
        values = {"successes": successes(outcomes), "episodes": len(outcomes), "seconds": seconds}
        run.folder.record("collect", iteration, 0, values)
        found = explored(outcomes, [explorer.ways[seed] for seed in seeds])
        if isinstance(agent, Agent):
            episodes = [outcome.episode for outcome in outcomes if outcome.episode is not None]
            begun = np.stack([episode.frames[0] for episode in episodes[:SCENES]])
            found["plan_spread"] = plan_spread(agent, config, begun)
        run.folder.finish(f"explored_{iteration:03d}", found)
        run.folder.finish(step, seconds)
    return float(run.folder.payload(step))


def _enough(config: RunConfig, kept: int, last: IterationResult) -> bool:
    """Whether so many kept episodes teach. From a few a planner forgets more than it learns, unless it has
    nothing to lose, which only the oracle knows."""
    nothing_to_lose = config.filter == "oracle" and last.successes == 0
    return kept >= config.training.least_kept or (nothing_to_lose and kept > 0)


def _learn(run: Run, agent: Agent | PolicyAgent, iteration: int, last: IterationResult) -> float:
    """Fine-tune on demonstrations and everything kept so far, where that is enough; save the checkpoint;
    returns the seconds. last: the evaluation before."""
    step = f"train_{iteration:03d}"
    if not run.folder.step_done(step):
        started = time.monotonic()
        kept = _kept_before(run, iteration + 1)
        if _enough(run.config, len(kept), last):
            learnt = _learnt(run, agent, iteration, kept[-run.config.training.keep_newest :])
        else:
            few, least = f"iteration {iteration}: too few kept to learn from", run.config.training.least_kept
            run.live.stage(few, least, len(kept))
            learnt = _learners(run.config, agent)
        for name, network in learnt.items():
            save_model(run.folder.checkpoint(iteration) / name, network, half=True)
        run.folder.finish(step, time.monotonic() - started)
    return float(run.folder.payload(step))


def _learners(config: RunConfig, agent: Agent | PolicyAgent) -> dict[str, nn.Module]:
    """The networks that fine-tuning changes, by the names of their folders in a checkpoint."""
    if isinstance(agent, PolicyAgent):
        return {"policy": agent.policy}
    learners: dict[str, nn.Module] = {"planner": agent.planner}
    if config.training.inverse_dynamics:
        learners["inverse_dynamics"] = agent.inverse_dynamics
    return learners


def _learnt(
    run: Run, agent: Agent | PolicyAgent, iteration: int, kept: Sequence[EpisodeRecord]
) -> dict[str, nn.Module]:
    """What the networks of `_learners` become."""
    config = run.config.training
    demonstrations = _read(run, run.store.records(source=DEMONSTRATED[run.config.demonstrator]))
    seed = TRAININGS_PER_RUN * run.config.seed + iteration

    def report(step: int, loss: float) -> None:
        run.live.advance()
        if step % LOSS_EVERY == 0:
            run.folder.record("train", iteration, step, {"loss": loss})

    run.live.stage(f"iteration {iteration}: train", config.steps)
    teaching = read_kept(run.folder, run.store, kept)
    if isinstance(agent, PolicyAgent):
        return {"policy": finetune_policy(agent, demonstrations, teaching, config, seed, report)}
    planner = finetune_planner(agent, demonstrations, teaching, config, seed, report)
    learnt: dict[str, nn.Module] = {"planner": planner}
    if config.inverse_dynamics:
        run.live.stage(f"iteration {iteration}: inverse dynamics", config.inverse_dynamics_steps)
        new = replace(agent, planner=planner)
        learnt["inverse_dynamics"] = _learn_dynamics(run, new, demonstrations, teaching, seed)
    return learnt


def _learn_dynamics(
    run: Run,
    agent: Agent,
    demonstrations: Sequence[Episode],
    kept: Sequence[Episode],
    seed: int,
) -> InverseDynamics:
    """Inverse dynamics, taught by what was kept and how the agent's new planner draws it; where nothing was
    kept, by everything seen."""
    config, guidance = run.config.training, run.config.planner.guidance
    chunk = agent.inverse_dynamics.config.chunk
    whole = [episode for episode in kept if len(episode) >= chunk]
    imagined, episodes = None, whole
    if config.imagined_windows and whole:
        imagined = imagine(agent, whole, config.imagined_windows, guidance, seed)
    else:
        episodes = [*demonstrations, *_read(run, run.store.records(source="self"))]
    return finetune_inverse_dynamics(agent, episodes, imagined, config, seed, lambda *_: run.live.advance())


def _evaluate(
    run: Run,
    agent: Agent | PolicyAgent | None,
    iteration: int,
    seconds: dict[str, float],
    kept: Sequence[EpisodeRecord] = (),
) -> IterationResult:
    """Measure the success rate, without exploration, on the run's evaluation seeds.

    agent: None for the control, random waypoints. seconds: what the iteration's earlier steps took.
    """
    step = f"evaluate_{iteration:03d}"
    if not run.folder.step_done(step):
        config, started = run.config, time.monotonic()
        run.live.stage(f"iteration {iteration}: evaluate", config.evaluation_episodes)
        if agent is None:
            outcomes = evaluate_random(config, 0, run.live.advance, run.environments)
        else:
            outcomes = evaluate(agent, config, iteration, run.live.advance, run.environments)
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
    run.live.iteration(result.as_json())
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
    """What stands beside the curve: chance, a perfect plan, whether the prompt decides (sail.probes)."""
    if not run.folder.step_done("probes"):
        run.live.stage("probes", 2 * run.config.evaluation_episodes)
        run.folder.finish("probes", measure_beside(agent, run.config, run.live.advance))
    return {"prompt": TASKS[run.config.task], **run.folder.payload("probes")}


def _kept_before(run: Run, iteration: int) -> list[EpisodeRecord]:
    return [one for k in range(1, iteration) for one in kept_of(run.config, run.folder, run.store, k)]


def _read(run: Run, records: Sequence[EpisodeRecord]) -> list[Episode]:
    return [run.store.read(record.id) for record in records]
