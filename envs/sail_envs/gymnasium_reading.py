"""What SAIL reads in a Gymnasium environment, and how it acts there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sail.errors import not_found, show
from sail.types import Float32
from sail_envs.suite import SuiteError

Environment = gymnasium.Env[Any, Any]
# A number's name and its range.
Number = tuple[str, float, float]

# What an action means: for each number the environment's value at -1 and at 1; or what makes the
# environment's action of float32 (A,) in -1..1. None: -1 and 1 are the bounds of the action space.
Actions = Sequence[tuple[float, float]] | Callable[[Float32], Any] | None
# Which numbers of an observation are proprioception: indices; an entry of a dict, or several with the indices
# of each (None: all of it); or what reads them from environment and observation.
Proprioception = Sequence[int] | str | Mapping[str, Sequence[int] | None] | Callable[[Environment, Any], Any]
# Where success is told: a key of info, with dots where dicts lie in it; "terminated"; or a test of
# environment, observation, reward, terminated and info.
Success = str | Callable[[Environment, Any, float, bool, dict[str, Any]], bool]
TERMINATED = "terminated"
# Bounds beyond this say that there is none.
_UNBOUNDED = 1e6


@dataclass(frozen=True)
class Reading:
    """How to act in an environment and what to read.

    action: from float32 (A,) in -1..1 to the environment's action. proprioception: from environment and
    observation to P numbers. success: from environment, observation, reward, terminated and info to whether
    the task is done. things: from environment and observation to (N, 3), metres.
    """

    action: Callable[[Float32], Any]
    proprioception: Callable[[Environment, Any], Any]
    success: Callable[[Environment, Any, float, bool, dict[str, Any]], bool]
    things: Callable[[Environment, Any], Any] | None = None


def action_of(actions: Actions, space: spaces.Space[Any]) -> tuple[Callable[[Float32], Any], list[Number]]:
    """What makes the environment's actions, and the environment's range of each number; no numbers where it
    is the user's own. Raises SuiteError."""
    if callable(actions):
        return actions, []
    if not isinstance(space, spaces.Box):
        raise SuiteError(f"the actions are {space}, not a Box: an arm is moved by continuous numbers")
    ends = np.array([_bounds(space, index) for index in range(space.low.size)])
    if actions is not None:
        try:
            given = np.array(actions, np.float64)
        except (TypeError, ValueError) as error:
            raise SuiteError(f"actions must be pairs of numbers, not {show(actions)}") from error
        if given.shape != ends.shape:
            raise SuiteError(
                f"actions has shape {given.shape}, the environment's action {len(ends)} numbers: give each "
                "number's value at -1 and at 1"
            )
        ends = given
    elif np.abs(ends).max() > _UNBOUNDED:
        raise SuiteError(
            f"the actions {space} have no bounds: give each number's value at -1 and at 1, actions="
        )
    still = np.flatnonzero(ends[:, 0] == ends[:, 1])
    if len(still):
        raise SuiteError(
            f"number {still[0]} of an action goes from {ends[still[0], 0]:g} to itself: an arm is moved by "
            "numbers that vary"
        )
    low, high, shape, dtype = ends[:, 0], ends[:, 1], space.shape, space.dtype

    def action(numbers: Float32) -> NDArray[Any]:
        share = (np.asarray(numbers, np.float64) + 1.0) / 2.0
        made: NDArray[Any] = (low + share * (high - low)).reshape(shape).astype(dtype)
        return made

    # Where -1 is the larger value, the range cannot say so: it is that of a number without unit.
    ranges = [(float(one), float(other)) if one < other else (-1.0, 1.0) for one, other in ends]
    return action, [(f"action{index}", *one) for index, one in enumerate(ranges)]


