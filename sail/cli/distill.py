"""`sail distill`: what was learnt, in a planner of fewer steps or in a small policy."""

import argparse
from pathlib import Path

from sail.cli.command import Command, UsageError
from sail.cli.export import exportable_of
from sail.cli.options import (
    OVERRIDES,
    add_config_options,
    checkpoint_of,
    going_on_with,
    run_or_config,
    whole_number,
    writable_folder,
)
from sail.config.method import find_method

FEW_STEP, POLICY = "few-step", "policy"
# Optimiser steps and batch where none are given.
_SCHEDULES = {FEW_STEP: (4000, 32), POLICY: (3000, 64)}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_options(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the student goes; what is there is kept"
    )
    parser.add_argument("--iteration", type=whole_number(0), metavar="K", help="a run's checkpoint")
    parser.add_argument(
        "--steps", type=whole_number(1), metavar="N", help="optimiser steps (few-step 4000, policy 3000)"
    )
    parser.add_argument(
        "--batch", type=whole_number(1), metavar="N", help="of each step (few-step 32, policy 64)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="STORE",
        help="few-step: episodes at whose frames the teacher plans (default: the run's own)",
    )
    parser.add_argument(
        "--pairs",
        type=whole_number(1),
        default=6000,
        metavar="N",
        help="few-step: plans of the teacher (6000)",
    )
    parser.add_argument(
        "--rollouts",
        type=whole_number(1),
        default=100,
        metavar="N",
        help="policy: rollouts of the teacher, whose successes are cloned (100)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Let the teacher work, and fit the student."""
    what, arguments.words = arguments.words[:1], arguments.words[1:]
    if what not in ([FEW_STEP], [POLICY]):
        raise UsageError(f"what is to be distilled? sail distill {FEW_STEP}, or sail distill {POLICY}")
    steps, batch = _SCHEDULES[what[0]]
    arguments.steps, arguments.batch = arguments.steps or steps, arguments.batch or batch
    if what == [FEW_STEP]:
        _few_step(arguments)
    else:
        _policy(arguments)


def _few_step(arguments: argparse.Namespace) -> None:
    folder, config = run_or_config(arguments)
    if not find_method(config.method).plans:
        raise UsageError(f"{FEW_STEP} is of plans, and method={config.method} makes none: distil a {POLICY}")
    teacher = exportable_of(folder, config, arguments.iteration)
    if folder is None and arguments.data is None:
        raise UsageError("at which frames is the teacher to plan? give --data STORE, or name a run")
    from sail.config.suites import suite_of_run
    from sail.data.store import EpisodeStore
    from sail.embodiment import FILE
    from sail.report.live_table import LiveTable
    from sail.system.files import write_atomically
    from sail.training.few_step_distillation import StudentConfig, distil
    from sail_models.saving import save_model

    data = arguments.data if folder is None or arguments.data else folder.episodes
    store = EpisodeStore(data)
    if not store.records():
        raise UsageError(f"{data} holds no episodes: sail collect fills it")
    agent, suite = teacher.agent, suite_of_run(config)
    prompts = list(suite.tasks.values()) if suite.one_scene else []
    out = writable_folder(arguments.out)
    settings = StudentConfig(pairs=arguments.pairs, steps=arguments.steps, batch=arguments.batch)
    with (
        going_on_with("the same command", out),
        LiveTable(f"a student of {agent.identity} into {out}") as progress,
    ):
        distil(agent, teacher.sampling, store, prompts, settings, out, progress)
    # The rest of what acts, so that the folder is a base like any other.
    save_model(out / "autoencoder", agent.autoencoder, half=True)
    save_model(out / "inverse_dynamics", agent.inverse_dynamics, half=True)
    write_atomically(out / FILE, teacher.embodiment.as_json())
    print(f"distilled: sail evaluate base={out} prior.kind=none planner.steps=2")


def _policy(arguments: argparse.Namespace) -> None:
    folder, config = run_or_config(arguments)
    from sail.embodiment import FILE
    from sail.loop.learners import learner_of
    from sail.report.live_table import LiveTable
    from sail.system.files import write_atomically
    from sail.training.policy_distillation import PolicyStudentConfig, distil_policy
    from sail_envs.rendering import choose_backend

    choose_backend()  # before MuJoCo is imported
    learner = learner_of(config)
    at = checkpoint_of(arguments.iteration, folder)
    teacher = (learner if at is None else learner.at(at)).agent
    out = writable_folder(arguments.out)
    settings = PolicyStudentConfig(arguments.rollouts, arguments.steps, arguments.batch)
    title = f"a policy that does {config.task} as {teacher.identity} does, into {out}"
    with going_on_with("the same command", out), LiveTable(title) as progress:
        results = distil_policy(teacher, config, settings, out, progress)
    write_atomically(out / FILE, teacher.embodiment.as_json())
    for name in ("teacher", "student"):
        one = results[name]
        print(
            f"{name}: {one['successes']}/{one['episodes']} = {one['success_rate']:.0%}, "
            f"{one['milliseconds_per_action']:.2f} ms an action"
        )
    print(f"distilled: sail evaluate base={out} method=bc-loop task={config.task}")


COMMAND = Command(f"{FEW_STEP} or {POLICY}, then RUN_FOLDER or {OVERRIDES}", configure, run)
