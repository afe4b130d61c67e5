"""Policy distillation: a small policy is cloned from the successful rollouts of a planner or a policy.

Section 5 of the paper (arXiv 2506.06658) distils the last planner into a diffusion policy in this way.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sail.config.resolution import flatten
from sail.config.schema import RunConfig
from sail.config.suites import suite_of_run
from sail.data.store import EpisodeStore
from sail.loop.actors import actor_of
from sail.loop.agent import Agent, PolicyAgent
from sail.loop.evaluation import evaluate, rate
from sail.loop.rollout import open_environments, run_episodes
from sail.loop.seeds import DISTILLATION, collection_seeds
from sail.system.files import write_atomically
from sail.training.checkpointed_fit import TrainError, begin
from sail.training.policy_fit import PolicySchedule, train_policy
from sail.types import Episode, Progress
from sail_models.device import best_device
from sail_models.networks.policy import policy_config
from sail_models.saving import CONFIG, load_model, model_identity, save_model
from sail_models.spaces.text_encoder import TextEncoder

SETTINGS, RESULTS = "distillation.json", "results.json"
# Chunks that are timed, and chunks before them that warm up.
TIMED, WARM = 20, 4


@dataclass(frozen=True)
class PolicyStudentConfig:
    """rollouts: of the teacher, whose successes are cloned. steps, batch: of the optimiser."""

    rollouts: int = 100
    steps: int = 3000
    batch: int = 64


def distil_policy(
    teacher: Agent | PolicyAgent, run: RunConfig, config: PolicyStudentConfig, out: Path, progress: Progress
) -> dict[str, Any]:
    """Train a student policy into `out`/policy and write results.json there, or continue a training in `out`.

    Returns the content of results.json: success rates of teacher and student on the same episodes, and the
    milliseconds that each takes for one action. Raises TrainError where the teacher never succeeds.
    """
    settings = {"teacher": teacher.identity, "task": run.task, "seed": run.seed, **asdict(config)}
    decides = {
        key: value
        for key, value in flatten(run).items()
        if key == "horizon" or key.split(".")[0] in ("planner", "prior", "suite", "prompt")
    }
    begin(settings | decides | {"parts": teacher.parts}, out / SETTINGS)
    successes = [episode for episode in _rollouts(teacher, run, config, out, progress) if episode.success]
    if not successes:
        raise TrainError(
            f"the teacher succeeded in none of {config.rollouts} rollouts: there is nothing to clone"
        )
    if not (out / "policy" / CONFIG).is_file():
        schedule = PolicySchedule(config.steps, config.batch, seed=run.seed)
        shape = policy_config("compact", teacher.embodiment)
        policy = train_policy(successes, shape, schedule, out / "policy_training", progress)
        save_model(out / "policy", policy, half=True)
    model = load_model(out / "policy", "policy").to(best_device())
    student = PolicyAgent(model, TextEncoder(), model_identity(model), teacher.embodiment)
    results: dict[str, Any] = {**settings, "cloned": len(successes)}
    acting: dict[str, Agent | PolicyAgent] = {"teacher": teacher, "student": student}
    for name, agent in acting.items():
        progress.stage(f"evaluate the {name}", run.evaluation_episodes)
        measured = rate(evaluate(agent, run, finished=progress.advance))
        results[name] = {**measured, "milliseconds_per_action": _milliseconds(agent, run, successes)}
    write_atomically(out / RESULTS, (json.dumps(results, indent=2) + "\n").encode())
    return results


def _rollouts(
    teacher: Agent | PolicyAgent, run: RunConfig, config: PolicyStudentConfig, out: Path, progress: Progress
) -> list[Episode]:
    """The teacher's rollouts, without exploration. Rollouts in the store are read, the missing ones run."""
    store = EpisodeStore(out / "episodes")
    store.settle(teacher.embodiment, "the teacher")
    stored = {record.seed for record in store.records()}
    seeds = collection_seeds(run.task, run.seed, DISTILLATION, config.rollouts)
    missing = [seed for seed in seeds if seed not in stored]
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


def _milliseconds(agent: Agent | PolicyAgent, run: RunConfig, successes: Sequence[Episode]) -> float:
    """Mean milliseconds for one action of one arm, planning included, over whole plans."""
    actor = actor_of(agent, run)
    actor.start(0, 0)
    episode, chunks = successes[0], run.planner.replan_every * TIMED
    durations, skip = [], suite_of_run(run).embodiment.frame_skip
    for chunk in range(run.planner.replan_every * WARM + chunks):
        step = min(chunk * skip, len(episode))
        observation = {"frame": episode.frames[step], "proprioception": episode.proprioception[step]}
        began = time.perf_counter()
        actor.act({0: observation})
        durations.append(time.perf_counter() - began)
    return 1000.0 * float(np.mean(durations[-chunks:])) / skip
