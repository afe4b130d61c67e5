"""What a plan costs at AnimateDiff's size: Stable Diffusion 1.5's U-Net with motion modules, SparseCtrl and
its autoencoder at 512 pixels, composed with the planner `full`. Weights are random, which does not change the
time.

    python benchmarks/animatediff_cost.py --steps 8
"""

import argparse
import statistics
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from common import write_result
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.controlnets.controlnet_sparsectrl import SparseControlNetModel
from diffusers.models.unets.unet_motion_model import UNetMotionModel

from sail.export.benchmark import count_operations, machine_peak
from sail_models.device import best_device
from sail_models.diffusion.schedule import stable_diffusion_alphas
from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.interfaces import Sampling
from sail_models.networks.planner_network import FULL, PlannerNetwork
from sail_models.prior.animatediff import AnimateDiff
from sail_models.prior.compatibility import OverChanges

TEXT = {"cross_attention_dim": 768, "motion_max_seq_length": 32}
FRAMES, SIDE, TOKENS = 8, 512, 77


def parts(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """The networks as `load_animatediff` makes them, but for their weights."""
    with torch.device(device):
        networks = {
            "unet": UNetMotionModel(sample_size=SIDE // 8, use_motion_mid_block=False, **TEXT),
            "controller": SparseControlNetModel(
                in_channels=4, conditioning_channels=4, use_simplified_condition_embedding=True, **TEXT
            ),
            "vae": AutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                block_out_channels=(128, 256, 512, 512),
                layers_per_block=2,
                latent_channels=4,
                sample_size=SIDE,
                scaling_factor=0.18215,
            ),
        }
    schedule = SimpleNamespace(
        config=SimpleNamespace(prediction_type="epsilon"), alphas_cumprod=stable_diffusion_alphas()
    )
    placed = {name: network.to(dtype).eval().requires_grad_(False) for name, network in networks.items()}
    return {**placed, "tokenizer": None, "text_encoder": None, "scheduler": schedule}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = best_device()
    prior = AnimateDiff(parts(device, torch.float32 if device.type == "cpu" else torch.float16), FRAMES, 1.0)
    planner = PlannerNetwork(FULL).eval().requires_grad_(False).to(device)
    embedding = torch.randn(TOKENS, 768)
    video = VideoPlanner(
        planner, prior, lambda prompts: torch.stack([embedding] * len(prompts)), OverChanges(prior)
    )
    frame = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8)
    sampling = Sampling(steps=arguments.steps, guidance=3.0, rule="normalised", strength=0.5)
    peak, seconds = machine_peak(device), []
    for _ in range(arguments.rounds + 2):
        began = time.perf_counter()
        video.plan(frame, ["anything"], [0], sampling)
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds[2:])
    done = count_operations(lambda: video.plan(frame, ["anything"], [0], sampling))
    row = {
        "steps": arguments.steps,
        "seconds": median,
        "worst": max(seconds[2:]),
        "operations": done.operations,
        "bytes": done.bytes,
        "ceiling": peak.operations,
        "copied": peak.bytes,
        "share": done.operations / median / peak.operations,
    }
    print(row)
    write_result("animatediff_cost", row)


if __name__ == "__main__":
    main()
