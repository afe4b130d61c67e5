"""The improvement loop's node: attempts, fine-tuning, and the better planner goes on (arm_loop.py).

On the simulated arm the node makes the attempts. On a real arm a person makes them and labels them with the
recorder's services, and the node counts them.
"""

import os
from pathlib import Path

import rclpy
import torch
from std_srvs.srv import Trigger

from sail.config.resolution import load_config
from sail.data.store import EpisodeStore
from sail.errors import SailError
from sail.loop.agent import load_agent
from sail.training.fine_tuning import check_trainable
from sail_robot.arm_loop import Round, best, judge, learn, read_rounds, task_settings, write_rounds
from sail_robot.nodes.operator_node import Operator

# Wall seconds. A person may take any time to lay a table.
_FOREVER = 1e9


class Improver(Operator):
    """Parameters: out, episodes, demonstrations (a store; "" for none), preset, base, prior, task (any name),
    suite ("" for the one that has the task, if any), prompt (needed for a task that no suite has), overrides
    (further settings), iterations, attempts (a round), steps (of the optimiser, a round), self_fraction,
    timeout (seconds of an attempt), simulated. Finished rounds in `out` are not run again."""

    def __init__(self) -> None:
        super().__init__(name="improve")
        texts = {"out": "runs/arm", "episodes": "episodes", "demonstrations": "", "preset": "panda"}
        texts |= {"base": "panda", "prior": "none", "task": "", "suite": "", "prompt": ""}
        for name, value in texts.items():
            self.declare_parameter(name, value)
        for name, count in {"iterations": 3, "attempts": 20, "steps": 250}.items():
            self.declare_parameter(name, count)
        self.declare_parameter("overrides", [""])
        self.declare_parameter("self_fraction", 1.0)
        self.declare_parameter("timeout", 15.0)
        self.declare_parameter("simulated", False)

    def improve(self) -> list[Round]:
        """Run all iterations. Raises SailError."""
        value = {name: self.get_parameter(name).value for name in self._parameters}
        out, task = Path(value["out"]), value["task"]
        overrides = [*task_settings(task, value["suite"], value["prompt"]), f"base={value['base']}"]
        overrides += [f"prior.kind={value['prior']}", f"training.steps={value['steps']}"]
        overrides += [f"training.self_fraction={value['self_fraction']}"]
        overrides += [word for word in value["overrides"] if word]
        config = load_config(value["preset"], None, overrides)
        check_trainable(load_agent(config).planner)  # before any attempt is made
        demonstrations = EpisodeStore(value["demonstrations"]) if value["demonstrations"] else None
        rounds = read_rounds(out, task)
        self.ready()
        for iteration in range(len(rounds), value["iterations"] + 1):
            checkpoint = ""
            if iteration > 0:
                begin = best(rounds).checkpoint
                self.get_logger().info(f"iteration {iteration}: learning")
                store = EpisodeStore(value["episodes"])
                checkpoint = learn(config, begin, store, demonstrations, iteration, out, self._report)
            self._plan_with(out, checkpoint)
            self._attempts(iteration, value["attempts"], task, value)
            rounds.append(judge(rounds, iteration, checkpoint, EpisodeStore(value["episodes"]), task))
            write_rounds(out, task, rounds)
            last = rounds[-1]
            self.get_logger().info(
                f"iteration {iteration}: {last.successes} of {last.attempts}"
                + ("" if last.promoted else "; worse than before: the better planner goes on")
            )
        self._plan_with(out, best(rounds).checkpoint)
        return rounds

    def _attempts(self, iteration: int, count: int, task: str, value: dict[str, object]) -> None:
        """Get `count` attempts of this iteration into the store."""
        self.set("episode", "iteration", iteration)

        def there() -> int:
            store = EpisodeStore(str(value["episodes"]))
            return len(store.records(task=task, source="self", iteration=iteration))

        missing = count - there()
        if value["simulated"]:
            for number in range(missing):
                ending, fault = self.attempt(float(str(value["timeout"]))), self.status["guard"][0]
                self.get_logger().info(
                    f"iteration {iteration}: attempt {number + 1} of {missing}: {ending}"
                    + (f" (stopped: {fault})" if fault != "ok" else "")
                )
            return
        self.get_logger().info(f"waiting for {missing} attempts (episode/attempt, episode/label)")
        begun = len(self.recorded)
        self.wait(lambda: len(self.recorded) - begun >= missing, "attempts", _FOREVER)

    def _plan_with(self, out: Path, checkpoint: str) -> None:
        self.set("planner", "checkpoint", str((out / checkpoint).resolve()) if checkpoint else "")
        self.call(Trigger, "planner/reload", Trigger.Request())

    def _report(self, step: int, loss: float) -> None:
        if step % 50 == 0:
            self.get_logger().info(f"step {step}: loss {loss:.3f}")


def main() -> None:
    """The node's process. Its exit code is 0 only if all iterations are done."""
    rclpy.init()
    torch.set_num_threads(1)
    node = Improver()
    code = 0
    try:
        node.improve()
    except SailError as error:
        node.get_logger().error(str(error))
        code = 1
    except KeyboardInterrupt:
        code = 130
    node.destroy_node()
    rclpy.try_shutdown()
    os._exit(code)


if __name__ == "__main__":
    main()
