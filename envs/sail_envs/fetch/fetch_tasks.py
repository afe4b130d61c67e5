"""Fetch's tasks as a suite. Imports no simulator.

The arm, its tasks and their success are Gymnasium-Robotics'; a step of the arm is one of its steps.
"""

from sail.embodiment import Dimension, Embodiment
from sail_envs.simulation import Simulation
from sail_envs.suite import Expert, TaskSuite, Workspace

# A step of an action of 1 moves the hand by so much, in metres; the environment asks for 0.05.
STEP_LENGTH = 0.033

_EMBODIMENT = Embodiment(
    camera="fetch/front",
    height=96,
    width=96,
    control_seconds=0.04,
    frame_skip=4,
    plan_frames=8,
    actions=(
        *(Dimension(axis, "delta_position", "m", -STEP_LENGTH, STEP_LENGTH) for axis in "xyz"),
        Dimension("gripper", "gripper", "1", -1.0, 1.0),
    ),
    proprioception=(
        Dimension("x", "position", "m", 0.8, 1.6),
        Dimension("y", "position", "m", 0.35, 1.15),
        Dimension("z", "position", "m", 0.4, 0.9),
        Dimension("gripper", "gripper", "m", 0.0, 0.1),
    ),
)


def _simulate(task: str) -> Simulation:
    from sail_envs.fetch.fetch_simulation import simulate_fetch

    return simulate_fetch(task)


def _expert(task: str) -> Expert:
    from sail_envs.fetch.fetch_experts import EXPERTS

    return EXPERTS[task]


FETCH = TaskSuite(
    name="fetch",
    embodiment=_EMBODIMENT,
    tasks={
        "fetch-reach": "move the hand to the red ball",
        "fetch-push": "push the black cube to the red ball",
        "fetch-pick-and-place": "pick up the black cube and hold it at the red ball",
        "fetch-slide": "strike the black puck so that it slides to the red ball",
    },
    seen=("fetch-reach", "fetch-push"),
    unseen=("fetch-pick-and-place", "fetch-slide"),
    simulate=_simulate,
    expert=_expert,
    workspace=Workspace(low=(1.15, 0.55, 0.42), high=(1.5, 0.95, 0.75)),
    # The robot looks along +x.
    directions=(("backward", "forward"), ("to the right", "to the left"), ("down", "up")),
    # Here alone the gripper moves; the other tasks hold it shut.
    played=("fetch-pick-and-place",),
    # The fingers' middle, at half of the cube's height.
    floor=0.42,
)
