"""Every command in the documents works, at the smallest size, one after another as they stand there.

They share one folder, so that a command finds what an earlier one has written. A command that stands twice
runs once. Tiny weights take the place of those that ship. Exporting takes minutes; tests/cli/test_export.py
does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sail.cli import main as cli
from sail.cli.options import tasks_of
from sail.data.store import EpisodeStore

from documents import PAGES, commands
from helpers import SMALL, make_episode

MEASURED = ("evaluation_episodes=2", "envs=2", "workers=0")
LEARNT = (*SMALL, "iterations=1", "training.inverse_dynamics_steps=2", "training.imagined_windows=4")
FITTED = ("autoencoder_steps=1", "planner_steps=1", "planner_batch=2", "inverse_dynamics_steps=1")
SETTINGS = {
    "run": LEARNT,
    "evaluate": (*MEASURED, "horizon=24", "planner.steps=1"),
    "plan": ("planner.steps=1",),
    "train": (*FITTED, "demonstrations=1", "play_seen=0", "play_unseen=0", "play_other=0"),
    "train --corpus": ("autoencoder_steps=1", "grounding_steps=1", "prior_steps=1", "prior_batch=2"),
    "distill policy": (*MEASURED, "planner.steps=2"),
    "bench protocol": LEARNT,
}
OPTIONS = {
    "collect": {"--episodes": "1", "--workers": "0"},
    "train": {"--workers": "0"},
    "distill few-step": {"--pairs": "4", "--steps": "2", "--batch": "2"},
    "distill policy": {"--rollouts": "2", "--steps": "2", "--batch": "2"},
    "bench protocol": {"--seeds": "1", "--iterations": "1", "--jobs": "1"},
}
SHIPPED = ("base=base", "base=panda")
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def done() -> set[tuple[str, ...]]:
    """The commands that have been run."""
    return set()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@dataclass(frozen=True)
class World:
    """Weights for an arm, and a demonstration of noise of every seen task: what `sail train` need not collect
    any more."""

    base: Path
    shown: Path


@pytest.fixture(scope="module")
def worlds(tiny_base: Path, tiny_panda: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, World]:
    """By whether a command is of the table top."""
    made = {}
    for table_top, base, tasks in ((False, tiny_base, "seen"), (True, tiny_panda, "cups-seen,drawers-seen")):
        store = EpisodeStore(tmp_path_factory.mktemp("shown"))
        for task in tasks_of(tasks):
            store.add(make_episode(12, shape=(64, 64), task=task, source="expert"))
        made[table_top] = World(base, store.folder)
    return made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(
    page: Path,
    scratch: Path,
    done: set[tuple[str, ...]],
    worlds: dict[bool, World],
    tiny_prior: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(scratch)
    if not Path("examples").exists():
        Path("examples").symlink_to(EXAMPLES)
    for command in commands(page):
        # As the Makefile has it.
        run = ("sail", "run", "--preset", "quick", "--out", "runs/quick")
        words = run if command.words[:2] == ("make", "run") else command.words
        if words[0] != "sail" or command.marked or exports(words) or words in done:
            continue
        done.add(words)
        code = cli.main(smaller(words[1:], worlds, tiny_prior))
        assert code == 0, f"{command}: {capsys.readouterr().err}"


def exports(words: Sequence[str]) -> bool:
    return words[1] == "export" or "--exported" in words or "inference" in words


def smaller(words: Sequence[str], worlds: dict[bool, World], prior: Path) -> list[str]:
    """The command line at the smallest size, with weights and demonstrations of its world."""
    table_top = any(name in word for word in words for name in ("panda", "cups", "drawers"))
    base, shown = worlds[table_top].base, worlds[table_top].shown
    name = " ".join(words[: 2 if words[0] in ("distill", "bench") else 1])
    if name == "train" and "--corpus" in words:
        name = "train --corpus"
    short = [word for word in words if word not in SHIPPED and word != "--resume"]
    for option, value in OPTIONS.get(name.partition(" --")[0], {}).items():
        short = with_option(short, option, value)
    if "--tasks" in short:
        short = with_option(short, "--tasks", tasks_of(short[short.index("--tasks") + 1])[0])
    if name == "train" and "--data" not in short:
        short += ["--data", str(shown)]
    if name == "distill policy":  # the tiny base never succeeds
        runs = [word for word in short[2:] if (Path(word) / "config.yaml").is_file()]
        return [word for word in short if word not in runs] + [*SETTINGS[name], "task=drawer-close"]
    own = any((Path(word) / "config.yaml").is_file() for word in short)
    acts = name in ("run", "evaluate", "plan", "distill few-step", "bench protocol")
    if acts and not own:
        if name == "plan":
            short = with_option(short, "--base", str(base))
        elif not any(word.startswith("base=") for word in short):
            short.append(f"base={base}")
        composed = {"panda", "compact", "prior.kind=compact"} & {*short} and "none" not in short
        if composed and "--prior-path" not in short:
            short += ["--prior-path", str(prior)]
    return [*short, *SETTINGS.get(name, ())]


def with_option(words: Sequence[str], option: str, value: str) -> list[str]:
    """The words with an option's value in the place of the one it had, if any."""
    if option not in words:
        return [*words, option, value]
    at = words.index(option)
    return [*words[: at + 1], value, *words[at + 2 :]]
