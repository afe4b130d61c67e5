"""Success of one checkpoint on the simulated arm, over ROS 2, and in the plain environment.

Every node is a process of its own, and they talk over DDS. Attempts are labelled by service. On a busy
machine let the arm's clock run slower than the wall's (--speed).

python benchmarks/arm_attempts.py --task cups-green --attempts 20
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from common import RESULTS, write_result

from sail.config.resolution import load_config
from sail.loop.agent import load_agent
from sail.loop.evaluation import evaluate, rate
from sail.loop.statistics import wilson_interval
from sail_robot.nodes.arm_processes import ArmProcesses

PANDA = RESULTS.parent / "robot" / "config" / "panda.yaml"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="cups-green")
    parser.add_argument("--attempts", type=int, default=20)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--exported", default="", help="plan with this folder of sail export")
    parser.add_argument("overrides", nargs="*", help="configuration, as for `sail run`")
    arguments = parser.parse_intermixed_args()
    words = [f"task={arguments.task}", f"evaluation_episodes={arguments.attempts}", *arguments.overrides]
    config = load_config("panda", None, words)
    endings: list[str] = []
    exported = {"exported": arguments.exported}
    changes = {"planner": exported, "controller": exported}
    with (
        tempfile.TemporaryDirectory() as folder,
        ArmProcesses(
            arguments.task, Path(folder), PANDA, arguments.overrides, arguments.speed, changes
        ) as arm,
    ):
        for number in range(arguments.attempts):
            endings.append(arm.attempt())
            print(number, endings[-1], flush=True)
        counted = arm.interventions()
    successes = endings.count("success")
    result: dict[str, Any] = {
        "task": arguments.task,
        "arm": {
            "attempts": len(endings),
            "successes": successes,
            "ci95": list(wilson_interval(successes, len(endings))),
            "endings": endings,
            "interventions": counted,
            "speed": arguments.speed,
            "exported": Path(arguments.exported).name,
        },
        "environment_alone": rate(evaluate(load_agent(config), config)),
    }
    print(result)
    write_result(f"arm_{arguments.task}{'_exported' if arguments.exported else ''}", result)


if __name__ == "__main__":
    main()
