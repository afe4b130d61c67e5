"""A captured step is the step: the same losses and the same weights, on a GPU."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from sail.training.batches import to_device
from sail.training.few_step_distillation import distillation_loss
from sail.training.inverse_dynamics_fit import DynamicsBatch, dynamics_loss
from sail.training.policy_fit import PolicyBatch, policy_loss
from sail.training.trainer import Trainer
from sail.training.verifier_fit import VerifierBatch, verifier_loss
from sail_models.diffusion.denoiser import PlanBatch, diffusion_loss
from sail_models.networks.grounding import grounding_loss
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.networks.policy import Policy, PolicyConfig
from sail_models.networks.verifier import Verifier, VerifierNetworkConfig
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig

from embodied import frame_sizes, plan_sizes, sizes

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="steps are captured on NVIDIA GPUs")

STEPS = 12
SHAPE = PlannerNetworkConfig(**plan_sizes(), latent_channels=4, widths=(16, 32), heads=2, grounding_layers=1)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def plans(count: int) -> PlanBatch:
    future = normal(count, 8, 4, 8, 8)
    return PlanBatch(
        normal(count, 4, 8, 8), future, normal(count, 16, 384), torch.full((count, 2), 0.4), future
    )


def seen(count: int) -> tuple[Tensor, Tensor, Tensor]:
    return normal(count, 3, 64, 64), normal(count, 4), normal(count, 8, 4).clamp(-1, 1)


def planner() -> PlannerNetwork:
    return PlannerNetwork(SHAPE).cuda()


def planners(loss: Callable[..., Tensor]) -> Callable[[], tuple[nn.Module, Callable[..., Tensor], Any]]:
    return lambda: (planner(), loss, plans)


def groundings() -> tuple[nn.Module, Callable[..., Tensor], Any]:
    network = planner()
    assert network.grounding is not None
    return network.grounding, grounding_loss(network), plans


def dynamics() -> tuple[nn.Module, Callable[..., Tensor], Any]:
    def batch(count: int) -> DynamicsBatch:
        frames, arm, actions = seen(count)
        return DynamicsBatch(frames, frames, arm, actions, arm)

    autoencoder = Autoencoder(AutoencoderConfig()).cuda()
    return InverseDynamics(InverseDynamicsConfig(**sizes())).cuda(), dynamics_loss(autoencoder, 6), batch


def policies() -> tuple[nn.Module, Callable[..., Tensor], Any]:
    def batch(count: int) -> PolicyBatch:
        frames, arm, actions = seen(count)
        return PolicyBatch(frames, normal(count, 16, 384), arm, actions)

    return Policy(PolicyConfig(**sizes())).cuda(), policy_loss, batch


def verifiers() -> tuple[nn.Module, Callable[..., Tensor], Any]:
    def batch(count: int) -> VerifierBatch:
        frames = seen(count)[0]
        return VerifierBatch(
            frames, frames, frames[:, :2].sigmoid(), normal(count, 16, 384), torch.arange(count) % 2.0
        )

    return Verifier(VerifierNetworkConfig(**frame_sizes())).cuda(), verifier_loss, batch


@pytest.mark.parametrize(
    "make", [planners(diffusion_loss), planners(distillation_loss), groundings, dynamics, policies, verifiers]
)
def test_captured_steps_are_the_steps(make: Callable[[], tuple[nn.Module, Any, Any]]) -> None:
    def fitted(captured: bool) -> tuple[Sequence[float], Tensor, Tensor]:
        torch.manual_seed(0)
        network, loss, batch = make()
        before = parameters_to_vector(network.parameters()).detach().clone()
        trainer = Trainer(network, loss, STEPS, 1e-3, seed=1)
        if not captured:
            trainer._gradients = lambda given: trainer._backward(to_device(given, trainer.device))
        # The last ones are smaller: they are captured again.
        losses = [trainer.step(batch(12 if step < STEPS - 3 else 8)) for step in range(STEPS)]
        return losses, before, parameters_to_vector(network.parameters()).detach()

    (losses, before, after), (again, _, other) = fitted(True), fitted(False)
    assert len(set(losses)) == STEPS  # noise is drawn anew, and the network learns
    assert losses == pytest.approx(again, rel=1e-3)
    # Sums in another order can turn a step of Adam where a gradient is next to nothing.
    assert float((after - other).norm()) < 0.02 * float((after - before).norm())
