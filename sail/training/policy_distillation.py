"""A small policy that does at once what its teacher, a planner or a policy, does: cloned from its successes.

As in section 5 of the paper (arXiv 2506.06658), which distils the last planner into a diffusion policy.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sail.config.schema import RunConfig
from sail.data.store import EpisodeStore
from sail.loop.actors import actor_of
from sail.loop.agent import Agent, PolicyAgent
from sail.loop.evaluation import evaluate, rate
from sail.loop.rollout import open_environments, run_episodes
from sail.loop.seeds import DISTILLATION, collection_seeds
from sail.system.files import write_atomically
from sail.training.policy_fit import PolicySchedule, train_policy
from sail.training.resume import TrainError, begin
from sail.types import FRAME_SKIP, Episode, Progress
from sail_models.device import best_device
from sail_models.networks.policy import CONFIGURATIONS
from sail_models.saving import CONFIG, load_model, model_identity, save_model
from sail_models.spaces.text_encoder import TextEncoder

SETTINGS, RESULTS = "distillation.json", "results.json"
# Chunks that are timed, after those that warm up.
TIMED, WARM = 20, 4


@dataclass(frozen=True)
class PolicyStudentConfig:
    """rollouts: of the teacher, the successes of which are cloned. steps, batch: of the optimiser."""

    rollouts: int = 100
    steps: int = 3000
    batch: int = 64


def distil_policy(
    teacher: Agent | PolicyAgent, run: RunConfig, config: PolicyStudentConfig, out: Path, progress: Progress
) -> dict[str, Any]:
    """Fill `out` with policy/ and results.json, or go on with it; returns the latter's content: success of
    teacher and student on the same episodes, and the milliseconds that each takes for one action.

    Raises TrainError where the teacher never succeeds.
    """
    settings = {"teacher": teacher.identity, "task": run.task, "seed": run.seed, **asdict(config)}
    begin(settings, out / SETTINGS)
    shown = [episode for episode in _rollouts(teacher, run, config, out, progress) if episode.success]
    if not shown:
        raise TrainError(
            f"the teacher succeeded in none of {config.rollouts} rollouts: there is nothing to clone"
        )
    if not (out / "policy" / CONFIG).is_file():
        schedule = PolicySchedule(config.steps, config.batch, seed=run.seed)
        policy = train_policy(shown, CONFIGURATIONS["compact"], schedule, out / "policy_training", progress)
        save_model(out / "policy", policy, half=True)
    model = load_model(out / "policy", "policy").to(best_device())
    student = PolicyAgent(model, TextEncoder(), model_identity(model))
    results: dict[str, Any] = {**settings, "cloned": len(shown)}
    acting: dict[str, Agent | PolicyAgent] = {"teacher": teacher, "student": student}
    for name, agent in acting.items():
        progress.stage(f"evaluate the {name}", run.evaluation_episodes)
        measured = rate(evaluate(agent, run, finished=progress.advance))
        results[name] = {**measured, "milliseconds_per_action": _milliseconds(agent, run, shown)}
    write_atomically(out / RESULTS, (json.dumps(results, indent=2) + "\n").encode())
    return results


def _rollouts(
    teacher: Agent | PolicyAgent, run: RunConfig, config: PolicyStudentConfig, out: Path, progress: Progress
) -> list[Episode]:
    """The teacher at work, without exploration; what is in the store is not done again."""
    store = EpisodeStore(out / "episodes")
    there = {record.seed for record in store.records()}
    seeds = collection_seeds(run.task, run.seed, DISTILLATION, config.rollouts)
    missing = [seed for seed in seeds if seed not in there]
    if missing:
        progress.stage("teacher", len(missing))
        with open_environments(run, len(missing)) as environments:
            outcomes = run_episodes(
                environments, missing, actor_of(teacher, run), record=True, finished=progress.advance
            )
        for outcome in outcomes:
            assert outcome.episode is not None
            store.add(outcome.episode)
    return [store.read(record.id) for record in store.records()]


def _milliseconds(agent: Agent | PolicyAgent, run: RunConfig, shown: Sequence[Episode]) -> float:
    """The mean for one action of one arm, plans included, over whole plans."""
    actor = actor_of(agent, run)
    actor.start(0, 0)
    episode, chunks = shown[0], run.planner.replan_every * TIMED
    taken = []
    for chunk in range(run.planner.replan_every * WARM + chunks):
        step = min(chunk * FRAME_SKIP, len(episode))
        seen = {"frame": episode.frames[step], "proprioception": episode.proprioception[step]}
        began = time.perf_counter()
        actor.act({0: seen})
        taken.append(time.perf_counter() - began)
    return 1000.0 * float(np.mean(taken[-chunks:])) / FRAME_SKIP
