"""Every task with its prompt in plain English, and the fixed splits into seen and unseen."""

from dataclasses import dataclass

METAWORLD: dict[str, str] = {
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

SEEN: tuple[str, ...] = (
    "door-open",
    "drawer-close",
    "window-open",
    "faucet-close",
    "button-press-topdown",
    "handle-pull",
    "plate-slide",
    "reach",
)

UNSEEN: tuple[str, ...] = (
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

# Tasks that do opposite things with the same object: in a scene of one, half-way, the other is possible too.
OPPOSITES: dict[str, str] = {
    "door-close": "door-open",
    "drawer-close": "drawer-open",
    "faucet-close": "faucet-open",
    "handle-press": "handle-pull",
    "window-close": "window-open",
}
OPPOSITES |= {other: task for task, other in OPPOSITES.items()}


# The table top's colours, seen and unseen: the paper's split.
CUP_COLOURS = (("red", "green", "blue", "pink"), ("orange", "purple"))
DRAWER_COLOURS = (("red", "green", "blue"), ("yellow",))


@dataclass(frozen=True)
class Family:
    """Tasks with one arm in one kind of scene.

    low, high: where the end effector goes in view, in metres. one_scene: a seed lays the scene out alike
    whichever of the tasks is asked for.
    """

    tasks: dict[str, str]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    one_scene: bool = False


def _table_top(name: str, words: str, colours: tuple[tuple[str, ...], tuple[str, ...]]) -> Family:
    seen, unseen = (tuple(f"{name}-{colour}" for colour in some) for some in colours)
    tasks = {task: words.format(task.partition("-")[2]) for task in seen + unseen}
    return Family(tasks, seen, unseen, low=(0.35, -0.3, 0.06), high=(0.7, 0.3, 0.3), one_scene=True)


FAMILIES: dict[str, Family] = {
    "metaworld": Family(METAWORLD, SEEN, UNSEEN, low=(-0.35, 0.45, 0.05), high=(0.35, 0.9, 0.4)),
    "cups": _table_top("cups", "push the {} cup forward", CUP_COLOURS),
    "drawers": _table_top("drawers", "open the {} drawer", DRAWER_COLOURS),
}
TASKS: dict[str, str] = {
    task: prompt for family in FAMILIES.values() for task, prompt in family.tasks.items()
}
# Several tasks by one name.
TASK_SETS: dict[str, tuple[str, ...]] = {
    "seen": SEEN,
    "unseen": UNSEEN,
    "metaworld": tuple(METAWORLD),
    **{
        f"{name}-{part}": getattr(FAMILIES[name], part)
        for name in ("cups", "drawers")
        for part in ("seen", "unseen")
    },
    "all": tuple(TASKS),
}


def family_of(task: str) -> Family:
    """The family that a task belongs to."""
    return next(family for family in FAMILIES.values() if task in family.tasks)


def seen_like(task: str) -> tuple[str, ...]:
    """The seen tasks of a task's family."""
    return family_of(task).seen
