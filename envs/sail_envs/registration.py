"""Registers every task with Gymnasium, without importing a simulator or a GL library."""

from typing import Any

import gymnasium

from sail_envs.tasks import METAWORLD


def register_environments() -> None:
    """Register `sail/MetaWorld-<task>-v0` for each of its tasks, `sail/PandaCups-v0` and
    `sail/PandaDrawers-v0` (both take a `colour`); idempotent."""
    for task in METAWORLD:
        _register(f"sail/MetaWorld-{task}-v0", "TaskEnv", task=task)
    _register("sail/PandaCups-v0", "panda_cups")
    _register("sail/PandaDrawers-v0", "panda_drawers")


def _register(name: str, maker: str, **settings: Any) -> None:
    if name not in gymnasium.registry:
        gymnasium.register(name, entry_point=f"sail_envs.environment:{maker}", kwargs=settings)
