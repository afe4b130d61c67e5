"""A prior of one's own: any object with a Denoiser's attributes, composed with the planner while sampling.

sail run prior.kind=bring_your_prior:still_prior prior.rule=normalised prior.strength=0.2
"""

import torch
from torch import Tensor

import sail
from sail.config.schema import RunConfig
from sail.loop.agent import Agent


class StillPrior:
    """Believes that nothing changes: its clean sample is no change at all, whatever the text says."""

    def __init__(self, agent: Agent) -> None:
        planner = agent.planner
        self.latent_shape, self.frames = planner.latent_shape, planner.frames
        self.text_width, self.alphas = planner.text_width, planner.alphas

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε at integer timesteps (B,): float32 (B, F, C, h, w). With x_0 = 0, x_t is noise alone."""
        alpha = self.alphas.to(latents.device)[timestep][:, None, None, None, None]
        return latents / torch.sqrt(1.0 - alpha)


def still_prior(config: RunConfig, agent: Agent) -> StillPrior:
    """The prior of a run's settings, for the agent that is to plan with it."""
    return StillPrior(agent)


if __name__ == "__main__":
    settings = {"prior.kind": "bring_your_prior:still_prior", "prior.strength": 0.2}
    results = sail.improve("metaworld", "door-close", "runs/still", settings, "smoke")
    print([row["success_rate"] for row in results["iterations"]])
