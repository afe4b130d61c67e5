"""`sail doctor`: what works on this machine, what does not, and what to do."""

import argparse

from sail.cli.options import Command, add_json_option, overrides_of
from sail.errors import SailError


class UnhealthyError(SailError):
    """Something that a run needs does not work."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> None:
    """Check and print; fail if something is missing that a run needs."""
    overrides_of(arguments.words)
    from sail.system.doctor import healthy, print_checks, run_checks

    checks = run_checks()
    print_checks(checks, arguments.json)
    if not healthy(checks):
        broken = ", ".join(check.name for check in checks if check.needed and not check.ok)
        raise UnhealthyError(f"a run needs what does not work here: {broken}")


COMMAND = Command("doctor", "what works on this machine, what does not, what to do", "", configure, run)
