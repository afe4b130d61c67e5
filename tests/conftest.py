"""Fixtures of several test files, among them base weights that load and act but know nothing."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from endpoints import Answers
from helpers import LABELLED, SMALL, Labelling


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where two processes share the tests, a file's tests stay together, and so do those that need the same
    student or exported folder, which take minutes to make."""
    dear = {"exported", "exported_student", "exported_policy", "tiny_student"}
    for item in items:
        shared = dear & set(getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group("exported" if shared else str(item.path)))
    # They go first: one process makes them while the other does the rest.
    items.sort(key=lambda item: not dear & set(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of random base weights for MetaWorld, small enough for tests. Read it, don't write into it."""
    # Here, so that tests of what needs no model do not wait for PyTorch.
    import torch

    from sail.embodiment import FILE
    from sail_envs.metaworld.metaworld_tasks import METAWORLD
    from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
    from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
    from sail_models.networks.policy import Policy, PolicyConfig
    from sail_models.saving import save_model
    from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig

    from embodied import plan_sizes, sizes

    folder = tmp_path_factory.mktemp("tiny_base")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = {
            "autoencoder": Autoencoder(AutoencoderConfig(latent_channels=4, widths=(8, 8, 16))),
            "planner": PlannerNetwork(
                PlannerNetworkConfig(
                    **plan_sizes(), latent_channels=4, widths=(16,), heads=2, grounding_layers=0
                )
            ),
            "inverse_dynamics": InverseDynamics(
                InverseDynamicsConfig(widths=(8, 8, 8, 8), features=16, **sizes())
            ),
            "policy": Policy(PolicyConfig(widths=(8, 8, 8, 8), features=16, hidden=32, **sizes())),
        }
    for name, model in parts.items():
        save_model(folder / name, model, half=True)
    (folder / FILE).write_bytes(METAWORLD.embodiment.as_json())
    return folder


@pytest.fixture(scope="session")
def tiny_panda(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights for the table top. Read it, don't write into it."""
    from sail.embodiment import FILE
    from sail_envs.panda.panda_tasks import EMBODIMENT

    folder = tmp_path_factory.mktemp("tiny_panda") / "base"
    shutil.copytree(tiny_base, folder)
    (folder / FILE).write_bytes(EMBODIMENT.as_json())
    return folder


@pytest.fixture(scope="session")
def tiny_prior(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random prior for the tiny base."""
    import torch

    from sail_models.prior.compact import CompactPrior, CompactPriorConfig
    from sail_models.saving import save_model

    from embodied import plan_sizes

    folder = tmp_path_factory.mktemp("tiny_prior")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        prior = CompactPrior(
            CompactPriorConfig(**plan_sizes(), latent_channels=4, widths=(16,), grounding_layers=1)
        )
    save_model(folder, prior, half=True)
    return folder


@pytest.fixture(scope="session")
def exported_as(tiny_panda: Path, tiny_prior: Path) -> tuple[str, ...]:
    """The settings of what is exported: composed in the first of two steps."""
    prior = ("kind=compact", f"path={tiny_prior}", "rule=inverse_probabilistic", "strength=0.3", "until=0.5")
    settings = (f"base={tiny_panda}", "planner.steps=2", "planner.guidance=2", "task=cups-orange")
    return (*settings, *(f"prior.{setting}" for setting in prior))


@pytest.fixture(scope="session")
def exported(
    exported_as: tuple[str, ...], two_episodes: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder that `sail export` made of the tiny base and prior. Read it, don't write into it."""
    from sail.cli import main as cli

    folder = tmp_path_factory.mktemp("exported") / "folder"
    assert cli.main(["export", *exported_as, "--frames", str(two_episodes), "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def two_episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two episodes of noise, in the planner's size."""
    from sail.data.store import EpisodeStore
    from sail_envs.panda.panda_tasks import EMBODIMENT

    from helpers import make_episode

    folder = tmp_path_factory.mktemp("two_episodes")
    store = EpisodeStore(folder)
    for seed in range(2):
        store.add(make_episode(steps=9, seed=seed, shape=(EMBODIMENT.height, EMBODIMENT.width)))
    return folder


@pytest.fixture(scope="session")
def composed_as(tiny_panda: Path, tiny_prior: Path) -> tuple[str, ...]:
    """The settings of a teacher: the tiny base composed with the tiny prior, in four steps."""
    prior = ("prior.kind=compact", f"prior.path={tiny_prior}", "prior.until=0.5")
    return (f"base={tiny_panda}", *prior, "task=cups-red", "planner.steps=4", "planner.guidance=3")


@pytest.fixture(scope="session")
def tiny_student(
    composed_as: tuple[str, ...], two_episodes: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder that `sail distill` made of that teacher. Read it, don't write into it."""
    from sail.cli import main as cli

    folder = tmp_path_factory.mktemp("student") / "out"
    words = ("distill", "few-step", *composed_as, "--data", two_episodes, "--out", folder)
    assert cli.main([str(word) for word in (*words, "--pairs", 8, "--steps", 150, "--batch", 8)]) == 0
    return folder


@pytest.fixture(scope="session")
def exported_student(
    tiny_student: Path, two_episodes: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder that `sail export` made of the student, in one step. Read it, don't write into it."""
    from sail.cli import main as cli

    folder = tmp_path_factory.mktemp("exported_student") / "folder"
    words = ("export", f"base={tiny_student}", "prior.kind=none", "planner.steps=1", "task=cups-red")
    assert cli.main([*words, "--frames", str(two_episodes), "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def exported_policy(tiny_panda: Path, two_episodes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `sail export` made of the tiny policy. Read it, don't write into it."""
    from sail.cli import main as cli

    folder = tmp_path_factory.mktemp("exported_policy") / "folder"
    words = ("export", f"base={tiny_panda}", "method=bc-loop", "task=cups-red")
    assert cli.main([*words, "--frames", str(two_episodes), "--out", str(folder)]) == 0
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


@pytest.fixture(scope="session")
def finished(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, made by the command line. Read it, don't write into it."""
    from sail.cli import main as cli

    folder = tmp_path_factory.mktemp("cli") / "run"
    assert cli.main(["run", "--preset", "smoke", *SMALL, f"base={tiny_base}", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def labelling(tmp_path: Path) -> Iterator[Labelling]:
    """The labelling page at work; what has no label at the test's end is skipped."""
    made = Labelling(tmp_path)
    yield made
    for episode in range(LABELLED):
        if made.thread.is_alive():
            made.say(episode, "skip")
    if made.thread.is_alive():
        made.ask("POST", "/finish", {})
    made.thread.join(timeout=10)
    assert not made.thread.is_alive()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """A stand-in for a vision-language model's endpoint."""
    from sail.filters.vlm import endpoint

    monkeypatch.setattr(endpoint, "_WAIT", 0.01)
    with Answers() as server:
        yield server


@pytest.fixture
def without_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands beside the curve takes longer than the loop, where that is as small as here."""
    from sail.loop.learners import PlannerLearner

    monkeypatch.setattr(PlannerLearner, "beside_curve", lambda learner, session: {})
