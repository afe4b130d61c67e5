"""Step 5 of the loop: fine-tune on demonstrations and everything kept so far, and save the checkpoint."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice

from torch import nn

from sail.config.schema import RunConfig, TrainingConfig
from sail.data.demonstrations import DEMONSTRATED
from sail.filters.selection import read_kept
from sail.loop.agent import Agent, PolicyAgent
from sail.loop.results import IterationResult
from sail.loop.session import Run
from sail.training.fine_tuning import finetune_inverse_dynamics, finetune_planner, finetune_policy
from sail.training.imagined_goals import imagine
from sail.types import Episode
from sail_models.networks.inverse_dynamics import InverseDynamics
from sail_models.saving import save_model

# Training draws from seeds this far apart in runs with different seeds.
TRAININGS_PER_RUN = 10_000
LOSS_EVERY = 10
# An agent that succeeds in no more of its evaluation episodes has little to lose by what it is taught.
LITTLE = 0.1


def scaled(training: TrainingConfig, tasks: int) -> TrainingConfig:
    """What so many runs do together: as many steps, and windows drawn, as they would alone."""
    return replace(
        training,
        steps=training.steps * tasks,
        inverse_dynamics_steps=training.inverse_dynamics_steps * tasks,
        imagined_windows=training.imagined_windows * tasks,
    )


def balanced(kept: Sequence[Sequence[Episode]]) -> list[Episode]:
    """The episodes of several runs, some of them more than once, so that each run has as many as any other:
    what hardly succeeds yet would hardly be taught."""
    most = max(map(len, kept))
    return [episode for some in kept for episode in islice(cycle(some), most)]


def enough(config: RunConfig, kept: int, last: IterationResult) -> bool:
    """Whether so many kept episodes teach. From a few a planner forgets more than it learns, unless it has
    little to lose, which only the oracle knows."""
    little_to_lose = config.filter == "oracle" and last.successes <= LITTLE * last.episodes
    return kept >= config.training.least_kept or (little_to_lose and kept > 0)


def learn(
    runs: Sequence[Run], agent: Agent | PolicyAgent, iteration: int, last: Sequence[IterationResult]
) -> float:
    """Fine-tune on demonstrations and everything kept so far, by the runs that kept enough of it; save the
    checkpoint, each run's the same; returns the seconds, by run. last: each run's evaluation before."""
    step = f"train_{iteration:03d}"
    if not all(run.folder.step_done(step) for run in runs):
        started = time.monotonic()
        kept = [run.kept_before(iteration + 1) for run in runs]
        teaching = [
            read_kept(run.folder, run.store, records[-run.config.training.keep_newest :])
            for run, records, row in zip(runs, kept, last, strict=True)
            if enough(run.config, len(records), row)
        ]
        if teaching:
            learnt = _learnt(runs, teaching, agent, iteration)
        else:
            config, few = runs[0].config, f"iteration {iteration}: too few kept to learn from"
            runs[0].progress.stage(few, config.training.least_kept, max(map(len, kept)))
            learnt = _learners(config, agent)
        for run in runs:
            for name, network in learnt.items():
                save_model(run.folder.checkpoint(iteration) / name, network, half=True)
        for run in runs:
            run.folder.finish(step, (time.monotonic() - started) / len(runs))
    return float(runs[0].folder.payload(step))


def _learners(config: RunConfig, agent: Agent | PolicyAgent) -> dict[str, nn.Module]:
    """The networks that fine-tuning changes, by the names of their folders in a checkpoint."""
    if isinstance(agent, PolicyAgent):
        return {"policy": agent.policy}
    learners: dict[str, nn.Module] = {"planner": agent.planner}
    if config.training.inverse_dynamics:
        learners["inverse_dynamics"] = agent.inverse_dynamics
    return learners


def _learnt(
    runs: Sequence[Run], teaching: Sequence[Sequence[Episode]], agent: Agent | PolicyAgent, iteration: int
) -> dict[str, nn.Module]:
    """What the networks of `_learners` become, in as many steps as the runs that teach would take alone.
    teaching: what each of these kept."""
    config, progress = runs[0].config, runs[0].progress
    training = scaled(config.training, len(teaching))
    seed = TRAININGS_PER_RUN * config.seed + iteration
    demonstrations = _demonstrations(runs)

    def report(step: int, loss: float) -> None:
        progress.advance()
        if step % LOSS_EVERY == 0:
            for run in runs:
                run.folder.record("train", iteration, step, {"loss": loss})

    progress.stage(f"iteration {iteration}: train", training.steps)
    kept = balanced(teaching)
    if isinstance(agent, PolicyAgent):
        return {"policy": finetune_policy(agent, demonstrations, kept, training, seed, report)}
    planner = finetune_planner(agent, demonstrations, kept, training, seed, report)
    learnt: dict[str, nn.Module] = {"planner": planner}
    if training.inverse_dynamics:
        progress.stage(f"iteration {iteration}: inverse dynamics", training.inverse_dynamics_steps)
        new = replace(agent, planner=planner)
        learnt["inverse_dynamics"] = _learn_dynamics(runs, new, demonstrations, kept, training, seed)
    return learnt


def _learn_dynamics(
    runs: Sequence[Run],
    agent: Agent,
    demonstrations: Sequence[Episode],
    kept: Sequence[Episode],
    training: TrainingConfig,
    seed: int,
) -> InverseDynamics:
    """Inverse dynamics, taught by demonstrations, and by what was kept and how the agent's new planner draws
    it; where nothing is drawn, by everything collected."""
    chunk = agent.inverse_dynamics.config.chunk
    whole = [episode for episode in kept if len(episode) >= chunk]
    imagined, collected = None, whole
    if training.imagined_windows and whole:
        imagined = imagine(agent, whole, training.imagined_windows, runs[0].config.planner.guidance, seed)
    else:
        collected = [episode for run in runs for episode in run.read(run.store.records(source="self"))]
    return finetune_inverse_dynamics(
        agent, demonstrations, collected, imagined, training, seed, lambda *_: runs[0].progress.advance()
    )


def _demonstrations(runs: Sequence[Run]) -> list[Episode]:
    """What all runs rehearse; runs of one family have the same episodes, each in its own store."""
    found: dict[tuple[str, int], Episode] = {}
    for run in runs:
        for record in run.store.records(source=DEMONSTRATED[run.config.demonstrator]):
            if (record.task, record.seed) not in found:
                found[record.task, record.seed] = run.store.read(record.id)
    return list(found.values())
