"""The documents keep their word: links, paths and commands are true, and no page grows beyond reading."""

import ast
import importlib
import re
from argparse import Namespace
from pathlib import Path

import pytest

from sail.cli import main as cli
from sail.cli.options import config_of, split_words, tasks_of
from sail.config import overrides as settings

from documents import CARDS, PAGES, ROOT, Command, anchors, blocks, commands, hashes, links, paths, word_count

BUDGETS = {
    "README.md": 700,
    "CONTRIBUTING.md": 500,
    "SECURITY.md": 500,
    "docs/extending.md": 1400,
    "docs/method.md": 1800,
    "docs/prior.md": 1300,
    "docs/results.md": 2500,
    "docs/robot.md": 2000,
    "docs/trials.md": 2000,
}
ALL_WORDS = 14_000
# The page of what was tried names the commit that holds the whole text.
COMMITS_NAMED = {"trials.md": 1}
SOURCES = ("sail", "envs", "models", "robot", "launch", "benchmarks")
HISTORY = ("until commit", "presets until", "no longer")
EVERY_COMMAND = [command for page in (*PAGES, *CARDS) for command in commands(page)]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [*PAGES, *CARDS], ids=name_of)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in links(text):
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{name_of(page)} links to {link}"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{name_of(page)} links to {link}"
    for path in paths(text):
        assert list(ROOT.glob(path.rstrip("/"))), f"{name_of(page)} names {path}"


def test_sources_name_pages_that_there_are() -> None:
    files = [file for name in SOURCES for end in ("py", "yaml") for file in (ROOT / name).rglob(f"*.{end}")]
    for file in (ROOT / "pyproject.toml", *files):
        for page in re.findall(r"docs/\w+\.md", file.read_text(encoding="utf-8")):
            assert (ROOT / page).is_file(), f"{name_of(file)} names {page}"


@pytest.mark.parametrize(("page", "most"), BUDGETS.items())
def test_a_page_stays_short(page: str, most: int) -> None:
    assert word_count((ROOT / page).read_text(encoding="utf-8")) <= most


def test_all_pages_together_stay_short() -> None:
    found = {*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")}
    assert found == set(PAGES)
    assert sum(word_count(page.read_text(encoding="utf-8")) for page in found) <= ALL_WORDS
    assert len((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.parametrize("page", [*PAGES, *CARDS], ids=name_of)
def test_a_page_describes_the_present(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(set(hashes(text))) <= COMMITS_NAMED.get(page.name, 0), hashes(text)
    spoken = " ".join(text.split()).lower()
    assert [words for words in HISTORY if words in spoken] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_in_a_page_imports_what_there_is(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8"))[0]:
        if block.language != "python":
            continue
        for node in ast.walk(ast.parse("\n".join(block.lines))):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


# What a block's line begins with, and who says whether the line is right.
def check_sail(command: Command) -> None:
    arguments = cli.parse(command.words[1:])
    words = list(arguments.words)
    if arguments.command in ("distill", "bench"):
        words.pop(0)
    overrides = split_words(words, 1, "one folder")[1]
    suite = next((word.partition("=")[2] for word in overrides if word.startswith("suite=")), "")
    for tasks in (getattr(arguments, "tasks", None), getattr(arguments, "task", None)):
        assert tasks is None or tasks_of(tasks, suite)
    if arguments.command == "train":
        check_training(arguments, overrides)
    elif "preset" in arguments:
        config_of(arguments, overrides)
    else:
        assert not overrides


def check_training(arguments: Namespace, overrides: list[str]) -> None:
    from sail.training.base_weights import BaseConfig
    from sail.training.prior_fit import BroadConfig

    kind: type[BaseConfig] | type[BroadConfig] = BaseConfig if arguments.corpus is None else BroadConfig
    settings.construct(kind, settings.parse_overrides(kind, overrides))


def check_make(command: Command) -> None:
    targets = re.findall(r"^([a-z.]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert [word for word in command.words[1:] if "=" not in word and word not in targets] == []


def check_python(command: Command) -> None:
    if command.words[1] == "-m":
        importlib.util.find_spec(command.words[2])
    else:
        assert (ROOT / command.words[1]).is_file()


def check_ros2(command: Command) -> None:
    if command.words[1] != "launch":
        return
    package, file, *arguments = command.words[2:]
    assert package == "sail_robot" and (ROOT / "launch" / file).is_file()
    known = declared(ROOT / "launch" / "deploy.launch.py") | declared(ROOT / "launch" / file)
    for argument in arguments:
        if argument == "…":  # the reader's own
            continue
        key, assigned, value = argument.partition(":=")
        assert (assigned and key in known) or argument == "-s", argument
        assert value in known.get(key) or [value], argument


def declared(launch: Path) -> dict[str, list[str]]:
    """The arguments that a launch file declares, and what each may be: any text where nothing is said."""
    tree = ast.parse(launch.read_text(encoding="utf-8"))
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DeclareLaunchArgument":
            choices = next((one.value for one in node.keywords if one.arg == "choices"), ast.Tuple([]))
            choices = constants[choices.id] if isinstance(choices, ast.Name) else choices
            found[ast.literal_eval(node.args[0])] = list(ast.literal_eval(choices))
    return found


CHECKS = {"sail": check_sail, "make": check_make, "python": check_python, "ros2": check_ros2}


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=str)
def test_a_command_means_something(command: Command) -> None:
    if command.words[0] in CHECKS:
        CHECKS[command.words[0]](command)


def test_commands_in_sentences_are_commands() -> None:
    for page in PAGES:
        prose = "\n".join(blocks(page.read_text(encoding="utf-8"))[1])
        assert set(re.findall(r"`sail ([a-z]+)", prose)) <= set(cli.COMMANDS), name_of(page)
