"""The exclusion rule: what is evaluated is not in the corpus. docs/corpus.md has it in words."""

from collections.abc import Mapping
from typing import Any

from sail_envs.tasks import SEEN

# What the table top's own objects are called: the Panda is never shown with the like, in any colour.
KEPT_FROM_PANDA = ("mug", "tray", "chest")
_METAWORLD = "metaworld/"


def broken_rule(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a clip, by its line of the manifest; None where nothing is."""
    scene, arm = row["scene"], row["arm"]
    if scene == "table":
        kept = [thing["kind"] for thing in row["things"] if thing["kind"] in KEPT_FROM_PANDA]
        if arm == "panda" and kept:
            return f"the Panda beside a {kept[0]}: it is evaluated on cups and drawers"
        return None if arm in ("panda", "gripper") else f"an arm that the rule does not know: {arm}"
    if not scene.startswith(_METAWORLD) or scene.removeprefix(_METAWORLD) not in SEEN:
        return f"{scene} is none of the scenes that the rule allows"
    if any(thing["colour"] != "any" for thing in row["things"]):
        return f"{scene} in its own colours"
    return None
