"""A configuration's networks: the base, the prior, and whether they belong together."""

from pathlib import Path

import pytest

from sail.config.resolution import load_config
from sail.config.schema import RunConfig
from sail.loop.agent import load_agent, sampling_of
from sail_models.networks.planner_network import PlannerNetwork
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.prior.compatibility import PriorError
from sail_models.saving import load_model, model_identity, save_model
from sail_models.spaces.autoencoder import Autoencoder

from embodied import plan_sizes


def config_of(base: Path, *overrides: str) -> RunConfig:
    return load_config("smoke", None, [f"base={base}", *overrides])


def save_prior(folder: Path, base: Path, **changed: object) -> Path:
    """A small random prior that goes with the base, but for what is changed."""
    planner: PlannerNetwork = load_model(base / "planner", "planner")
    autoencoder: Autoencoder = load_model(base / "autoencoder", "autoencoder")
    settings: dict[str, object] = {
        **plan_sizes(),
        "latent_channels": planner.config.latent_channels,
        "widths": (16, 32),
        "change_scale": planner.config.change_scale,
        "autoencoder": model_identity(autoencoder),
        **changed,
    }
    save_model(folder, CompactPrior(CompactPriorConfig(**settings)))  # type: ignore[arg-type]
    return folder


def test_a_prior_comes_with_its_rule(tiny_base: Path, tmp_path: Path) -> None:
    path = save_prior(tmp_path / "prior", tiny_base)
    words = ["prior.kind=compact", f"prior.path={path}", "prior.rule=probabilistic", "prior.strength=0.3"]
    config = config_of(tiny_base, *words, "prior.negative=a blurry picture", "planner.temperature=2")
    agent, sampling = load_agent(config), sampling_of(config)
    assert isinstance(agent.prior, CompactPrior)
    assert agent.video_planner.prior is agent.prior
    assert (sampling.rule, sampling.strength) == ("probabilistic", 0.3)
    assert (sampling.negative, sampling.temperature) == ("a blurry picture", 2.0)
    without = config_of(tiny_base, *words[2:])
    assert load_agent(without).prior is None
    assert (sampling_of(without).rule, sampling_of(without).strength) == ("in_domain", None)
    assert sampling_of(config_of(tiny_base, *words)).negative == ""


def test_a_prior_of_another_autoencoder_is_one_line(tiny_base: Path, tmp_path: Path) -> None:
    path = save_prior(tmp_path / "prior", tiny_base, autoencoder="0123456789ab")
    with pytest.raises(PriorError, match=r"latents of another autoencoder than base .*: choose a base"):
        load_agent(config_of(tiny_base, "prior.kind=compact", f"prior.path={path}"))


def test_a_prior_of_other_latents_is_one_line(tiny_base: Path, tmp_path: Path) -> None:
    path = save_prior(tmp_path / "prior", tiny_base, latent_width=4)
    with pytest.raises(PriorError, match=r"its latents \(\d+, 8, 4\), needed"):
        load_agent(config_of(tiny_base, "prior.kind=compact", f"prior.path={path}"))


def test_the_shipped_prior_is_of_the_table_top(tiny_base: Path) -> None:
    with pytest.raises(PriorError, match="base=panda goes with the one that ships"):
        load_agent(config_of(tiny_base, "prior.kind=compact"))
