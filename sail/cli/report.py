"""`sail report`: write the report of a run, or of many, again."""

import argparse

from sail.cli.command import Command
from sail.cli.options import only_path
from sail.loop.run_folder import open_run
from sail.protocol.ledger import CELLS


def configure(parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def run(arguments: argparse.Namespace) -> None:
    """Write report.html from what the folder holds."""
    path = only_path(arguments.words, "one folder, of a run or of sail bench protocol")
    if (path / CELLS).exists():
        from sail.protocol.summary import write_summary

        print(f"report: {write_summary(path)}")
        return
    folder = open_run(path)
    from sail.report.page import write_report

    print(f"report: {write_report(folder.path)}")


COMMAND = Command("FOLDER", configure, run)
