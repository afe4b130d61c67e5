"""`sail doctor`: what works on this machine, or in a task suite, what does not, and what to do."""

import argparse
import sys
from pathlib import Path

from sail.cli.command import Command, FoundWrong, UsageError
from sail.cli.options import add_json_option, overrides_of, tasks_of, whole_number
from sail.errors import SailError

_PICTURE = "picture.png"


class UnhealthyError(SailError):
    """Something that a run needs does not work."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--suite",
        metavar="NAME",
        help="examine this task suite instead: a name, package.module:NAME, or a YAML file",
    )
    parser.add_argument(
        "--task", metavar="NAMES", help="with --suite: tasks, with commas between (default: all)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"with --suite: the picture of its tasks (default: {_PICTURE})",
    )
    parser.add_argument(
        "--episodes",
        type=whole_number(1),
        metavar="N",
        help="with --suite: that an expert is given (default: 3)",
    )
    parser.add_argument(
        "--horizon",
        type=whole_number(1),
        metavar="STEPS",
        help="with --suite: steps an episode (default: 200)",
    )
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> None:
    """Check and print; fail if something is missing that a run needs, or wrong with the suite."""
    overrides_of(arguments.words)
    if arguments.suite is not None:
        _examine(arguments)
        return
    for option in ("task", "out", "episodes", "horizon"):
        if getattr(arguments, option) is not None:
            raise UsageError(f"--{option} goes with --suite: name the suite to examine")
    from sail.system.doctor import healthy, print_checks, run_checks

    checks = run_checks()
    print_checks(checks, arguments.json)
    if not healthy(checks):
        broken = ", ".join(check.name for check in checks if check.needed and not check.ok)
        raise UnhealthyError(f"a run needs what does not work here: {broken}")


def _examine(arguments: argparse.Namespace) -> None:
    from sail.system.doctor import Check, print_checks
    from sail.system.suite_checks import examine
    from sail.system.suite_picture import write_picture
    from sail_envs.suite import find_suite

    suite = find_suite(arguments.suite)
    tasks = tasks_of(arguments.task or ",".join(suite.tasks), arguments.suite)
    checks, pairs = examine(
        suite,
        tasks,
        arguments.episodes or 3,
        arguments.horizon or 200,
        lambda task: print(f"{task} ...", file=sys.stderr, flush=True),
    )
    if pairs:
        out = arguments.out or Path(_PICTURE)
        write_picture(out, suite, pairs)
        checks.append(Check("picture", True, f"{out}: is each task what its prompt says, the right way up?"))
    print_checks(checks, arguments.json, marks=("WRONG", "note"))
    wrong = [check.name for check in checks if check.needed and not check.ok]
    if wrong:
        raise FoundWrong(f"suite {suite.name} is wrong in {', '.join(wrong)}: see above")


COMMAND = Command("", configure, run)
