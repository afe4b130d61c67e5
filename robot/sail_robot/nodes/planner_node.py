"""The planner's node: plans from camera frames and a prompt; planning runs in a thread (planning.py)."""

import os
import time
from pathlib import Path
from typing import Any

from sensor_msgs.msg import Image
from std_msgs.msg import Float32, String
from std_srvs.srv import Trigger

from sail.data.crop import crop
from sail.errors import SailError
from sail_models.interfaces import PromptError
from sail_robot.end_effector import check_weights
from sail_robot.messages import image_message, pixels, plan_message, seconds_of
from sail_robot.nodes.managed_node import CAMERA, LATCHED, NEWEST, ManagedNode, run
from sail_robot.planning import (
    FinishedPlan,
    LoadedPlanner,
    PlanningThread,
    load_exported_planner,
    load_planner,
)
from sail_robot.robot_file import read_robot

# Added to the process's niceness: controller and guard on the same computer come first.
_NICENESS = 10


class PlannerNode(ManagedNode):
    """Topics in: image, prompt. Topics out: plan (all frames in one tall image), imagined (one frame after
    the other, to look at), plan_score, plan_age, model.

    Service ~/reload loads the planner again, by the present parameters `overrides` and `checkpoint`, or
    `exported` (a folder of `sail export`) in their place.
    """

    def __init__(self) -> None:
        super().__init__("planner")

    def declare(self) -> None:
        """Parameters."""
        self.declare_parameter("limits", "")
        self.declare_parameter("preset", "panda")
        self.declare_parameter("overrides", [""])
        self.declare_parameter("checkpoint", "")
        self.declare_parameter("exported", "")
        self.declare_parameter("prompt", "")
        self.declare_parameter("compressed", False)
        self.declare_parameter("threads", 1)
        self.declare_parameter("seed", 0)

    def configure(self) -> None:
        """Load the planner."""
        os.nice(_NICENESS)
        if not self.text("prompt").strip():
            raise PromptError("the prompt is empty: say what the arm is to do (parameter prompt)")
        self._embodiment = read_robot(Path(self.text("limits"))).embodiment
        self._planner = self._load()

    def begin(self) -> None:
        """Open everything."""
        self._plan: FinishedPlan | None = None
        self._complaint: str | None = None
        self._shown = 0
        self._plans = self.publisher(Image, "plan", NEWEST)
        self._imagined = self.publisher(Image, "imagined", NEWEST)
        self._score = self.publisher(Float32, "plan_score", NEWEST)
        self._age = self.publisher(Float32, "plan_age", NEWEST)
        self._identity = self.publisher(String, "model", LATCHED)
        self._thread = PlanningThread(
            self._planner, self._on_plan, self._complain, time.monotonic, int(self.number("seed"))
        )
        self._thread.ask(self.text("prompt"))
        self._identity.publish(String(data=self._planner.identity))
        self.subscribe(self.images(), "image", self._on_image, CAMERA)
        self.subscribe(String, "prompt", self._on_prompt, LATCHED)
        self.service(Trigger, "~/reload", self._on_reload)
        self.every(self._embodiment.frame_skip * self._embodiment.control_seconds, self._show)
        self.every(1.0, self._tell)

    def end(self) -> None:
        """Stop planning."""
        thread = getattr(self, "_thread", None)
        if thread is not None:
            thread.stop()

    def _load(self) -> LoadedPlanner:
        overrides = [word for word in self.get_parameter("overrides").value if word]
        exported, threads = self.text("exported"), int(self.number("threads"))
        if exported:
            planner = load_exported_planner(exported, threads)
        else:
            import torch  # not needed, and not loaded, for an exported planner

            torch.set_num_threads(threads)
            planner = load_planner(self.text("preset"), overrides, self.text("checkpoint"))
        check_weights(planner.embodiment, exported or "the base", self._embodiment)
        return planner

    def _on_image(self, message: Any) -> None:
        try:
            frame = crop(pixels(message), self._embodiment.height, self._embodiment.width)
            self._thread.see(frame, seconds_of(message.header.stamp))
        except SailError as error:
            self._complain(str(error))

    def _on_prompt(self, message: String) -> None:
        if message.data.strip():
            self._thread.ask(message.data)
        else:
            self._complain("an empty prompt is not taken: the one before it goes on")

    def _on_reload(self, _: Any, response: Any) -> Any:
        try:
            self._planner = self._load()
        except SailError as error:
            response.success, response.message = False, str(error)
            return response
        self._thread.use(self._planner)
        self._identity.publish(String(data=self._planner.identity))
        response.success, response.message = True, f"planning with {self._planner.identity}"
        return response

    # `_on_plan` and `_complain` are called from the planning thread, too.
    def _on_plan(self, plan: FinishedPlan) -> None:
        self._plan, self._shown, self._complaint = plan, 0, None
        self._plans.publish(plan_message(plan.frames, plan.made, "camera"))
        self._score.publish(Float32(data=plan.score))

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self.get_logger().error(complaint)
        self._complaint = complaint

    def _show(self) -> None:
        plan = self._plan
        if plan is None:
            return
        frame = plan.frames[self._shown % len(plan.frames)]
        self._shown += 1
        self._imagined.publish(image_message(frame, self.seconds(), "camera"))
        self._age.publish(Float32(data=self.seconds() - plan.made))

    def _tell(self) -> None:
        plan = self._plan
        values: dict[str, object] = {"model": self._planner.identity}
        if plan is not None:
            values |= {
                "age": f"{self.seconds() - plan.made:.2f} s",
                "score": f"{plan.score:.2f}",
                "planning": f"{plan.seconds:.2f} s",
            }
        self.tell(self._complaint, values)


def main() -> None:
    """The node's process."""
    run(PlannerNode)


if __name__ == "__main__":
    main()
