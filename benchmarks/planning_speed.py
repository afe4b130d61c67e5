"""Wall time of a plan (8 frames, default sampling): one environment and a batch of 16."""

import statistics
import time

import numpy as np
import torch
from common import write_result

from sail.config.resolution import load_config
from sail.loop.agent import load_base, sampling_of

REPEATS = 15


def main() -> None:
    """Run the benchmark."""
    config, agent = load_config(), load_base("base")
    planner, seen = agent.video_planner, agent.inverse_dynamics.config
    sampling = sampling_of(config)
    rows = {}
    for batch in (1, 4, 16):
        frames = np.random.default_rng(0).integers(0, 255, (batch, seen.height, seen.width, 3), np.uint8)
        seconds = []
        for repeat in range(REPEATS + 2):
            started = time.perf_counter()
            planner.plan(frames, ["open the door"] * batch, range(batch), sampling)
            if repeat >= 2:  # the first two warm up
                seconds.append(time.perf_counter() - started)
        rows[str(batch)] = {"median_seconds": statistics.median(seconds), "max_seconds": max(seconds)}
        print(batch, rows[str(batch)])
    values = {"steps": sampling.steps, "guidance": sampling.guidance, "threads": torch.get_num_threads()}
    write_result("planning_speed", {**values, "repeats": REPEATS, "batches": rows})


if __name__ == "__main__":
    main()
