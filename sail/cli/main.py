"""The command `sail`: which commands there are, and how every one of them ends.

Exit codes: 0 done, 1 an examination found something wrong, 2 an error that the user can mend (one line),
128 + n ended by signal n (130 for Ctrl-C, 143 for SIGTERM).
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import NoReturn

from sail.cli.command import Command, FoundWrong, Interrupted, UsageError
from sail.errors import SailError, not_found
from sail.system.versions import package_version

# Name -> summary. A command's module, sail.cli.NAME, is imported when the command is asked for, so that the
# help of all is there at once.
COMMANDS = {
    "run": "improve at a task: collect, filter, fine-tune, evaluate, again",
    "evaluate": "measure success rates: of base weights, or of a run's checkpoints",
    "collect": "collect episodes that need no planner",
    "train": "train base weights, or a prior",
    "plan": "imagine the next frames of an image or a task's scene",
    "distill": "teach a planner of fewer steps, or a policy: sail distill few-step, sail distill policy",
    "export": "write a planner, or a policy, as ONNX models that run without torch",
    "bench": "measure what planning costs, or the loop on many tasks",
    "report": "write a report.html again, of a run or of sail bench protocol",
    "data": "list or verify a store of episodes or a corpus of clips",
    "doctor": "what works on this machine, or in a suite, and what does not",
}
FOUND_WRONG, ERROR = 1, 2
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (that of this process if None) and return its exit code."""
    _take_streams()
    try:
        with _raising_signals():
            arguments = parse(sys.argv[1:] if argv is None else argv)
            _command(arguments.command).run(arguments)
            sys.stdout.flush()
    except FoundWrong as error:
        return _fail(str(error), FOUND_WRONG)
    except SailError as error:
        return _fail(str(error))
    except Interrupted as interrupted:
        print(f"sail: interrupted: {interrupted.cure}", file=sys.stderr)
        return 128 + interrupted.number
    except BrokenPipeError:
        # Who read the output has left; Python's own flush at exit must not complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}")
    return 0


def _take_streams() -> None:
    """Go on where nobody reads the output, and write signs that its encoding lacks as escapes."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (as long as the process)
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line; `words` are those without a dash. Raises UsageError."""
    if not argv:
        raise UsageError(f"no command given: choose one of {', '.join(COMMANDS)}; see sail --help")
    if not argv[0].startswith("-") and argv[0] not in COMMANDS:
        raise UsageError(not_found("command", argv[0], list(COMMANDS)))
    parser, command = _parsers(argv[0])
    arguments, rest = parser.parse_known_args(argv)
    for word in rest:
        if word.startswith("-"):
            options = list(command._option_string_actions)
            raise UsageError(not_found("option", word.partition("=")[0], options))
    # argparse takes positional arguments in one place only; overrides may stand anywhere.
    arguments.words = [*arguments.words, *rest]
    return arguments


def _command(name: str) -> Command:
    command: Command = import_module(f"sail.cli.{name}").COMMAND
    return command


def _parsers(asked: str) -> tuple[_Parser, _Parser]:
    """The parser of all commands, and that of the command asked for, which alone knows its options."""
    description = "Robot arms that improve at a task by watching themselves."
    parser = _Parser(prog="sail", description=description, allow_abbrev=False)
    parser.add_argument(
        "--version", action="version", version=f"sail {package_version('sail-planner') or '(not installed)'}"
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers = {
        name: subparsers.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        for name, summary in COMMANDS.items()
    }
    if asked not in parsers:
        return parser, parser
    command = _command(asked)
    hint = command.words_help if command.words else argparse.SUPPRESS
    parsers[asked].add_argument("words", nargs="*", metavar=command.words, help=hint)
    command.configure(parsers[asked])
    return parser, parsers[asked]


@contextmanager
def _raising_signals() -> Iterator[None]:
    """Within, Ctrl-C and SIGTERM raise Interrupted, so that worker processes are ended and files closed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(message: str, code: int = ERROR) -> int:
    print(f"sail: error: {' '.join(message.splitlines())}", file=sys.stderr)
    return code
