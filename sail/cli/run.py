"""`sail run`: the improvement loop, into a run folder with a report."""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any, TextIO

from sail.cli.command import Command, UsageError
from sail.cli.options import (
    OVERRIDES,
    add_config_options,
    add_json_option,
    config_of,
    going_on_with,
    overrides_of,
)
from sail.config.method import find_method
from sail.config.schema import RunConfig
from sail.config.suites import suite_of_run
from sail.loop.run_folder import CONFIG, MANIFEST, create_run


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_options(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the run folder (default: runs/PRESET-TASK-sSEED)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    parser.add_argument("--dry-run", action="store_true", help="only print what would be done")
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the loop, or go on with it, and write the report."""
    config, out = _resolve(arguments)
    screen = sys.stderr if arguments.json else sys.stdout
    print(_intention(config, out), file=screen, flush=True)
    if arguments.dry_run:
        return
    from sail.loop.improve import check_run, improve
    from sail.report.clips import write_clips
    from sail.report.live_table import LiveTable
    from sail.report.page import write_report

    check_run(config)
    folder = create_run(out, config, arguments.resume)
    before = (out / MANIFEST).read_bytes()
    title = f"{config.task}, method {config.method}, seed {config.seed}"
    with (
        going_on_with(f"sail run --resume --out {shlex.quote(str(out))}"),
        LiveTable(title, screen) as progress,
    ):
        results = improve(config, folder, progress, film=write_clips)
        report = write_report(out)
    if (out / MANIFEST).read_bytes() == before:
        print(f"{out} was finished already: nothing was left to do", file=screen)
    _print_summary(results, report, screen)
    if arguments.json:
        print(json.dumps(results, indent=2))


def _resolve(arguments: argparse.Namespace) -> tuple[RunConfig, Path]:
    """The settings and the run folder; a run that is resumed without settings brings its own."""
    given = arguments.config is not None or arguments.preset is not None
    own = arguments.resume and arguments.out and not given and (arguments.out / MANIFEST).is_file()
    config = config_of(arguments, overrides_of(arguments.words), arguments.out / CONFIG if own else None)
    if find_method(config.method).joint:
        raise UsageError(
            f"method={config.method} is of several tasks: "
            f"sail bench protocol --tasks A,B --methods {config.method}"
        )
    return config, arguments.out or Path("runs") / f"{config.preset}-{config.task}-s{config.seed}"


def _intention(config: RunConfig, out: Path) -> str:
    evaluation = f"{config.evaluation_episodes} evaluation episodes"
    if not find_method(config.method).needs_weights:
        from sail.loop.exploration import control_name

        return f"{config.task} with {control_name(suite_of_run(config))}: {evaluation}, into {out}"
    iterations = "1 iteration" if config.iterations == 1 else f"{config.iterations} iterations"
    steps = config.training.steps if find_method(config.method).learns else "no"
    return (
        f"{config.task} with the weights '{config.base}': {evaluation}, then {iterations} of "
        f"{config.rollouts} rollouts, {steps} training steps and {evaluation}, into {out}"
    )


def _print_summary(results: dict[str, Any], report: Path, screen: TextIO) -> None:
    first, last = results["iterations"][0], results["iterations"][-1]
    rates = f"success {last['success_rate']:.0%}"
    if last is not first:
        rates = (
            f"success from {first['success_rate']:.0%} to {last['success_rate']:.0%}, "
            f"iteration {first['iteration']} to {last['iteration']}"
        )
    print(f"report: {report}", file=screen)
    print(f"{results['task']}: {rates}", file=screen)


COMMAND = Command(OVERRIDES, configure, run)
