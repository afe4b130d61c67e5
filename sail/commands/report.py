"""`sail report`: write a run's report again."""

import argparse

from sail.commands.common import Command, only_path
from sail.runfolder import open_run


def configure(parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def run(arguments: argparse.Namespace) -> None:
    """Write report.html from what the run folder holds."""
    folder = open_run(only_path(arguments.words, "one run folder"))
    from sail.report.html import write_report

    print(f"report: {write_report(folder.path)}")


COMMAND = Command("report", "write a run's report.html again", "RUN_FOLDER", configure, run)
