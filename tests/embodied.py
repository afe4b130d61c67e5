"""Sizes of networks in tests, and a suite that is quick to demonstrate."""

from dataclasses import replace
from typing import Any

from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.saving import arm_sizes

# MetaWorld with two seen tasks: all eight would only take longer.
FEW_SEEN = replace(METAWORLD, seen=("drawer-close", "reach"), reversible=())


def sizes(pixels: int = 64, **changes: Any) -> dict[str, Any]:
    """Keyword arguments of `InverseDynamicsConfig` and `PolicyConfig`."""
    return {**arm_sizes(METAWORLD.embodiment), "height": pixels, "width": pixels, **changes}
