"""MetaWorld's scripted experts, and one of our own for handle-pull."""

import warnings
from typing import Any, cast

import numpy as np

from sail.types import Float32
from sail_envs.simulation import Simulation
from sail_envs.suite import Expert


def expert(task: str) -> Expert:
    """A task's scripted expert, for one episode or several."""
    if task == "handle-pull":
        return _pull_handle()
    from metaworld.policies import ENV_POLICY_MAP

    policy: Any = cast(Any, ENV_POLICY_MAP)[f"{task}-v3"]()

    def act(simulation: Simulation) -> Float32:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            action: Float32 = np.clip(policy.get_action(simulation.state()), -1.0, 1.0).astype(np.float32)
        return action

    return act


def _pull_handle() -> Expert:
    """Reach under the handle and lift it.

    MetaWorld's own expert strikes the handle again and again until it is up. Between two frames of a plan its
    hand goes to and fro, and a planner can learn nothing from that.
    """
    lifting = False

    def act(simulation: Simulation) -> Float32:
        nonlocal lifting
        hand, handle = simulation.state()[:3], simulation.state()[4:7]
        in_line = abs(hand[0] - handle[0]) < 0.03
        below = in_line and hand[2] < handle[2]
        if lifting:
            lifting = in_line and hand[2] < handle[2] + 0.01 and hand[1] > handle[1] - 0.06
        else:
            lifting = below and hand[1] > handle[1] - 0.035
        if lifting:  # slowly: a faster hand leaves the handle behind
            target = np.array([handle[0], hand[1], min(hand[2], handle[2] - 0.005) + 0.03])
        elif below and hand[2] < handle[2] - 0.01:
            target = handle + np.array([0.0, 0.01, -0.03])
        else:
            target = handle + np.array([0.0, -0.08, -0.03])
        return np.append(np.clip(10.0 * (target - hand), -1.0, 1.0), 1.0).astype(np.float32)

    return act
