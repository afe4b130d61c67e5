"""The control's jitter while plans are made, the cost of a guard's cycle, and the duration of a stop.

Every node is a process of its own, and the arm's clock is as fast as the wall's. A stop is timed on the arm's
clock, from the last command that does not slow down to the first that is standstill.

python benchmarks/arm_timing.py --seconds 60 --stops 20
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from common import RESULTS, write_result

from sail_robot.nodes.arm_processes import ArmProcesses

PANDA = RESULTS.parent / "robot" / "config" / "panda.yaml"
# m/s. A stop from a slower motion is not timed.
MOVING = 0.05


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--stops", type=int, default=20)
    arguments = parser.parse_args()
    changes = {"controller": {"always": True}}
    with (
        tempfile.TemporaryDirectory() as folder,
        ArmProcesses("cups-green", Path(folder), PANDA, ["prior.kind=none"], changes=changes) as arm,
    ):
        operator = arm.operator
        commands = operator.speeds()
        operator.until(operator.now + arguments.seconds)
        told = {node: operator.status[node][1] for node in ("controller", "guard", "planner")}
        stops: list[float] = []
        while len(stops) < arguments.stops:
            commands.clear()
            operator.wait(lambda: bool(commands) and commands[-1][1] > MOVING, "the arm to move", 120.0)
            operator.stop()
            operator.until(operator.now + 0.5)
            rest = next(i for i in range(len(commands)) if all(speed == 0.0 for _, speed in commands[i:]))
            # The stop is the commands before standstill, each slower than the one before it.
            begin = rest
            while begin > 0 and commands[begin - 1][1] > commands[begin][1]:
                begin -= 1
            stops.append(commands[rest][0] - commands[begin][0])
            print(
                f"stop {len(stops)}: {stops[-1] * 1e3:.0f} ms from {commands[begin][1]:.2f} m/s", flush=True
            )
            operator.clear()
            operator.lay()
    result = {
        "control": {"rate_hz": 20, "jitter_p99": told["controller"]["jitter_p99"]},
        "guard": {"rate_hz": 50, "cycle_cost_p99": told["guard"]["cycle_cost_p99"]},
        "planning": told["planner"]["planning"],
        "stops_ms": {
            "longest": 1e3 * max(stops),
            "median": 1e3 * float(np.median(stops)),
            "count": len(stops),
        },
    }
    print(result)
    write_result("arm_timing", result)


if __name__ == "__main__":
    main()
