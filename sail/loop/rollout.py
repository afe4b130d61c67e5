"""Run many episodes of one task at once: a queue of seeds over lock-step environments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sail.config.schema import RunConfig
from sail.config.suites import prompt_of_run, suite_of_run
from sail.types import Episode, Float32, UInt8
from sail_envs.vector import VectorEnv


class Actor(Protocol):
    """Whatever decides on actions: a planner, a perfect plan, chance."""

    def start(self, slot: int, seed: int) -> None:
        """An episode with this seed begins in environment `slot`."""
        ...

    def act(self, observations: dict[int, dict[str, Any]]) -> dict[int, Float32]:
        """One action chunk float32 (K, A) for each slot's observation."""
        ...

    def goal(self, slot: int) -> UInt8 | None:
        """The frame that the slot's latest chunk is meant to reach, if there is one."""
        ...


def open_environments(config: RunConfig, episodes: int) -> VectorEnv:
    """Environments of a configuration's task for `run_episodes`: as many as it says, but no more than one for
    each of the episodes."""
    return VectorEnv(
        config.task,
        min(config.envs, episodes),
        config.workers,
        suite=config.suite,
        prompt=prompt_of_run(config),
        frame_skip=suite_of_run(config).embodiment.frame_skip,
        chunk=True,
        horizon=config.horizon,
    )


@dataclass(frozen=True)
class Outcome:
    """One finished episode.

    executed: uint8 (N+1, H, W, 3), the frame before and after each chunk. imagined: uint8 (N, H, W, 3), the
    planned frame each chunk was meant to reach (N = 0 without a plan). episode: every control step, where
    asked for. steps: control steps. ending: the environment's outcome ("success", "wrong_object", …).
    """

    seed: int
    success: bool
    ending: str
    steps: int
    executed: UInt8
    imagined: UInt8
    episode: Episode | None


@dataclass
class _Running:
    seed: int
    executed: list[UInt8]
    proprioception: list[Float32]
    imagined: list[UInt8] = field(default_factory=list)
    frames: list[UInt8] = field(default_factory=list)
    actions: list[Float32] = field(default_factory=list)


def run_episodes(
    environments: VectorEnv,
    seeds: Sequence[int],
    actor: Actor,
    record: bool = False,
    hold: int | None = 0,
    finished: Callable[[int], None] = lambda count: None,
) -> list[Outcome]:
    """Run one episode a seed and return their outcomes in the seeds' order.

    record: keep every control step as an Episode (iteration 0, source "self": the caller knows better).
    hold: control steps for which an episode goes on after a success; None: to the horizon, whatever happens.
    finished(n) is called when n more episodes have ended.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = list(enumerate(seeds))[::-1]
    running: dict[int, tuple[int, _Running]] = {}
    observations: dict[int, dict[str, Any]] = {}
    while waiting or running:
        free = [slot for slot in range(environments.num_envs) if slot not in running][: len(waiting)]
        starting = {slot: waiting.pop() for slot in free}
        if starting:
            fresh = environments.reset(
                {slot: seed for slot, (_, seed) in starting.items()}, record=record, hold=hold
            )
            for slot, (order, seed) in starting.items():
                first = fresh[slot]
                running[slot] = (order, _Running(seed, [first["frame"]], [first["proprioception"]]))
                actor.start(slot, seed)
            observations |= fresh
        chunks = actor.act({slot: observations[slot] for slot in sorted(running)})
        ended = 0
        for slot, (observation, _, terminated, truncated, info) in environments.step(chunks).items():
            order, episode = running[slot]
            observations[slot] = observation
            episode.executed.append(observation["frame"])
            goal = actor.goal(slot)
            if goal is not None:
                episode.imagined.append(goal)
            if record:
                episode.frames.extend(info["frames"])
                episode.proprioception.extend(info["proprioceptions"])
                episode.actions.extend(info["actions"])
            if terminated or truncated:
                outcomes[order] = _outcome(environments, episode, info, record)
                del running[slot]
                ended += 1
        if ended:
            finished(ended)
    return [outcomes[order] for order in range(len(seeds))]


def _outcome(environments: VectorEnv, running: _Running, info: dict[str, Any], record: bool) -> Outcome:
    episode = None
    if record:
        episode = Episode(
            frames=np.stack([running.executed[0], *running.frames]),
            proprioception=np.stack(running.proprioception),
            actions=np.stack(running.actions),
            success=bool(info["success"]),
            prompt=environments.prompt,
            task=environments.task,
            seed=running.seed,
            iteration=0,
            source="self",
        )
    empty = np.zeros((0, *running.executed[0].shape), np.uint8)
    return Outcome(
        seed=running.seed,
        success=bool(info["success"]),
        ending=str(info["outcome"]),
        steps=int(info["steps"]),
        executed=np.stack(running.executed),
        imagined=np.stack(running.imagined) if running.imagined else empty,
        episode=episode,
    )
