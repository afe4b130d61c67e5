"""Sizes of networks in tests, and a suite that is quick to demonstrate."""

from dataclasses import replace
from typing import Any

from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import CUPS
from sail_models.networks.sizes import arm_sizes

# MetaWorld with two seen tasks: all eight would only take longer.
FEW_SEEN = replace(METAWORLD, seen=("drawer-close", "reach"), reversible=())
# Planned frames that are further apart than an episode is long.
APART = replace(CUPS, embodiment=replace(CUPS.embodiment, frame_skip=1000))


def sizes(pixels: int = 64, **changes: Any) -> dict[str, Any]:
    """Keyword arguments of `InverseDynamicsConfig` and `PolicyConfig`."""
    return {**arm_sizes(METAWORLD.embodiment), **frame_sizes(pixels), **changes}


def frame_sizes(height: int = 64, width: int | None = None) -> dict[str, int]:
    """Height and width of frames in pixels, square where there is no width."""
    return {"height": height, "width": width or height}


def plan_sizes(height: int = 8, width: int | None = None, frames: int = 8) -> dict[str, int]:
    """Keyword arguments of `PlannerNetworkConfig` and `CompactPriorConfig`: latents of this height and
    width."""
    return {"frames": frames, "latent_height": height, "latent_width": width or height}
