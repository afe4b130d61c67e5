"""Sizes of networks in tests: an arm of four numbers, as MetaWorld's, and frames of any size."""

from typing import Any

from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.saving import arm_sizes


def sizes(pixels: int = 64, **changes: Any) -> dict[str, Any]:
    """Keyword arguments of `InverseDynamicsConfig` and `PolicyConfig`."""
    return {**arm_sizes(METAWORLD.embodiment), "height": pixels, "width": pixels, **changes}
