"""The exclusion rule: what is evaluated is not in the corpus. docs/prior.md has it in words."""

from collections.abc import Mapping
from typing import Any

from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import CUP_COLOURS, DRAWER_COLOURS

# Kinds of objects that are like the table top's own, each with the colours that are kept for evaluation. The
# corpus never shows the Panda with such an object in such a colour.
KEPT_FROM_PANDA: Mapping[str, tuple[str, ...]] = {
    "mug": CUP_COLOURS[1],
    "tray": DRAWER_COLOURS[1],
    "chest": DRAWER_COLOURS[1],
}
_METAWORLD = "metaworld/"


def broken_rule(row: Mapping[str, Any]) -> str | None:
    """The rule that a clip breaks, by the clip's line of the manifest, or None."""
    scene, arm = row["scene"], row["arm"]
    if scene == "table":
        for thing in row["things"]:
            if arm == "panda" and thing["colour"] in KEPT_FROM_PANDA.get(thing["kind"], ()):
                return f"the Panda with {thing['colour']} {thing['kind']}: it is evaluated on the like"
        return None if arm in ("panda", "gripper") else f"an arm that the rule does not know: {arm}"
    if not scene.startswith(_METAWORLD) or scene.removeprefix(_METAWORLD) not in METAWORLD.seen:
        return f"{scene} is none of the scenes that the rule allows"
    if any(thing["colour"] != "any" for thing in row["things"]):
        return f"{scene} in its own colours"
    return None
