"""How well each model's first prediction under the prompt points at the expert's true change.

For every object on the table: the model's expected change under the object's name less that under no text,
and the true change (the scripted expert's, from the same beginning) less the mean over all objects. Their
cosine says how much of the direction in which guidance pushes is right; the share whose direction fits the
named object's true change best of all says whether it is the right object's. And where the prior's grounding
points.

python benchmarks/prior_direction.py --scenes 40
"""

import argparse
from typing import Any

import numpy as np
import torch
from common import write_result
from prior_text import Scene, scene
from torch import Tensor

from sail.config.resolution import load_config
from sail.loop.agent import Agent, load_agent
from sail.loop.statistics import wilson_interval
from sail_envs.environment import TaskEnv
from sail_envs.panda.table import TableTop
from sail_envs.rendering import choose_backend
from sail_envs.suite import find_suite
from sail_models.diffusion.denoiser import ChangeDenoiser
from sail_models.diffusion.schedule import to_sample
from sail_models.prior.compact import CompactPrior


def places(env: TaskEnv) -> Tensor:
    """Where each object is in the frame: (count, 2), shares from the left and from the top."""
    simulation = env.simulation
    assert isinstance(simulation, TableTop)
    model, data = simulation.model, simulation.data
    camera = model.camera("workspace").id
    focal = 1.0 / np.tan(np.deg2rad(model.cam_fovy[camera]) / 2.0)
    seen = (simulation.things() - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    right, up = focal * seen[:, 0] / -seen[:, 2], focal * seen[:, 1] / -seen[:, 2]
    return torch.from_numpy(np.stack([(1.0 + right) / 2.0, (1.0 - up) / 2.0], axis=1))


def direction(network: ChangeDenoiser, text: Tensor, empty: Tensor, first: Tensor, noise: Tensor) -> Tensor:
    """What the text changes in the expectation from pure noise: (B, F, C, h, w)."""
    timestep = torch.full((len(text),), len(network.alphas) - 1)
    expected = [
        to_sample(network.predict_noise(noise, timestep, words, first), noise, network.alphas[-1])
        for words in (text, empty)
    ]
    return expected[0] - expected[1]


@torch.inference_mode()
def look(agent: Agent, family: str, one: Scene, at: Tensor) -> dict[str, list[tuple[float, bool]]]:
    """Of each object, for the in-domain model and for the prior: the cosine, and whether the direction is the
    named object's; under "pointing" the distance, in shares of the frame, and whether it is pointed at."""
    prior = agent.prior
    assert isinstance(prior, CompactPrior)
    count = len(one.names)
    latents = agent.autoencoder.encode_frames(one.first[None])
    first = latents.expand(count, -1, -1, -1)
    future = torch.stack([agent.autoencoder.encode_frames(clip) for clip in one.clips])
    true = agent.planner.to_change(future, latents)
    true = (true - true.mean(0)).flatten(1)
    text = agent.text([find_suite(family).tasks[f"{family}-{name}"] for name in one.names])
    empty = agent.text([""] * count)
    noise = torch.randn(future.shape, generator=torch.Generator().manual_seed(0))
    rows: dict[str, list[tuple[float, bool]]] = {}
    for name, network in (("in_domain", agent.planner), ("prior", prior)):
        way = direction(network, text, empty, first, noise).flatten(1)
        cosines = torch.cosine_similarity(way[:, None], true[None], dim=2)
        rows[name] = [(float(cosines[i, i]), int(cosines[i].argmax()) == i) for i in range(count)]
    place = prior.grounding(first, text).place
    side, patch = int(place.shape[1] ** 0.5), place.argmax(1)
    pointed = (torch.stack([patch % side, patch // side], dim=1) + 0.5) / side
    distance = torch.cdist(pointed.double(), at)
    rows["pointing"] = [(float(distance[i, i]), int(distance[i].argmin()) == i) for i in range(count)]
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=40, help="of each family, half with unseen colours")
    arguments = parser.parse_args()
    choose_backend()
    torch.set_num_threads(1)
    agent = load_agent(load_config("panda"))
    table: dict[str, Any] = {}
    for family in ("cups", "drawers"):
        known = find_suite(family)
        rows: dict[tuple[str, str], list[tuple[float, bool]]] = {}
        colours = {task.partition("-")[2] for task in known.seen}
        for part in (known.seen, known.unseen):
            for index in range(arguments.scenes // 2):
                env = TaskEnv(part[index % len(part)])
                one = scene(env, seed=9000 + index)
                env.reset(seed=9000 + index)
                for what, found in look(agent, family, one, places(env)).items():
                    for name, row in zip(one.names, found, strict=True):
                        rows.setdefault((what, "seen" if name in colours else "unseen"), []).append(row)
        for (what, kind), found in rows.items():
            right = sum(hit for _, hit in found)
            cell = {
                "objects": len(found),
                "mean": float(np.mean([value for value, _ in found])),
                "right": right / len(found),
                "ci95": list(wilson_interval(right, len(found))),
            }
            table.setdefault(family, {}).setdefault(what, {})[kind] = cell
            print(family, what, kind, cell, flush=True)
    write_result("prior_direction", {"scenes": arguments.scenes, "families": table})


if __name__ == "__main__":
    main()
