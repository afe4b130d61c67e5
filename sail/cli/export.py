"""`sail export`: write a planner and inverse dynamics, or a policy, as ONNX models that run without torch."""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sail.cli.command import Command, UsageError
from sail.cli.options import OVERRIDES, add_config_options, checkpoint_of, one_of, run_or_config, whole_number
from sail.config.method import find_method
from sail.export.folder import PRECISIONS, check_empty

if TYPE_CHECKING:
    from sail.config.schema import RunConfig
    from sail.export.comparison_frames import Scenes
    from sail.export.exporter import Exportable
    from sail.loop.agent import PolicyAgent
    from sail.loop.run_folder import RunFolder


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_options(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="an empty or new folder")
    parser.add_argument(
        "--precision",
        type=one_of("precision", PRECISIONS),
        default="fp32",
        metavar="|".join(PRECISIONS),
        help="of the planner: fp32 (default), fp16 for GPUs, int8 convolutions for CPUs",
    )
    parser.add_argument(
        "--iteration", type=whole_number(0), metavar="K", help="a run's checkpoint; its last where left out"
    )
    parser.add_argument(
        "--frames",
        type=Path,
        metavar="STORE",
        help="compare by these episodes' frames, not by simulated ones",
    )
    parser.add_argument(
        "--check", type=Path, metavar="DIR", help="only compare what is in this folder with its source"
    )


def run(arguments: argparse.Namespace) -> None:
    """Export and compare with the source, or only compare."""
    if arguments.check is not None:
        if arguments.out is not None or arguments.words:
            raise UsageError("--check compares what is there: give nothing else to export")
        _check(arguments.check)
        return
    if arguments.out is None:
        raise UsageError("where to? give --out DIR")
    from sail.config.suites import suite_of_run
    from sail.data.store import EpisodeStore
    from sail.export.comparison_frames import CHECKED, recorded, simulated

    check_empty(arguments.out)
    folder, config = run_or_config(arguments)
    report = stage_report()

    def scenes() -> "Scenes":
        store = arguments.frames
        return (
            simulated(suite_of_run(config), config.task) if store is None else recorded(EpisodeStore(store))
        )

    if not find_method(config.method).plans:
        from sail.export.exporter import export_policy

        if arguments.precision != "fp32":
            raise UsageError("a policy is small and exported in fp32: leave --precision out")
        agent = _policy_of(folder, config, arguments.iteration)
        print(f"export of policy {agent.identity} into {arguments.out}", flush=True)
        parity = export_policy(agent, scenes().split(CHECKED)[0], arguments.out, report).parity
    else:
        from sail.export.exporter import export_planner

        source = exportable_of(folder, config, arguments.iteration)
        identity = source.agent.identity
        print(f"export of planner {identity} ({arguments.precision}) into {arguments.out}", flush=True)
        compared, calibration = scenes().split(CHECKED)
        precision = arguments.precision
        parity = export_planner(source, compared, calibration, arguments.out, precision, report).parity
    _tell(arguments.out, parity)


def _policy_of(folder: "RunFolder | None", config: "RunConfig", iteration: int | None) -> "PolicyAgent":
    """The policy of a configuration, or of a run's checkpoint."""
    import torch

    from sail.embodiment import read_embodiment
    from sail.loop.agent import base_of, load_policy

    base = base_of(config)
    at = checkpoint_of(iteration, folder) or base
    return load_policy(at, torch.device("cpu"), read_embodiment(base))


def exportable_of(folder: "RunFolder | None", config: "RunConfig", iteration: int | None) -> "Exportable":
    """The planning agent of a configuration, with the planner of a run's checkpoint if there is a run.

    iteration: the checkpoint; None is the last one. Raises SailError.
    """
    import torch

    from sail.export.exporter import Exportable
    from sail.loop.agent import load_agent, sampling_of, with_checkpoint
    from sail_envs.rendering import choose_backend

    choose_backend()  # before MuJoCo is imported
    agent = load_agent(config, device=torch.device("cpu"))
    at = checkpoint_of(iteration, folder)
    if at is not None:
        agent = with_checkpoint(agent, at)
    return Exportable(agent, sampling_of(config))


def stage_report(stream: TextIO | None = None) -> Callable[[str], None]:
    """A function that prints a stage's name after the seconds since now. stream: None is standard output."""
    began = time.monotonic()

    def report(stage: str) -> None:
        print(f"  {time.monotonic() - began:5.0f} s  {stage}", file=stream, flush=True)

    return report


def _check(folder: Path) -> None:
    from sail.export.parity import check_folder

    _tell(folder, check_folder(folder))


def _tell(folder: Path, parity: Mapping[str, float]) -> None:
    errors = ", ".join(f"{name} {error:.1e}" for name, error in parity.items() if name != "pixels")
    plans = f"plans {parity['pixels']:.3%} of the pixels' range off, " if "pixels" in parity else ""
    print(f"{folder} is as its source: {plans}relative errors {errors}")


COMMAND = Command(f"RUN_FOLDER or {OVERRIDES}", configure, run)
