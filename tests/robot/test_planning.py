"""The planning thread: newest frame, newest prompt, newest model, and nothing that is out of date."""

import shutil
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from sail.export.folder import read_planner_config, write_config
from sail.types import UInt8
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_models.interfaces import Plan, Sampling
from sail_robot.acting import Follower, TimedPlan, load_exported_dynamics
from sail_robot.planning import (
    FinishedPlan,
    LoadedPlanner,
    PlanningThread,
    load_exported_planner,
    load_planner,
)

FRAME = np.zeros((8, 8, 3), np.uint8)


@dataclass
class Gate:
    """A planner that waits to be let through, and keeps what it was asked."""

    identity: str = "one"
    asked: list[tuple[int, str]] = field(default_factory=list)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    let: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def plan(self, frames: UInt8, prompts: list[str], seeds: list[int], sampling: Sampling) -> Plan:
        self.asked.append((int(frames[0, 0, 0, 0]), prompts[0]))
        self.begun.release()
        self.let.acquire()
        return Plan(np.zeros((1, 2, 8, 8, 3), np.uint8), np.full(1, 2.0, np.float32))

    @property
    def model(self) -> LoadedPlanner:
        return LoadedPlanner(self, Sampling(), self.identity, EMBODIMENT)


class Watching:
    """A thread with its plans."""

    def __init__(self, gate: Gate) -> None:
        self.plans: list[FinishedPlan] = []
        self.made = threading.Semaphore(0)
        self.thread = PlanningThread(gate.model, self._planned, lambda line: None, lambda: 0.0)

    def _planned(self, plan: FinishedPlan) -> None:
        self.plans.append(plan)
        self.made.release()


def frame(number: int) -> UInt8:
    return np.full_like(FRAME, number)


def test_a_plan_is_of_the_newest_frame_and_says_when_that_was() -> None:
    gate = Gate()
    watching = Watching(gate)
    watching.thread.ask("push")
    watching.thread.see(frame(1), 1.0)
    assert gate.begun.acquire(timeout=5)
    for number in (2, 3, 4):  # while it plans
        watching.thread.see(frame(number), float(number))
    gate.let.release(2)
    assert watching.made.acquire(timeout=5) and watching.made.acquire(timeout=5)
    assert [number for number, _ in gate.asked] == [1, 4]
    assert [plan.made for plan in watching.plans] == [1.0, 4.0]
    assert watching.plans[0].score == pytest.approx(2.0)
    watching.thread.stop()


def test_what_is_asked_differently_meanwhile_is_not_followed() -> None:
    gate, other = Gate(), Gate("other")
    watching = Watching(gate)
    watching.thread.ask("push")
    watching.thread.see(frame(1), 1.0)
    assert gate.begun.acquire(timeout=5)
    watching.thread.ask("pull")
    watching.thread.see(frame(2), 2.0)
    gate.let.release()
    assert gate.begun.acquire(timeout=5)
    watching.thread.use(other.model)
    watching.thread.see(frame(3), 3.0)
    gate.let.release()
    other.let.release()
    assert watching.made.acquire(timeout=5)
    assert [(plan.made, plan.model) for plan in watching.plans] == [(3.0, "other")]
    assert gate.asked == [(1, "push"), (2, "pull")] and other.asked == [(3, "pull")]
    watching.thread.stop()


def test_without_a_prompt_nothing_is_planned() -> None:
    gate = Gate()
    watching = Watching(gate)
    watching.thread.see(frame(1), 1.0)
    assert not gate.begun.acquire(timeout=0.3)
    watching.thread.stop()


def test_the_shipped_model_plans_what_it_is_asked() -> None:
    plans_what_it_is_asked(load_planner("panda", ["prior.kind=none", "planner.steps=2"], ""))


def test_an_exported_model_plans_what_it_is_asked(exported: Path) -> None:
    plans_what_it_is_asked(load_exported_planner(str(exported), 1))


def plans_what_it_is_asked(model: LoadedPlanner) -> None:
    assert model.embodiment == EMBODIMENT
    plans: list[FinishedPlan] = []
    done = threading.Event()

    def planned(plan: FinishedPlan) -> None:
        plans.append(plan)
        done.set()

    thread = PlanningThread(model, planned, lambda line: None, lambda: 0.0)
    thread.ask("push the green cup forward")
    thread.see(np.full((64, 64, 3), 120, np.uint8), 7.0)
    assert done.wait(60)
    thread.stop()
    assert plans[0].frames.shape == (8, 64, 64, 3) and plans[0].frames.dtype == np.uint8
    assert plans[0].made == 7.0 and plans[0].model == model.identity and plans[0].score > 0.0


def test_another_exported_planner_takes_over_while_plans_are_made(exported: Path, tmp_path: Path) -> None:
    another = Path(shutil.copytree(exported, tmp_path / "another"))
    write_config(another, replace(read_planner_config(another), identity="another"))
    first, plans, failures = load_exported_planner(str(exported), 1), list[FinishedPlan](), list[str]()
    made = threading.Semaphore(0)

    def planned(plan: FinishedPlan) -> None:
        plans.append(plan)
        made.release()

    thread = PlanningThread(first, planned, failures.append, time.monotonic)
    thread.ask("push the red cup forward")
    over = threading.Event()

    def camera() -> None:
        while not over.is_set():
            thread.see(np.full((64, 64, 3), 120, np.uint8), time.monotonic())
            time.sleep(0.005)

    watching = threading.Thread(target=camera)
    watching.start()
    assert made.acquire(timeout=60)
    second = load_exported_planner(str(another), 1)  # planning goes on meanwhile
    before = len(plans)
    thread.use(second)
    while plans[-1].model != second.identity:
        assert made.acquire(timeout=60)
    assert made.acquire(timeout=60)
    over.set()
    watching.join()
    thread.stop()
    assert before > 1 and not failures and first.identity != second.identity
    models = [plan.model for plan in plans]
    assert models == sorted(models, key=[first.identity, second.identity].index)


def test_exported_inverse_dynamics_is_followed(exported: Path) -> None:
    model, embodiment = load_exported_dynamics(str(exported))
    assert embodiment == EMBODIMENT
    follower = Follower(model, 0.05, 8)
    follower.take(TimedPlan(np.zeros((8, 64, 64, 3), np.uint8), 0.0))
    action = follower.act(0.1, np.zeros((64, 64, 3), np.uint8), np.zeros(4, np.float32))
    assert action is not None and action.shape == (4,) and np.abs(action).max() <= 1.0
