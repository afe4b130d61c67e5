"""Everything that a network is given is where the network is: here on `meta`, a device of its own on every
computer, which like a GPU refuses to compute with what was left on the processor. Nor can anything be read
from there: what is fitted there never waits for a GPU either, and its steps can be captured."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from sail.training import few_step_distillation, inverse_dynamics_fit, policy_fit, verifier_fit
from sail.training.batches import to_device
from sail.training.few_step_distillation import distillation_loss
from sail.training.inverse_dynamics_fit import DynamicsBatch, dynamics_loss
from sail.training.policy_fit import PolicyBatch, policy_loss
from sail.training.verifier_fit import VerifierBatch, verifier_loss
from sail_models.device import best_device
from sail_models.diffusion import denoiser
from sail_models.diffusion.composition import RULES
from sail_models.diffusion.denoiser import PlanBatch, diffusion_loss
from sail_models.diffusion.sampler import ConditionedDenoiser, denoise, make_sampling_schedule
from sail_models.diffusion.schedule import cosine_alphas
from sail_models.networks import grounding
from sail_models.networks.grounding import grounding_loss
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.networks.policy import Policy, PolicyConfig
from sail_models.networks.verifier import Verifier, VerifierNetworkConfig
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig

from embodied import frame_sizes, plan_sizes, sizes

META = torch.device("meta")
# `meta` has no generator of its own.
GENERATOR = SimpleNamespace(device=META)
BATCH = 3
FIRST, FUTURE, TEXT = torch.zeros(BATCH, 4, 8, 8), torch.zeros(BATCH, 8, 4, 8, 8), torch.ones(BATCH, 16, 384)
SMALL = PlannerNetworkConfig(**plan_sizes(), latent_channels=4, widths=(16, 32), heads=2)


@pytest.fixture(autouse=True)
def _random_numbers_on_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    def normal(shape: Sequence[int], generator: object) -> Tensor:
        return torch.zeros(tuple(shape), device=META)

    modules = (denoiser, grounding, few_step_distillation, inverse_dynamics_fit, policy_fit, verifier_fit)
    for module in modules:
        monkeypatch.setattr(module, "mixed_precision", contextlib.nullcontext, raising=False)
        for name in ("normal", "uniform"):
            monkeypatch.setattr(module, name, normal, raising=False)
    for name in ("randn", "randint"):
        original = getattr(torch, name)
        monkeypatch.setattr(torch, name, _without_generator(original))


def _without_generator(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *words, generator=None, **more: function(*words, **more)


@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("loss", [diffusion_loss, distillation_loss])
def test_planners_are_fitted_where_they_are(loss: Callable[..., Tensor], layers: int) -> None:
    network = PlannerNetwork(replace(SMALL, grounding_layers=layers)).to(META)
    batch = to_device(PlanBatch(FIRST, FUTURE, TEXT, noise=FUTURE), META)
    assert loss(network, batch, GENERATOR).device == META
    with pytest.raises(RuntimeError):
        loss(network, replace(batch, text=TEXT), GENERATOR)


@pytest.mark.parametrize("head", ["regression", "diffusion"])
def test_policies_and_inverse_dynamics_are_fitted_and_act_where_they_are(head: str) -> None:
    frames, arm = torch.zeros(BATCH, 3, 64, 64, device=META), torch.zeros(BATCH, 4, device=META)
    actions, noise = torch.zeros(BATCH, 8, 4, device=META), torch.zeros(BATCH, 32, device=META)
    acting = Policy(PolicyConfig(head=head, **sizes())).to(META)  # type: ignore[arg-type]
    batch = PolicyBatch(frames, TEXT.to(META), arm, actions)
    assert policy_loss(acting, batch, GENERATOR).device == META  # type: ignore[arg-type]
    autoencoder = Autoencoder(AutoencoderConfig()).to(META)
    shown = DynamicsBatch(frames, frames, arm, actions, arm)
    dynamics = InverseDynamics(InverseDynamicsConfig(head=head, **sizes())).to(META)  # type: ignore[arg-type]
    assert dynamics.loss(frames, frames, arm, actions, arm, GENERATOR).device == META  # type: ignore[arg-type]
    assert dynamics_loss(autoencoder, BATCH)(dynamics, shown, GENERATOR).device == META  # type: ignore[arg-type]
    assert dynamics(frames, frames, arm, noise).device == META
    assert acting(frames, TEXT.to(META), arm, noise).device == META


def test_verifiers_and_groundings_are_fitted_where_they_are() -> None:
    frames, done = torch.zeros(BATCH, 3, 64, 64, device=META), torch.zeros(BATCH, device=META)
    verifier = Verifier(VerifierNetworkConfig(**frame_sizes())).to(META)
    judged = VerifierBatch(frames, frames, frames[:, :2], TEXT.to(META), done)
    assert verifier_loss(verifier, judged, GENERATOR).device == META  # type: ignore[arg-type]
    network = PlannerNetwork(replace(SMALL, grounding_layers=1)).to(META)
    batch = to_device(PlanBatch(FIRST, FUTURE, TEXT, at=torch.zeros(BATCH, 2)), META)
    assert network.grounding is not None
    assert grounding_loss(network)(network.grounding, batch, GENERATOR).device == META  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["in_domain", "normalised", "probabilistic"])
def test_plans_are_drawn_where_the_networks_are(rule: str) -> None:
    shape = CompactPriorConfig(**plan_sizes(), latent_channels=4)
    networks: dict[str, nn.Module] = {"domain": PlannerNetwork(SMALL), "prior": CompactPrior(shape)}
    text, first = TEXT.to(META), FIRST.to(META)
    models = {
        part: ConditionedDenoiser(network.to(META), text, text, first)  # type: ignore[arg-type]
        for part, network in networks.items()
    }
    schedule = make_sampling_schedule(RULES[rule], dict.fromkeys(models, cosine_alphas()), 2)  # type: ignore[arg-type]
    guidance = torch.zeros(BATCH, device=META)
    assert denoise(schedule, models, FUTURE.to(META), guidance).device == META  # type: ignore[arg-type]


def test_what_is_not_a_tensor_stays_and_what_is_there_is_the_best() -> None:
    batch = to_device(PlanBatch(FIRST, FUTURE, TEXT), META)
    assert batch.at is None and batch.first_frame.device == batch.text.device == META
    assert best_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
