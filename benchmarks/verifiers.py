"""How well success can be told without an oracle, on episodes that runs collected themselves.

    python benchmarks/verifiers.py results/protocol/runs/* [verifier.path=DIR …]

Of each episode, by three candidates: the learned verifier's probability; by how much the planner's own
denoising error is smaller with the prompt than without; and how still the planner imagines the end. Per run
the area under the receiver's curve against the environment's flag (0.5 is chance), and, of the verifier at
its threshold, precision and recall. Episodes end when the environment sees success: a candidate that counted
steps would know it; these look at frames alone.
"""

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import write_result
from torch import Tensor

from sail.config.resolution import load_config
from sail.config.schema import RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.data.windows import plan_window
from sail.filters.selection import find_filter
from sail.filters.verifier_filter import VerifierFilter
from sail.loop.agent import Agent, load_agent, sampling_of
from sail.loop.run_folder import open_run
from sail.types import FRAME_SKIP, Episode

# Noise levels at which the denoising error is measured, and control steps between windows.
TIMESTEPS, EVERY = (500, 800), 16


def area(scores: np.ndarray, success: np.ndarray) -> float | None:
    """The chance that a success scores above a failure, ties counting half; None without both."""
    good, bad = scores[success], scores[~success]
    if not len(good) or not len(bad):
        return None
    above = (good[:, None] > bad[None]).mean() + 0.5 * (good[:, None] == bad[None]).mean()
    return float(above)


@torch.inference_mode()
def text_gain(agent: Agent, episode: Episode) -> float:
    """Mean over windows of error without the prompt less error with it, as a share of the former."""
    starts = range(0, len(episode), EVERY)
    windows = np.stack(
        [plan_window(len(episode.frames), start, FRAME_SKIP, agent.planner.frames) for start in starts]
    )
    latents = agent.autoencoder.encode_frames(episode.frames)[torch.from_numpy(windows)]
    first, future = latents[:, 0], latents[:, 1:]
    clean = agent.planner.to_change(future, first)
    text = agent.text([episode.prompt]).expand(len(clean), -1, -1)
    generator = torch.Generator().manual_seed(0)

    def error(said: Tensor, noise: Tensor, step: int) -> float:
        timestep = torch.full((len(clean),), step)
        alpha = agent.planner.alphas[timestep][:, None, None, None, None]
        noisy = alpha.sqrt() * clean + (1.0 - alpha).sqrt() * noise
        return float((agent.planner(noisy, timestep, said, first) - clean).square().mean())

    with_text, without = 0.0, 0.0
    for step in TIMESTEPS:
        noise = torch.randn(clean.shape, generator=generator)
        with_text += error(text, noise, step)
        without += error(torch.zeros_like(text), noise, step)
    return (without - with_text) / without


def stillness(agent: Agent, config: RunConfig, episode: Episode) -> float:
    """How little moves in a plan from the episode's last frame."""
    plan = agent.video_planner.plan(
        episode.frames[-1][None], [episode.prompt], [episode.seed], sampling_of(config)
    )
    return -float(plan.moved[0])


def by_iteration(records: list[EpisodeRecord]) -> list[list[EpisodeRecord]]:
    """As a run's filter gets them, iteration by iteration."""
    return [list(some) for _, some in itertools.groupby(records, lambda record: record.iteration)]


def surest(judge: VerifierFilter, store: EpisodeStore, records: list[EpisodeRecord]) -> list[float]:
    """The verifier's probability where it is highest."""
    return [float(done.max()) for done in judge.certainties(store, records)]


def measure(folder: Path, overrides: list[str]) -> dict[str, Any]:
    """All candidates on one run's own episodes."""
    run = open_run(folder)
    config, store = run.config, EpisodeStore(run.episodes)
    judge = find_filter(
        load_config(config.preset, None, ["filter=verifier", f"base={config.base}", *overrides])
    )
    assert isinstance(judge, VerifierFilter)
    agent, records = load_agent(config), store.records(source="self")
    success = np.array([record.success for record in records])
    learned = np.array([score for some in by_iteration(records) for score in surest(judge, store, some)])
    episodes = [store.read(record.id) for record in records]
    kept = learned > judge.threshold
    right = int((kept & success).sum())
    return {
        "episodes": len(records),
        "successes": int(success.sum()),
        "kept": int(kept.sum()),
        "kept_successes": right,
        "precision": right / int(kept.sum()) if kept.any() else None,
        "recall": right / int(success.sum()) if success.any() else None,
        "area_under_curve": {
            "verifier": area(learned, success),
            "text_gain": area(np.array([text_gain(agent, one) for one in episodes]), success),
            "stillness": area(np.array([stillness(agent, config, one) for one in episodes]), success),
        },
    }


def main() -> None:
    """Every run named."""
    folders = [Path(word) for word in sys.argv[1:] if "=" not in word]
    overrides = [word for word in sys.argv[1:] if "=" in word]
    tasks = {}
    for folder in folders:
        tasks[folder.name] = found = measure(folder, overrides)
        print(folder.name, found, flush=True)
    write_result("verifiers", {"runs": tasks})


if __name__ == "__main__":
    main()
