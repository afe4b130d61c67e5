"""What several tests need: base weights that load and act but know nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of random base weights, small enough for tests. Read it, don't write into it."""
    # Here, so that tests of what needs no model do not wait for PyTorch.
    import torch

    from sail_models.autoencoder import Autoencoder, AutoencoderConfig
    from sail_models.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
    from sail_models.planner_network import PlannerNetwork, PlannerNetworkConfig
    from sail_models.saving import save_model

    folder = tmp_path_factory.mktemp("tiny_base")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = {
            "autoencoder": Autoencoder(AutoencoderConfig(latent_channels=4, widths=(8, 8, 16))),
            "planner": PlannerNetwork(PlannerNetworkConfig(latent_channels=4, widths=(16, 32), heads=2)),
            "inverse_dynamics": InverseDynamics(InverseDynamicsConfig(widths=(8, 8, 8, 8), features=16)),
        }
    for name, model in parts.items():
        save_model(folder / name, model, half=True)
    return folder


@pytest.fixture
def processes_of_session() -> Callable[[int], list[int]]:
    """Finds the processes of a session, by the id of its first process, that have not ended."""

    def find(leader: int) -> list[int]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(session) == leader and state != "Z":
                found.append(int(stat.parent.name))
        return found

    return find
