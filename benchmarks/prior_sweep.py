"""Guidance w and strength γ for every rule, chosen on seen colours alone: whose plans move what is named?

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
GRIDS: dict[str, list[tuple[float, float | None]]] = {
    "in_domain": [(w, None) for w in (1.0, *GUIDANCE)],
    "prior": [(w, None) for w in (1.0, *GUIDANCE)],
    "probabilistic": [(w, strength) for w in GUIDANCE for strength in (0.05, 0.1, 0.3)],
    "inverse_probabilistic": [(w, strength) for w in GUIDANCE for strength in (0.2, 0.5, 1.0)],
    # From both alike to the in-domain model with the prior's guidance added, which is w = 1 + 1 / γ.
    "normalised": [
        *((w, strength) for w in GUIDANCE for strength in (0.2, 0.5, 1.0)),
        *((1.0 + 1.0 / strength, strength) for strength in (0.5, 0.35, 0.2, 0.1, 0.05)),
    ],
}


def settings_of(guidance: float, strength: float | None) -> list[str]:
    """As overrides of a configuration."""
    words = [f"planner.guidance={guidance}"]
    return words if strength is None else [*words, f"prior.strength={strength}"]


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
        for guidance, strength in GRIDS[rule]:
            words = [*settings_of(guidance, strength), *arguments.overrides]
            row: dict[str, Any] = {"guidance": guidance, "strength": strength}
            for family, some in scenes.items():
                config = config_of(FAMILIES[family].seen[0], rule, 1, words)
                row[family] = choose(agents[family], config, family, some)["seen"]
            row["named"] = sum(row[family]["named"] for family in scenes) / len(scenes)
            rows.append(row)
            shown = [
                f"{family} {row[family]['named']:.2f} none {row[family]['none']:.2f}" for family in scenes
            ]
            print(f"{rule} w={guidance:.2f} γ={strength}: {row['named']:.2f}", shown, flush=True)
        table[rule] = {"best": max(rows, key=lambda row: row["named"]), "rows": rows}
    write_result("prior_sweep", {"scenes": arguments.scenes, "rules": table})


if __name__ == "__main__":
    main()
