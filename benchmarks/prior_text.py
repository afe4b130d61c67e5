"""Does the text lead? Plans on the Panda's table, imagined and never executed.

Each scene is planned once for every object on the table, by its colour. A plan moves that object whose true
clip (the scripted expert's, from the same beginning) its frames come nearest to, or none where standing
still is nearer.

python benchmarks/prior_text.py --scenes 20 base=weights/panda
"""

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from common import write_result
from prior_rules import NAMES, config_of, settings_of

from sail.config.schema import RunConfig
from sail.loop.agent import Agent, load_agent, sampling_of
from sail.loop.statistics import wilson_interval
from sail.types import Float32, UInt8
from sail_envs.environment import TaskEnv
from sail_envs.panda.table import TableTop
from sail_envs.rendering import choose_backend
from sail_envs.suite import find_suite

FRAMES = 8


@dataclass(frozen=True)
class Scene:
    """clips: uint8 (objects, FRAMES, H, W, 3), the expert's with each object. names: their colours."""

    first: UInt8
    clips: UInt8
    names: list[str]


def scene(env: TaskEnv, seed: int) -> Scene:
    """Play every object's expert from the same beginning."""
    simulation = env.simulation
    assert isinstance(simulation, TableTop)
    clips, names = [], []
    for number in range(simulation.count):
        first = env.reset(seed=seed)[0]["frame"]
        clip = []
        for _ in range(FRAMES):
            for _ in range(env.embodiment.frame_skip):
                simulation.step(simulation.expert(number))
            clip.append(env.frame())
        clips.append(np.stack(clip))
        names.append(simulation.colour_of(number))
    return Scene(first, np.stack(clips), names)


def moved(plan: UInt8, scene: Scene) -> str:
    """The colour of the object that a plan moves, or "none"."""
    still = np.repeat(scene.first[None, None], FRAMES, 1)
    candidates = np.concatenate([scene.clips, still]).astype(np.float32)
    distance: Float32 = np.abs(candidates - plan.astype(np.float32)).mean((1, 2, 3, 4))
    return [*scene.names, "none"][int(distance.argmin())]


def choose(agent: Agent, config: RunConfig, family: str, scenes: list[Scene]) -> dict[str, Any]:
    """Plans by the named colour being a seen or an unseen one: what was moved."""
    words = find_suite(family).tasks
    asked = [(number, name) for number, scene in enumerate(scenes) for name in scene.names]
    plans = []
    for begin in range(0, len(asked), 16):
        part = asked[begin : begin + 16]
        frames = np.stack([scenes[number].first for number, _ in part])
        prompts = [words[f"{family}-{name}"] for _, name in part]
        seeds = list(range(begin, begin + len(part)))
        plans.append(agent.video_planner.plan(frames, prompts, seeds, sampling_of(config)).frames)
    shown = [
        moved(plan, scenes[number]) for plan, (number, _) in zip(np.concatenate(plans), asked, strict=True)
    ]
    seen = {task.partition("-")[2] for task in find_suite(family).seen}
    rows = {}
    for kind in ("seen", "unseen"):
        some = [
            (name, what)
            for (_, name), what in zip(asked, shown, strict=True)
            if (name in seen) == (kind == "seen")
        ]
        if some:
            right = sum(name == what for name, what in some)
            rows[kind] = {
                "plans": len(some),
                "named": right / len(some),
                "ci95": list(wilson_interval(right, len(some))),
                "none": sum(what == "none" for _, what in some) / len(some),
            }
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scenes", type=int, default=20, help="of each family, half of them with unseen colours"
    )
    parser.add_argument("--rules", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("overrides", nargs="*", help="configuration, as for `sail run`")
    arguments = parser.parse_args()
    choose_backend()
    table: dict[str, Any] = {}
    for family in ("cups", "drawers"):
        scenes = []
        for part in (find_suite(family).seen[:1], find_suite(family).unseen):
            for index in range(arguments.scenes // 2):
                scenes.append(scene(TaskEnv(part[index % len(part)]), seed=index))
        for rule in arguments.rules:
            config = config_of(find_suite(family).seen[0], [*settings_of(rule), *arguments.overrides])
            table.setdefault(rule, {})[family] = choose(load_agent(config), config, family, scenes)
            print(family, rule, table[rule][family], flush=True)
    write_result("prior_text", {"scenes": arguments.scenes, "rules": table})


if __name__ == "__main__":
    main()
