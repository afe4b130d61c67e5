"""The weights that ship are whole, and fit each other."""

from sail.agent import load_base
from sail.rollout import FRAME_SKIP
from sail_models.autoencoder import Autoencoder
from sail_models.inverse_dynamics import InverseDynamics
from sail_models.planner_network import CONFIGURATIONS
from sail_models.prior.compact import CompactPriorConfig
from sail_models.saving import PRETRAINED, load_model


def test_the_shipped_base_loads() -> None:
    assert load_base("base").planner.frames == 8


def test_the_table_tops_parts_are_what_its_planner_and_prior_are_to_be_trained_on() -> None:
    autoencoder: Autoencoder = load_model(PRETRAINED / "panda" / "autoencoder", "autoencoder")
    inverse_dynamics: InverseDynamics = load_model(
        PRETRAINED / "panda" / "inverse_dynamics", "inverse_dynamics"
    )
    assert inverse_dynamics.config.chunk == FRAME_SKIP
    # Both networks diffuse changes in units of this autoencoder's own, one a frame.
    for shape in (CONFIGURATIONS["wide"], CompactPriorConfig()):
        assert shape.latent_channels == autoencoder.config.latent_channels
        assert len(autoencoder.config.change_scale) == shape.frames
