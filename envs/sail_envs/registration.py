"""Registers every task with Gymnasium, without importing a simulator or a GL library."""

from typing import TYPE_CHECKING, Any

import gymnasium

from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import BOTTLES, CUPS, DRAWERS
from sail_envs.suite import TaskSuite

if TYPE_CHECKING:
    from sail_envs.environment import TaskEnv


def register_environments() -> None:
    """Register `sail/MetaWorld-<task>-v0` for each of MetaWorld's tasks, `sail/PandaCups-v0`,
    `sail/PandaDrawers-v0` and `sail/PandaBottles-v0`.

    The Panda's take a `colour`; all take the settings of TaskEnv. Registering again changes nothing.
    """
    for task in METAWORLD.tasks:
        _register(f"sail/MetaWorld-{task}-v0", "environment:TaskEnv", task=task)
    _register("sail/PandaCups-v0", "registration:panda_cups")
    _register("sail/PandaDrawers-v0", "registration:panda_drawers")
    _register("sail/PandaBottles-v0", "registration:panda_bottles")


def panda_cups(colour: str = "red", **settings: Any) -> "TaskEnv":
    """`sail/PandaCups-v0`: push the cup of this colour forward, of three. settings: TaskEnv's."""
    return _table_top(CUPS, colour, settings)


def panda_drawers(colour: str = "red", **settings: Any) -> "TaskEnv":
    """`sail/PandaDrawers-v0`: open the drawer of this colour, of two. settings: TaskEnv's."""
    return _table_top(DRAWERS, colour, settings)


def panda_bottles(colour: str = "red", **settings: Any) -> "TaskEnv":
    """`sail/PandaBottles-v0`: turn the bottle of this colour upright, of three. settings: TaskEnv's."""
    return _table_top(BOTTLES, colour, settings)


def _table_top(suite: TaskSuite, colour: str, settings: dict[str, Any]) -> "TaskEnv":
    from sail_envs.environment import TaskEnv

    return TaskEnv(f"{suite.name}-{colour}", **settings)


def _register(name: str, maker: str, **settings: Any) -> None:
    if name not in gymnasium.registry:
        gymnasium.register(name, entry_point=f"sail_envs.{maker}", kwargs=settings)
