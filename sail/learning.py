"""Step 5 of the loop: fine-tune on demonstrations and everything kept so far, and save the checkpoint."""

import time
from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from sail.agent import Agent, PolicyAgent
from sail.collect import DEMONSTRATED
from sail.config import RunConfig
from sail.data.store import EpisodeRecord
from sail.filters import read_kept
from sail.run import Run
from sail.runfolder import IterationResult
from sail.train.finetune import finetune_inverse_dynamics, finetune_planner, finetune_policy
from sail.train.imagined import imagine
from sail.types import Episode
from sail_models.inverse_dynamics import InverseDynamics
from sail_models.saving import save_model

# Training draws from seeds this far apart in runs with different seeds.
TRAININGS_PER_RUN = 10_000
LOSS_EVERY = 10


def enough(config: RunConfig, kept: int, last: IterationResult) -> bool:
    """Whether so many kept episodes teach. From a few a planner forgets more than it learns, unless it has
    nothing to lose, which only the oracle knows."""
    nothing_to_lose = config.filter == "oracle" and last.successes == 0
    return kept >= config.training.least_kept or (nothing_to_lose and kept > 0)


def learn(run: Run, agent: Agent | PolicyAgent, iteration: int, last: IterationResult) -> float:
    """Fine-tune on demonstrations and everything kept so far, where that is enough; save the checkpoint;
    returns the seconds. last: the evaluation before."""
    step = f"train_{iteration:03d}"
    if not run.folder.step_done(step):
        started = time.monotonic()
        kept = run.kept_before(iteration + 1)
        if enough(run.config, len(kept), last):
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
    demonstrations = run.read(run.store.records(source=DEMONSTRATED[run.config.demonstrator]))
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
        episodes = [*demonstrations, *run.read(run.store.records(source="self"))]
    return finetune_inverse_dynamics(agent, episodes, imagined, config, seed, lambda *_: run.live.advance())
