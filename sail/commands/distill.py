"""`sail distill`: a planner of fewer steps, taught by one of many."""

import argparse
from pathlib import Path

from sail.commands.common import (
    OVERRIDES,
    Command,
    UsageError,
    add_config_options,
    going_on_with,
    whole_number,
    writable_folder,
)
from sail.commands.export import source_of

WHAT = "few-step"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_options(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the student goes; what is there is kept"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="STORE",
        help="episodes at whose frames the teacher plans (default: the run's own)",
    )
    parser.add_argument("--iteration", type=whole_number(0), metavar="K", help="a run's checkpoint")
    parser.add_argument(
        "--pairs", type=whole_number(1), default=6000, metavar="N", help="plans of the teacher (6000)"
    )
    parser.add_argument(
        "--steps", type=whole_number(1), default=4000, metavar="N", help="optimiser steps (4000)"
    )
    parser.add_argument("--batch", type=whole_number(1), default=32, metavar="N", help="of each step (32)")


def run(arguments: argparse.Namespace) -> None:
    """Let the teacher plan, and fit the student."""
    if arguments.words[:1] != [WHAT]:
        raise UsageError(f"what is to be distilled? sail distill {WHAT}")
    arguments.words = arguments.words[1:]
    folder, config, teacher = source_of(arguments)
    if folder is None and arguments.data is None:
        raise UsageError("at which frames is the teacher to plan? give --data STORE, or name a run")
    from sail.data.store import EpisodeStore
    from sail.embodiment import write_embodiment
    from sail.report.live import LiveTable
    from sail.train.student import StudentConfig, distil
    from sail_envs.tasks import TASKS, family_of
    from sail_models.saving import save_model

    data = arguments.data if folder is None or arguments.data else folder.episodes
    store = EpisodeStore(data)
    if not store.records():
        raise UsageError(f"{data} holds no episodes: sail collect fills it")
    agent, family = teacher.agent, family_of(config.task)
    prompts = [TASKS[task] for task in family.tasks] if family.one_scene else []
    out = writable_folder(arguments.out)
    settings = StudentConfig(pairs=arguments.pairs, steps=arguments.steps, batch=arguments.batch)
    with going_on_with("the same command"), LiveTable(f"a student of {agent.identity} into {out}") as live:
        distil(agent, teacher.sampling, store, prompts, settings, out, live)
    # The rest of what acts, so that the folder is a base like any other.
    save_model(out / "autoencoder", agent.autoencoder, half=True)
    save_model(out / "inverse_dynamics", agent.inverse_dynamics, half=True)
    write_embodiment(out, teacher.embodiment)
    print(f"distilled: sail evaluate base={out} prior.kind=none planner.steps=2")


COMMAND = Command(
    "distill",
    f"teach a planner of fewer steps: sail distill {WHAT}",
    f"{WHAT} [RUN_FOLDER or {OVERRIDES}]",
    configure,
    run,
)
