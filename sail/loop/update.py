"""Step 5 of Algorithm 1: fine-tune on demonstrations and all kept episodes, and save the checkpoint."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice

from torch import nn

from sail.config.schema import TrainingConfig
from sail.data.demonstrations import demonstrations_in
from sail.filters.selection import read_kept
from sail.loop.learners import Learner, Lesson
from sail.loop.results import IterationResult
from sail.loop.session import Session
from sail.types import Episode
from sail_models.saving import save_model

# Runs with different seeds train from seeds this far apart.
TRAININGS_PER_RUN = 10_000
LOSS_EVERY = 10
# An agent with at most this success rate has little to lose by what it is taught.
LITTLE = 0.1


def scaled(training: TrainingConfig, tasks: int) -> TrainingConfig:
    """The training of several runs together: as many steps and imagined windows as they would have alone."""
    return replace(
        training,
        steps=training.steps * tasks,
        inverse_dynamics_steps=training.inverse_dynamics_steps * tasks,
        imagined_windows=training.imagined_windows * tasks,
    )


def balanced(kept: Sequence[Sequence[Episode]]) -> list[Episode]:
    """The kept episodes of several runs, repeated so that every run has as many: otherwise the tasks that
    hardly succeed yet would hardly be taught."""
    most = max(map(len, kept))
    return [episode for some in kept for episode in islice(cycle(some), most)]


def enough(training: TrainingConfig, knows_truth: bool, kept: int, last: IterationResult) -> bool:
    """Whether so many kept episodes teach. From a few a planner forgets more than it learns, unless it has
    little to lose, which only a filter that knows the truth can tell."""
    little_to_lose = knows_truth and last.successes <= LITTLE * last.episodes
    return kept >= training.least_kept or (little_to_lose and kept > 0)


def learn(
    sessions: Sequence[Session], learner: Learner, iteration: int, last: Sequence[IterationResult]
) -> float:
    """Fine-tune on demonstrations and the kept episodes of the runs that kept enough, and save the same
    checkpoint into every run. Returns the seconds that one run's share took. last: each run's evaluation
    before."""
    step = f"train_{iteration:03d}"
    if not all(session.folder.step_done(step) for session in sessions):
        started, training = time.monotonic(), sessions[0].config.training
        kept = [session.kept_before(iteration + 1) for session in sessions]
        teaching = [
            read_kept(session.folder, session.store, records[-session.config.training.keep_newest :])
            for session, records, row in zip(sessions, kept, last, strict=True)
            if enough(session.config.training, session.filter.knows_truth, len(records), row)
        ]
        if teaching:
            learnt = _learnt(sessions, teaching, learner, iteration)
        else:
            few = f"iteration {iteration}: too few kept to learn from"
            sessions[0].progress.stage(few, training.least_kept, max(map(len, kept)))
            learnt = learner.networks(training)
        for session in sessions:
            for name, network in learnt.items():
                save_model(session.folder.checkpoint(iteration) / name, network, half=True)
            session.folder.finish_checkpoint(iteration)
        for session in sessions:
            session.folder.finish(step, (time.monotonic() - started) / len(sessions))
    return float(sessions[0].folder.payload(step))


def _learnt(
    sessions: Sequence[Session], teaching: Sequence[Sequence[Episode]], learner: Learner, iteration: int
) -> dict[str, nn.Module]:
    """The learner's networks after as many steps as the runs that teach would take alone. teaching: the kept
    episodes of each of these runs."""
    config, progress = sessions[0].config, sessions[0].progress
    training = scaled(config.training, len(teaching))

    def report(step: int, loss: float) -> None:
        progress.advance()
        if step % LOSS_EVERY == 0:
            for session in sessions:
                session.folder.record("train", iteration, step, {"loss": loss})

    seed = TRAININGS_PER_RUN * config.seed + iteration
    demonstrations = _demonstrations(sessions)
    progress.stage(f"iteration {iteration}: train", training.steps)
    lesson = Lesson(sessions, iteration, demonstrations, balanced(teaching), training, seed, report)
    return learner.taught(lesson)


def _demonstrations(sessions: Sequence[Session]) -> list[Episode]:
    """The demonstrations of all runs, each once: runs of one family have the same ones, each in its store."""
    found: dict[tuple[str, int], Episode] = {}
    for session in sessions:
        for record in demonstrations_in(session.store):
            if (record.task, record.seed) not in found:
                found[record.task, record.seed] = session.store.read(record.id)
    return list(found.values())