def proprioception_of(
    wanted: Proprioception, environment: Environment
) -> tuple[Callable[[Environment, Any], Any], list[Number]]:
    """What reads proprioception, and the observation space's range of each number, -1 to 1 where it has none.
    Raises SuiteError."""
    if callable(wanted):
        observation, _ = environment.reset(seed=0)
        count = np.asarray(wanted(environment, observation)).size
        return wanted, [(f"proprioception{index}", -1.0, 1.0) for index in range(count)]
    entries = _entries(wanted, environment.observation_space)
    numbers = [
        _number(name or "observation", index, space) for name, space, indices in entries for index in indices
    ]
    places = [(name, list(indices)) for name, _, indices in entries]

    def read(environment: Environment, observation: Any) -> NDArray[Any]:
        of = [numbers_of(observation[name] if name else observation)[indices] for name, indices in places]
        return np.concatenate([np.zeros(0), *of])

    return read, numbers


def success_of(success: Success) -> Callable[[Environment, Any, float, bool, dict[str, Any]], bool]:
    """The test of success."""
    if callable(success):
        return success
    if not isinstance(success, str):
        raise SuiteError(f"success is {show(success)}: name a key of info, '{TERMINATED}', or a function")
    key = success

    def told(
        environment: Environment, observation: Any, reward: float, terminated: bool, info: dict[str, Any]
    ) -> bool:
        if key == TERMINATED:
            return terminated
        value: Any = info
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                known = [str(name) for name in info]
                raise SuiteError(
                    f"{not_found('key of info', key, known)}: success= names the key that tells success, "
                    f"'{TERMINATED}', or a function"
                )
            value = value[part]
        return bool(value)

    return told


def numbers_of(observation: Any) -> NDArray[Any]:
    """An observation's numbers: float64. A dict's entries follow one another in its own order."""
    if isinstance(observation, Mapping):
        return np.concatenate([np.zeros(0), *(numbers_of(entry) for entry in observation.values())])
    return np.asarray(observation, np.float64).ravel()


def _entries(
    wanted: Sequence[int] | str | Mapping[str, Sequence[int] | None], space: spaces.Space[Any]
) -> list[tuple[str, spaces.Box, Sequence[int]]]:
    """Entry ("" where the observation is no dict), its space, and the indices of its numbers."""
    if isinstance(space, spaces.Dict):
        if not isinstance(wanted, str | Mapping):
            if not len(wanted):
                return []
            raise SuiteError(
                f"the observation is a dict of {', '.join(space)}: proprioception names entries, "
                "as {NAME: [0, 1, 2]}"
            )
        named = {wanted: None} if isinstance(wanted, str) else wanted
        for name in named:
            if name not in space.spaces:
                raise SuiteError(not_found("entry of the observation", name, list(space.spaces)))
        return [_entry(name, space[name], indices) for name, indices in named.items()]
    if isinstance(wanted, str | Mapping):
        raise SuiteError(
            f"the observation is {type(space).__name__}, no dict: proprioception is a list of indices"
        )
    return [_entry("", space, wanted)] if len(wanted) else []


def _entry(
    name: str, space: spaces.Space[Any], indices: Sequence[int] | None
) -> tuple[str, spaces.Box, Sequence[int]]:
    where = f"entry '{name}' of the observation" if name else "the observation"
    if not isinstance(space, spaces.Box):
        raise SuiteError(f"{where} is {type(space).__name__}, not a Box: choose another for proprioception")
    count = int(np.prod(space.shape))
    for index in range(count) if indices is None else indices:
        if isinstance(index, bool) or not isinstance(index, Integral) or not 0 <= index < count:
            raise SuiteError(f"index {show(index)} of {where}: it has {count} numbers, from 0")
    return name, space, range(count) if indices is None else indices


def _number(name: str, index: int, space: spaces.Box) -> Number:
    low, high = _bounds(space, index)
    bounded = low < high and max(abs(low), abs(high)) <= _UNBOUNDED
    return (f"{name}{index}", low, high) if bounded else (f"{name}{index}", -1.0, 1.0)


def _bounds(space: spaces.Box, index: int) -> tuple[float, float]:
    """Of one number, as they were written: 0.1 in float32 is 0.10000000149 in float64."""
    return float(str(space.low.ravel()[index])), float(str(space.high.ravel()[index]))
