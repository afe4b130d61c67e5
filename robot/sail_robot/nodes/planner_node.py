"""The planner: camera and prompt in, plans out, made in a thread of their own (planning.py)."""

import os
import time
from pathlib import Path
from typing import Any

from sensor_msgs.msg import Image
from std_msgs.msg import Float32, String
from std_srvs.srv import Trigger

from sail.errors import SailError
from sail.types import FRAME_SIZE, FRAME_SKIP
from sail_envs.panda.arm import CONTROL_SECONDS
from sail_models.interfaces import PromptError
from sail_robot.messages import image_message, pixels, plan_message, seconds_of, square
from sail_robot.nodes.managed_node import CAMERA, LATCHED, NEWEST, ManagedNode, run
from sail_robot.planning import Model, Planned, PlanningThread, load_exported, load_model
from sail_robot.robot_file import check_fit, read_limits

# Where it shares a computer with controller and guard it gives way to them.
_NICENESS = 10


class PlannerNode(ManagedNode):
    """Topics in: image, prompt. Out: plan (all its frames in one tall image), imagined (one after the other,
    to look at), plan_score, plan_age, model. Service: ~/reload takes the parameters `overrides`,
    `checkpoint` and `exported` (a folder of `sail export`, instead of these two) as they are now."""

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
        """Load the model."""
        os.nice(_NICENESS)
        if not self.text("prompt").strip():
            raise PromptError("the prompt is empty: say what the arm is to do (parameter prompt)")
        self._camera = read_limits(Path(self.text("limits"))).camera
        self._model = self._load()

    def begin(self) -> None:
        """Open everything."""
        self._plan: Planned | None = None
        self._complaint: str | None = None
        self._shown = 0
        self._plans = self.publisher(Image, "plan", NEWEST)
        self._imagined = self.publisher(Image, "imagined", NEWEST)
        self._score = self.publisher(Float32, "plan_score", NEWEST)
        self._age = self.publisher(Float32, "plan_age", NEWEST)
        self._identity = self.publisher(String, "model", LATCHED)
        self._thread = PlanningThread(
            self._model, self._planned, self._failed, time.monotonic, int(self.number("seed"))
        )
        self._thread.ask(self.text("prompt"))
        self._identity.publish(String(data=self._model.identity))
        self.subscribe(self.images(), "image", self._on_image, CAMERA)
        self.subscribe(String, "prompt", self._on_prompt, LATCHED)
        self.service(Trigger, "~/reload", self._on_reload)
        self.every(FRAME_SKIP * CONTROL_SECONDS, self._show)
        self.every(1.0, self._tell)

    def end(self) -> None:
        """Stop planning."""
        thread = getattr(self, "_thread", None)
        if thread is not None:
            thread.stop()

    def _load(self) -> Model:
        overrides = [word for word in self.get_parameter("overrides").value if word]
        exported, threads = self.text("exported"), int(self.number("threads"))
        if exported:
            model = load_exported(exported, threads)
        else:
            import torch  # which an exported model is without

            torch.set_num_threads(threads)
            model = load_model(self.text("preset"), overrides, self.text("checkpoint"))
        check_fit(model.embodiment, self._camera, exported or "the base")
        return model

    def _on_image(self, message: Any) -> None:
        try:
            self._thread.see(square(pixels(message), FRAME_SIZE), seconds_of(message.header.stamp))
        except SailError as error:
            self._failed(str(error))

    def _on_prompt(self, message: String) -> None:
        if message.data.strip():
            self._thread.ask(message.data)
        else:
            self._failed("an empty prompt is not taken: the one before it goes on")

    def _on_reload(self, _: Any, response: Any) -> Any:
        try:
            self._model = self._load()
        except SailError as error:
            response.success, response.message = False, str(error)
            return response
        self._thread.use(self._model)
        self._identity.publish(String(data=self._model.identity))
        response.success, response.message = True, f"planning with {self._model.identity}"
        return response

    # From the planning thread.
    def _planned(self, plan: Planned) -> None:
        self._plan, self._shown, self._complaint = plan, 0, None
        self._plans.publish(plan_message(plan.frames, plan.made, "camera"))
        self._score.publish(Float32(data=plan.score))

    def _failed(self, complaint: str) -> None:
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
        values: dict[str, object] = {"model": self._model.identity}
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
