"""What one iteration learns from the same episodes, one change at a time.

    python benchmarks/learning.py runs/RUN [--iteration 1] [--trainings 1] [--episodes 50]

The episodes: what the run kept up to that iteration, and the successes of 20 more that repeat them. From the
base weights, fine-tuned as the run's settings say, but for: re-timing (none, 6 mm, 12 mm of travel), inverse
dynamics (as it ships, or fitted to every collected frame), and how plans are followed (servo, pair).
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common import write_result

from sail.config.schema import ExplorationConfig, RunConfig, TrainingConfig
from sail.data.retime import retime_by_travel
from sail.data.store import EpisodeStore
from sail.filters.selection import kept_of
from sail.loop.actors import actor_of
from sail.loop.agent import Agent, load_agent
from sail.loop.evaluation import evaluate, rate
from sail.loop.exploration import Explorer
from sail.loop.rollout import open_environments, run_episodes
from sail.loop.run_folder import open_run
from sail.training.fine_tuning import finetune_inverse_dynamics, finetune_planner
from sail.types import Episode

REPEATED, FIRST_SEED = 20, 2**29
RETIMED: dict[str, float | None] = {"none": None, "6 mm": 0.006, "12 mm": 0.012}


def repeated(agent: Agent, config: RunConfig, kept: list[Episode]) -> list[Episode]:
    """Episodes that repeat what was kept."""
    repeating = ExplorationConfig(random_fraction=1.0, repeat_fraction=1.0)
    explorer = Explorer(repeating, config.task, 0, kept)
    seeds = range(FIRST_SEED, FIRST_SEED + REPEATED)
    actor = actor_of(agent, config, explorer)
    with open_environments(config, len(seeds)) as environments:
        outcomes = run_episodes(environments, seeds, actor, record=True)
    return [outcome.episode for outcome in outcomes if outcome.episode is not None]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--iteration", type=int, default=1)
    parser.add_argument("--trainings", type=int, default=1)
    parser.add_argument("--episodes", type=int, default=50, help="of an evaluation")
    arguments = parser.parse_args()
    folder = open_run(arguments.run)
    config = replace(folder.config, evaluation_episodes=arguments.episodes)
    store, base = EpisodeStore(folder.episodes), load_agent(config)
    records = [one for k in range(1, arguments.iteration + 1) for one in kept_of(config, folder, store, k)]
    kept = [store.read(record.id) for record in records]
    collected = [
        store.read(record.id)
        for record in store.records(source="self")
        if record.iteration <= arguments.iteration
    ]
    demonstrations = [store.read(record.id) for record in store.records(source="expert")]
    again = repeated(base, config, kept)
    successes = kept + [episode for episode in again if episode.success]
    print(f"{len(kept)} kept; repeated: {len(successes) - len(kept)} of {REPEATED} succeed", flush=True)
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.trainings):
        for retimed, travel in RETIMED.items():
            training = replace(config.training, retime="none" if travel is None else "travel")
            with patch(
                "sail.training.fine_tuning.retime_by_travel",
                lambda states, travel=travel: retime_by_travel(states, travel),
            ):
                planner = finetune_planner(base, demonstrations, successes, training, seed, _silent)
            dynamics = {"as it ships": base.inverse_dynamics}
            if retimed == "6 mm":
                dynamics["fitted on"] = _fitted(base, demonstrations, collected + again, training, seed)
            for fitted, inverse_dynamics in dynamics.items():
                agent = replace(base, planner=planner, inverse_dynamics=inverse_dynamics)
                for following in ("servo", "pair"):
                    how = replace(config, planner=replace(config.planner, following=following))
                    row = {"retimed": retimed, "inverse_dynamics": fitted, "following": following}
                    rows.append({"training": seed, **row, **rate(evaluate(agent, how))})
                    print(rows[-1], flush=True)
    counts = {"kept": len(kept), "repeated": REPEATED, "repeated_successes": len(successes) - len(kept)}
    write_result(f"learning_{config.task}", {"task": config.task, **counts, "rows": rows})


def _fitted(
    base: Agent, demonstrations: list[Episode], collected: list[Episode], training: TrainingConfig, seed: int
) -> Any:
    return finetune_inverse_dynamics(base, demonstrations, collected, None, training, seed, _silent)


def _silent(step: int, loss: float) -> None:
    """Nothing is told of single steps."""


if __name__ == "__main__":
    main()
