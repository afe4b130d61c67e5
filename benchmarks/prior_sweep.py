"""Guidance w, strength γ and share of the steps for every rule, chosen on seen colours alone: whose plans
move what is named?

As prior_text.py, in scenes of its own that show seen colours only. The best of each rule, by the mean over
cups and drawers, is what rules.py holds.

python benchmarks/prior_sweep.py --scenes 12 base=weights/panda prior.path=weights/broad/prior
"""

import argparse
from typing import Any

from common import write_result
from prior_text import Scene, choose, scene
from rules import RULES, config_of

from sail.agent import load_agent
from sail_envs.environment import TaskEnv
from sail_envs.rendering import choose_backend
from sail_envs.tasks import FAMILIES

# Seeds of the scenes; prior_text.py's begin at 0.
FIRST_SEED = 1000
GUIDANCE = (1.5, 2.5, 4.0)
UNTIL = (0.25, 0.5, 1.0)
# What is tried of each rule: overrides of a configuration.
GRIDS: dict[str, list[dict[str, float]]] = {
    "in_domain": [{"planner.guidance": w} for w in (1.0, *GUIDANCE)],
    "prior": [{"planner.guidance": w} for w in (1.0, *GUIDANCE)],
    "probabilistic": [
        {"planner.guidance": w, "prior.strength": strength, "prior.until": u}
        for w in GUIDANCE
        for strength in (0.05, 0.1, 0.3)
        for u in UNTIL
    ],
    "inverse_probabilistic": [
        {"planner.guidance": w, "prior.strength": strength, "prior.until": u}
        for w in GUIDANCE
        for strength in (0.2, 0.5, 1.0)
        for u in UNTIL
    ],
    # Of the in-domain model with the prior's guidance added, which is w = 1 + 1 / γ, more and less.
    "normalised": [
        {"planner.guidance": w, "prior.strength": strength, "prior.until": u}
        for w, strength in (
            (2.5, 0.5),
            (4.0, 0.5),
            (3.0, 0.5),
            (4.0, 0.33),
            (6.0, 0.2),
            (11.0, 0.1),
            (21.0, 0.05),
        )
        for u in UNTIL
    ],
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=12, help="of each family")
    parser.add_argument("--rules", nargs="*", default=list(RULES))
    parser.add_argument("overrides", nargs="*", help="configuration, as for `sail run`")
    arguments = parser.parse_args()
    choose_backend()
    scenes: dict[str, list[Scene]] = {}
    for family in ("cups", "drawers"):
        env = TaskEnv(FAMILIES[family].seen[0])
        scenes[family] = [scene(env, FIRST_SEED + index) for index in range(arguments.scenes)]
    agents = {
        family: load_agent(config_of(FAMILIES[family].seen[0], "prior", 1, arguments.overrides))
        for family in scenes
    }
    table: dict[str, Any] = {}
    for rule in arguments.rules:
        rows = []
        for settings in GRIDS[rule]:
            words = [*(f"{key}={value}" for key, value in settings.items()), *arguments.overrides]
            row: dict[str, Any] = dict(settings)
            for family, some in scenes.items():
                config = config_of(FAMILIES[family].seen[0], rule, 1, words)
                row[family] = choose(agents[family], config, family, some)["seen"]
            row["named"] = sum(row[family]["named"] for family in scenes) / len(scenes)
            rows.append(row)
            shown = [
                f"{family} {row[family]['named']:.2f} none {row[family]['none']:.2f}" for family in scenes
            ]
            print(f"{rule} {settings}: {row['named']:.2f}", shown, flush=True)
        table[rule] = {"best": max(rows, key=lambda row: row["named"]), "rows": rows}
    write_result("prior_sweep", {"scenes": arguments.scenes, "rules": table})


if __name__ == "__main__":
    main()
