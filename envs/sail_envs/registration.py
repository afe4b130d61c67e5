"""Registers every MetaWorld task with Gymnasium, without importing MetaWorld or a GL library."""

import gymnasium

from sail_envs.tasks import TASKS


def register_environments() -> None:
    """Register `sail/MetaWorld-<task>-v0` for each task (idempotent)."""
    for task in TASKS:
        name = f"sail/MetaWorld-{task}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point="sail_envs.metaworld:MetaWorldEnv", kwargs={"task": task})
