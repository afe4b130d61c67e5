"""Success rates of planners, policies and random motion on the evaluation seeds."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from sail.config.schema import RunConfig
from sail.config.suites import suite_of_run
from sail.loop.actors import PlanningAgent, RandomActor, actor_of
from sail.loop.exploration import NO_EXPLORATION, Explorer
from sail.loop.results import rate_as_json
from sail.loop.rollout import Actor, Outcome, open_environments, run_episodes
from sail.loop.seeds import evaluation_seeds
from sail_envs.vector import VectorEnv
from sail_models.interfaces import Deciding


def evaluate(
    agent: PlanningAgent | Deciding,
    config: RunConfig,
    salt: int = 0,
    finished: Callable[[int], None] = lambda count: None,
    environments: VectorEnv | None = None,
) -> list[Outcome]:
    """Run planner or policy without exploration on the configuration's task and evaluation seeds.

    salt: planning noise differs between salts on the same episodes (the loop takes its iteration).
    environments: of this configuration, where some are open.
    """
    actor = actor_of(agent, config, Explorer(NO_EXPLORATION, suite_of_run(config), salt))
    return evaluate_actor(actor, config, finished, environments)


def evaluate_random(
    config: RunConfig,
    salt: int = 0,
    finished: Callable[[int], None] = lambda count: None,
    environments: VectorEnv | None = None,
) -> list[Outcome]:
    """The control: random motion on the same episodes."""
    return evaluate_actor(RandomActor(suite_of_run(config), salt), config, finished, environments)


def evaluate_actor(
    actor: Actor,
    config: RunConfig,
    finished: Callable[[int], None] = lambda count: None,
    environments: VectorEnv | None = None,
) -> list[Outcome]:
    """Whoever acts, on the configuration's task and evaluation seeds."""
    seeds = evaluation_seeds(config.task, config.seed, config.evaluation_episodes)
    opened = open_environments(config, len(seeds)) if environments is None else nullcontext(environments)
    with opened as environments:
        return run_episodes(environments, seeds, actor, finished=finished)


def successes(outcomes: Sequence[Outcome]) -> int:
    """How many of the episodes succeeded."""
    return sum(outcome.success for outcome in outcomes)


def rate(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Successes, episodes, success rate and its 95 % interval, as results.json writes them."""
    return rate_as_json(successes(outcomes), len(outcomes))
