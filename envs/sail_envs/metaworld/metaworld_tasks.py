"""MetaWorld's tasks as a suite: prompts, the split into seen and unseen, and what undoes what.

Imports no simulator.
"""

from sail.embodiment import cartesian
from sail_envs.simulation import Simulation
from sail_envs.suite import Expert, TaskSuite, Workspace

_TASKS: dict[str, str] = {
    "assembly": "put the ring over the peg",
    "basketball": "dunk the basketball into the basket",
    "bin-picking": "move the cube from one bin to the other bin",
    "box-close": "put the lid on the box",
    "button-press": "press the button on the front of the box",
    "button-press-topdown": "press the button down from above",
    "button-press-topdown-wall": "press the button down from above, over the wall",
    "button-press-wall": "press the button on the front of the box, around the wall",
    "coffee-button": "press the button of the coffee machine",
    "coffee-pull": "pull the mug away from the coffee machine",
    "coffee-push": "push the mug under the coffee machine",
    "dial-turn": "turn the dial",
    "disassemble": "lift the ring off the peg",
    "door-close": "close the door",
    "door-lock": "lock the door by turning the lock down",
    "door-open": "open the door",
    "door-unlock": "unlock the door by turning the lock up",
    "drawer-close": "close the drawer",
    "drawer-open": "open the drawer",
    "faucet-close": "turn the faucet to the right",
    "faucet-open": "turn the faucet to the left",
    "hammer": "hit the nail with the hammer",
    "hand-insert": "put the block into the hole",
    "handle-press": "press the handle down",
    "handle-press-side": "press the handle down from the side",
    "handle-pull": "pull the handle up",
    "handle-pull-side": "pull the handle up from the side",
    "lever-pull": "pull the lever up",
    "peg-insert-side": "insert the peg into the hole from the side",
    "peg-unplug-side": "unplug the peg to the side",
    "pick-out-of-hole": "pick the block out of the hole",
    "pick-place": "pick up the puck and place it at the goal",
    "pick-place-wall": "pick up the puck and place it at the goal behind the wall",
    "plate-slide": "slide the plate into the cabinet",
    "plate-slide-back": "slide the plate back out of the cabinet",
    "plate-slide-back-side": "slide the plate back out of the cabinet sideways",
    "plate-slide-side": "slide the plate into the cabinet sideways",
    "push": "push the puck to the goal",
    "push-back": "pull the block back to the goal",
    "push-wall": "push the puck to the goal around the wall",
    "reach": "reach the red marker",
    "reach-wall": "reach the red marker around the wall",
    "shelf-place": "put the block on the shelf",
    "soccer": "push the ball into the net",
    "stick-pull": "pull the box with the stick",
    "stick-push": "push the box with the stick",
    "sweep": "sweep the block off the table",
    "sweep-into": "sweep the block into the hole",
    "window-close": "close the window",
    "window-open": "open the window",
}

_SEEN: tuple[str, ...] = (
    "door-open",
    "drawer-close",
    "window-open",
    "faucet-close",
    "button-press-topdown",
    "handle-pull",
    "plate-slide",
    "reach",
)

_UNSEEN: tuple[str, ...] = (
    "door-close",
    "drawer-open",
    "window-close",
    "faucet-open",
    "button-press",
    "button-press-wall",
    "handle-press",
    "reach-wall",
    "plate-slide-side",
    "coffee-button",
    "sweep-into",
    "door-lock",
)

_OPPOSITES: dict[str, str] = {
    "door-close": "door-open",
    "drawer-close": "drawer-open",
    "faucet-close": "faucet-open",
    "handle-press": "handle-pull",
    "window-close": "window-open",
}
_OPPOSITES |= {other: task for task, other in _OPPOSITES.items()}

# Beside the opposites: tasks of which only one is seen, in different scenes.
_UNDOES: dict[str, str] = _OPPOSITES | {
    "door-unlock": "door-lock",
    "handle-press-side": "handle-pull-side",
    "handle-pull-side": "handle-press-side",
    "plate-slide-back": "plate-slide",
    "plate-slide-back-side": "plate-slide-side",
}


def _simulate(task: str) -> Simulation:
    from sail_envs.metaworld.simulated_task import MetaWorld

    return MetaWorld(task)


def _expert(task: str) -> Expert:
    from sail_envs.metaworld.metaworld_experts import expert

    return expert(task)


METAWORLD = TaskSuite(
    name="metaworld",
    embodiment=cartesian("metaworld/workspace", control_seconds=0.0125, step_length=0.01),
    tasks=_TASKS,
    seen=_SEEN,
    unseen=_UNSEEN,
    workspace=Workspace(low=(-0.35, 0.45, 0.05), high=(0.35, 0.9, 0.4)),
    simulate=_simulate,
    expert=_expert,
    opposites=_OPPOSITES,
    undoes=_UNDOES,
    reversible=("door-open", "drawer-close", "window-open", "faucet-close"),
    # The robot stands at y = 0 and looks along +y.
    directions=(("to the left", "to the right"), ("backward", "forward"), ("down", "up")),
    played=tuple(_TASKS),
)
