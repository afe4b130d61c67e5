"""Shared by the commands: their declaration, settings, task names, folders, and what an interruption says."""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sail.cli.command import Interrupted, UsageError
from sail.config.resolution import load_config
from sail.config.schema import RunConfig
from sail.errors import not_found
from sail.loop.run_folder import CONFIG, RunFolder, open_run
from sail.system.files import file_errors
from sail.system.locks import locked

OVERRIDES = "key=value"


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """The options that every command with a run's settings has."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML, on top of the preset")
    parser.add_argument("--preset", metavar="NAME", help="settings to start from: smoke, quick, paper, panda")
    parser.add_argument("--prior", metavar="none|compact|animatediff", help="short for prior.kind=")
    parser.add_argument("--prior-path", metavar="DIR", help="short for prior.path=: the prior's folder")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """The option for scripts."""
    parser.add_argument("--json", action="store_true", help="print JSON; progress goes to standard error")


def config_of(arguments: argparse.Namespace, overrides: Sequence[str], file: Path | None = None) -> RunConfig:
    """The settings that preset, file (where it is None, that of the arguments) and overrides make. Raises
    ConfigError."""
    short = {"prior.kind": arguments.prior, "prior.path": arguments.prior_path}
    given = [f"{key}={value}" for key, value in short.items() if value is not None]
    return load_config(arguments.preset, file or arguments.config, [*given, *overrides])


def run_or_config(arguments: argparse.Namespace) -> tuple[RunFolder | None, RunConfig]:
    """The run folder that the words name, if they do, and its settings; else the settings alone."""
    paths, overrides = split_words(arguments.words, 1, "one run folder and overrides key=value")
    if not paths:
        if arguments.iteration is not None:
            raise UsageError("--iteration is of a run: name its folder")
        return None, config_of(arguments, overrides)
    if arguments.config or arguments.preset:
        raise UsageError("a run folder has its own settings: change them with key=value")
    return open_run(paths[0]), config_of(arguments, overrides, paths[0] / CONFIG)


def iterations_of(asked: int | None, folder: RunFolder | None) -> list[int]:
    """The checkpoint asked for, or the base (0) and every checkpoint there is. Raises UsageError."""
    there = list(range(1 + (folder.last_checkpoint() if folder is not None else 0)))
    if asked is None:
        return there
    if asked not in there:
        raise UsageError(f"there is no checkpoint {asked}: there are {', '.join(map(str, there))}")
    return [asked]


def checkpoint_of(asked: int | None, folder: RunFolder | None) -> Path | None:
    """The folder of the checkpoint asked for, or of the last there is; None where that is the base. Raises
    UsageError."""
    iteration = iterations_of(asked, folder)[-1]
    return folder.finished_checkpoint(iteration) if folder is not None and iteration else None


def overrides_of(words: Sequence[str]) -> list[str]:
    """The words, all of them `key=value`. Raises UsageError."""
    return split_words(words, 0, OVERRIDES)[1]


def split_words(words: Sequence[str], paths: int, expected: str) -> tuple[list[Path], list[str]]:
    """At most `paths` paths, and the `key=value` words. expected: what the error asks for."""
    others = [word for word in words if _is_path(word)]
    overrides = [word for word in words if not _is_path(word)]
    if len(others) > paths:
        raise UsageError(f"cannot make sense of '{others[paths]}': expected {expected}")
    return [Path(word) for word in others], overrides


def _is_path(word: str) -> bool:
    """Whether a word is a path, as runs/lr=1e-3 is; no key has a separator."""
    return "=" not in word or "/" in word.partition("=")[0] or Path(word).exists()


def only_path(words: Sequence[str], expected: str) -> Path:
    """The one path that the words are. Raises UsageError."""
    if len(words) != 1:
        raise UsageError(f"expected {expected}, got {len(words)} arguments")
    return Path(words[0])


def tasks_of(text: str, suite: str = "") -> list[str]:
    """The tasks that names of tasks and of sets of tasks, with commas between, mean. suite: the reference of
    the suite that has them. Raises UsageError."""
    from sail_envs.suite import task_sets

    tasks: dict[str, None] = {}
    sets = task_sets(suite)
    for name in filter(None, text.split(",")):
        if name not in sets:
            raise UsageError(not_found("task", name, list(sets)))
        tasks |= dict.fromkeys(sets[name])
    if not tasks:
        raise UsageError("no task given: name tasks with commas between, or seen, unseen or all")
    return list(tasks)


def one_of(kind: str, names: Sequence[str]) -> Callable[[str], str]:
    """An option's type: one of these names, else a line with the nearest."""

    def check(text: str) -> str:
        if text not in names:
            raise UsageError(not_found(kind, text, names))
        return text

    return check


def whole_number(low: int) -> Callable[[str], int]:
    """An option's type: a whole number from `low` on."""

    def check(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < low:
            raise UsageError(f"expected a whole number of at least {low}, not '{text}'")
        return int(text)

    return check


def writable_folder(path: Path) -> Path:
    """Make the folder and try to write in it, before anything is computed. Raises FileError."""
    with file_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    return path


@contextmanager
def going_on_with(command: str, folder: Path | None = None) -> Iterator[None]:
    """Within, an interruption names the `command` that goes on with the finished steps, and no other process
    works on the folder. Raises FileError where one does."""
    try:
        with nullcontext() if folder is None else locked(folder):
            yield
    except Interrupted as interrupted:
        interrupted.cure = f"finished steps are kept; go on with: {command}"
        raise
