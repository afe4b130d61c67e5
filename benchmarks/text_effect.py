"""Does the text decide? Prompt against noise, from frames of scenes where both prompts are possible.

Three kinds of pairs: opposite tasks half-way through an episode (a half-open door can be opened or
closed), the faucet at rest (it turns both ways), and each seen task against a motion.
"""

import argparse

import numpy as np
from common import write_result

from sail.config.resolution import load_config
from sail.data.demonstrations import Job, collect
from sail.loop.agent import load_base
from sail.loop.probes import MOTIONS, text_effect
from sail.types import Episode
from sail_envs.metaworld.metaworld_tasks import METAWORLD

EPISODES = 12


def experts(task: str) -> list[Episode]:
    """Unperturbed expert episodes on evaluation seeds."""
    return list(collect([Job(task, "expert", seed, seed=seed) for seed in range(EPISODES)]))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="base", help="shipped weights' name, or a folder")
    agent, rows = load_base(parser.parse_args().base), []
    for task in METAWORLD.seen:
        episodes = experts(task)
        first = np.stack([episode.frames[0] for episode in episodes])
        middle = np.stack([episode.frames[2 * len(episode) // 3] for episode in episodes])
        pairs = [("task against motion", first, motion) for motion in MOTIONS]
        if task in METAWORLD.opposites:
            opposite = METAWORLD.tasks[METAWORLD.opposites[task]]
            pairs.append(("opposite tasks, half-way", middle, opposite))
        if task == "faucet-close":
            pairs.append(("opposite tasks, at rest", first, METAWORLD.tasks["faucet-open"]))
        for kind, frames, other in pairs:
            effect = text_effect(agent, load_config(), task, frames, METAWORLD.tasks[task], other)
            rows.append({"kind": kind, **effect.as_json()})
            print(rows[-1], flush=True)
    kinds = sorted({row["kind"] for row in rows})
    means = {
        kind: {
            key: float(np.mean([row[key] for row in rows if row["kind"] == kind]))
            for key in ("text_change", "noise_change", "ratio")
        }
        for kind in kinds
    }
    print(means)
    write_result("text_effect", {"episodes": EPISODES, "means": means, "rows": rows})


if __name__ == "__main__":
    main()
