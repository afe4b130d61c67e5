"""What a command is, and the ways in which one ends. Imports nothing that takes time."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from sail.errors import SailError


class UsageError(SailError):
    """A command line that cannot be understood."""


class FoundWrong(SailError):
    """What a command was asked to examine is wrong."""


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM. number: the signal's. cure: how to go on."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.cure = "nothing was lost that was finished"


@dataclass(frozen=True)
class Command:
    """A command's arguments and what it does. words, words_help: the arguments without a dash in the help, ""
    if it takes none.

    run takes the parsed arguments, of which `words` are those without a dash.
    """

    words: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    words_help: str = "settings, such as task=door-close seed=3 planner.steps=8"
