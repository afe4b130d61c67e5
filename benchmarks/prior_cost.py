"""What composing costs: latents of one plan (4 steps), batch 1 and 16, in one run, times taken in turns.

"same size": both models are networks of the prior's class and size, as the question is usually put. "as
shipped": the `wide` stacked network of base `panda` in the domain.
"""

import statistics
import time
from collections.abc import Mapping

import torch
from common import write_result

from sail.config.schema import PlannerConfig
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_models.device import mixed_precision
from sail_models.diffusion.composition import RULES, Part
from sail_models.diffusion.denoiser import Denoiser
from sail_models.diffusion.sampler import ConditionedDenoiser, sample_latents
from sail_models.networks.planner_network import PlannerNetwork, planner_config
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.spaces.text_encoder import TEXT_TOKENS, TEXT_WIDTH

REPEATS = 9
WIDE = planner_config("wide", EMBODIMENT)
PRIOR = CompactPriorConfig(WIDE.frames, WIDE.latent_height, WIDE.latent_width)
PAIRS: dict[str, tuple[Denoiser, Denoiser]] = {
    "same size": (CompactPrior(PRIOR).eval(), CompactPrior(PRIOR).eval()),
    "as shipped": (PlannerNetwork(WIDE).eval(), CompactPrior(PRIOR).eval()),
}


def seconds(rule: str, models: Mapping[Part, ConditionedDenoiser], batch: int) -> float:
    """Wall seconds of one batch of plans' latents."""
    noise = torch.randn(batch, models["domain"].denoiser.frames, *models["domain"].denoiser.latent_shape)
    started = time.perf_counter()
    with mixed_precision(torch.device("cpu")):
        sample_latents(RULES[rule], models, noise, PlannerConfig.steps, torch.full((batch,), 2.0))
    return time.perf_counter() - started


def main() -> None:
    """Run the benchmark."""
    torch.manual_seed(0)
    rows = {}
    for name, (domain, prior) in PAIRS.items():
        for batch in (1, 16):
            text = torch.randn(batch, TEXT_TOKENS, TEXT_WIDTH)
            first = torch.randn(batch, *domain.latent_shape)
            models: dict[Part, ConditionedDenoiser] = {
                "domain": ConditionedDenoiser(domain, text, torch.zeros_like(text), first),
                "prior": ConditionedDenoiser(prior, text, torch.zeros_like(text), first),
            }
            times: dict[str, list[float]] = {rule: [] for rule in RULES}
            for repeat in range(REPEATS + 1):
                for rule, taken in times.items():
                    elapsed = seconds(rule, models, batch)
                    if repeat:  # the first round warms up
                        taken.append(elapsed)
            alone = times["in_domain"]
            rows[f"{name}, batch {batch}"] = {
                "seconds": {rule: statistics.median(taken) for rule, taken in times.items()},
                "ratio": {
                    rule: statistics.median(a / b for a, b in zip(taken, alone, strict=True))
                    for rule, taken in times.items()
                },
            }
            print(name, batch, rows[f"{name}, batch {batch}"]["ratio"], flush=True)
    write_result("prior_cost", {"repeats": REPEATS, "threads": torch.get_num_threads(), "rows": rows})


if __name__ == "__main__":
    main()
