"""Does the text decide? Prompt against noise, on first frames of scenes where both prompts are possible."""

from dataclasses import asdict

import numpy as np
from common import write_result

from sail.agent import load_base
from sail.config import PlannerConfig
from sail.probes import text_effect
from sail_envs.metaworld import MetaWorldEnv
from sail_envs.tasks import SEEN, TASKS

FRAMES = 16
# Pairs of MetaWorld tasks that share a scene in which both can be done, and, in every seen scene, its
# task against a motion that the arm can always make.
PAIRS = [("faucet-close", TASKS["faucet-close"], TASKS["faucet-open"])] + [
    (task, TASKS[task], motion)
    for task in SEEN
    for motion in ("move to the left and up", "move to the right and down")
]


def main() -> None:
    agent, rows = load_base("base"), []
    for scene, prompt_a, prompt_b in PAIRS:
        env = MetaWorldEnv(scene)
        frames = np.stack([env.reset(seed=seed)[0]["frame"] for seed in range(FRAMES)])
        effect = text_effect(agent, PlannerConfig(), scene, frames, prompt_a, prompt_b)
        rows.append({**asdict(effect), "ratio": effect.ratio})
        print(rows[-1], flush=True)
    mean = {key: float(np.mean([row[key] for row in rows])) for key in ("text_change", "noise_change")}
    write_result("text_effect", {"frames": FRAMES, "mean": mean, "rows": rows})


if __name__ == "__main__":
    main()
