"""The guard under any sequence of inputs, times and faults, by hypothesis; and each fault by name."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sail_robot.guard import WAITING, WAITING_UNPLANNED, Guard, Order
from sail_robot.motion import MotionLimits, Vector
from sail_robot.robot_file import Watch

SECONDS = 0.01
LIMITS = MotionLimits(
    low=(0.3, -0.4, 0.05),
    high=(0.7, 0.4, 0.5),
    groups=((0, 1, 2),),
    speed=(0.25,),
    acceleration=(2.5,),
    jerk=(60.0,),
)
WATCH = Watch(camera=0.3, joints=0.1, plan=2.0, command=0.15)
START = np.array([0.5, 0.0, 0.3])
Kind = Literal["velocity", "position"]


@dataclass
class World:
    """A guard, an arm that does what it is told, and all that reports to the guard, at one time."""

    guard: Guard
    at: Vector
    now: float = 100.0
    silent: frozenset[str] = frozenset()

    def cycle(self, wanted: Any = None) -> Order:
        self.now += SECONDS
        if "camera" not in self.silent:
            self.guard.saw("camera", self.now, self.now)
        if "plan" not in self.silent:
            self.guard.saw("plan", self.now, self.now)
        if "joints" not in self.silent:
            self.guard.measured(self.now, self.now, self.at)
        if wanted is not None:
            self.guard.command(self.now, "base", wanted)
        order = self.guard.cycle(self.now)
        self.at = self.at + order.velocity * SECONDS
        return order


def world(kind: Kind = "velocity") -> World:
    return World(Guard(LIMITS, WATCH, SECONDS, "base", kind, step=0.05), START.copy())


def moving(kind: Kind = "velocity", cycles: int = 30) -> World:
    """At 0.1 m/s to the left."""
    made = world(kind)
    for _ in range(cycles):
        made.cycle([0.0, 0.1, 0.0] if kind == "velocity" else made.at + np.array([0.0, 0.012, 0.0]))
    assert made.guard.fault is None
    return made


def stops(made: World, fault: str, wanted: Any = None) -> None:
    """Within 200 ms of the fault's coming it stands, says why, and stays so whatever is asked of it."""
    for _ in range(round(0.2 / SECONDS) + 1):
        order = made.cycle(wanted)
    for _ in range(50):
        order = made.cycle(wanted)
        assert not order.velocity.any()
        assert fault in str(order.fault)
    assert any(fault in name for name in made.guard.interventions)


number = st.one_of(st.floats(-0.5, 0.5), st.floats(-1e6, 1e6), st.just(float("nan")), st.just(float("inf")))
vector = st.tuples(number, number, number)
event = st.one_of(
    st.tuples(st.just("command"), st.sampled_from(["base", "camera"]), vector),
    st.tuples(st.just("near"), vector),
    st.tuples(st.just("measured"), vector),
    st.tuples(st.just("silent"), st.frozensets(st.sampled_from(["camera", "plan", "joints"]))),
    st.tuples(st.just("jump"), st.floats(-100.0, 100.0)),
    st.tuples(st.just("short")),
    st.tuples(st.just("emergency")),
    st.tuples(st.just("clear")),
)


@pytest.mark.parametrize("kind", ["velocity", "position"])
@settings(max_examples=60, deadline=None)
@given(events=st.lists(st.tuples(event, st.integers(1, 30)), max_size=15))
def test_no_sequence_gets_a_command_outside_the_limits_through(
    kind: Kind, events: list[tuple[Any, int]]
) -> None:
    made, sent, places, resting = world(kind), [np.zeros(3), np.zeros(3)], [], 0
    for (what, *details), cycles in events:
        wanted: Any = None
        if what == "command":
            made.guard.command(made.now, *details)
        elif what == "near":  # goes on for as long as the cycles do
            wanted = details[0] if kind == "velocity" else made.at + np.array(details[0]) * 0.02
        elif what == "measured":
            made.guard.measured(made.now, made.now, details[0])
        elif what == "silent":
            made.silent = details[0]
        elif what == "jump":
            made.now += details[0]
        elif what == "short":
            made.guard.command(made.now, "base", [0.0])
        elif what == "emergency":
            made.guard.stop("emergency stop")
        else:
            made.guard.clear(made.now)
        for _ in range(cycles):
            order = made.cycle(wanted)
            sent.append(order.velocity)
            place = made.at if kind == "velocity" else order.position
            if place is not None:
                places.append(place)
            resting = resting + 1 if order.fault is not None else 0
            assert resting <= 0.2 / SECONDS or not order.velocity.any()
    velocities = np.array(sent)
    accelerations = np.diff(velocities, axis=0) / SECONDS
    jerks = np.diff(accelerations, axis=0) / SECONDS
    for values, most in ((velocities, 0.25), (accelerations, 2.5), (jerks, 60.0)):
        assert np.isfinite(values).all()
        assert (np.linalg.norm(values, axis=1) <= most * (1 + 1e-6)).all()
    # A place that was made up by a false measurement is outside from the beginning.
    if places and not any(what == "measured" for (what, *_), _ in events):
        assert (np.array(places) >= np.array(LIMITS.low) - 1e-6).all()
        assert (np.array(places) <= np.array(LIMITS.high) + 1e-6).all()


def test_it_waits_for_everything_and_then_holds_still_until_it_is_told_something() -> None:
    made = world()
    made.silent = frozenset({"plan"})
    for _ in range(30):
        order = made.cycle([0.0, 0.1, 0.0])
        assert (order.fault, order.position) == (WAITING, None) and not order.velocity.any()
    made.silent = frozenset()
    for _ in range(100):
        order = made.cycle()
        assert order.fault is None and not order.velocity.any()
    for _ in range(30):
        order = made.cycle([0.0, 0.1, 0.0])
    assert order.velocity[1] == pytest.approx(0.1, abs=2e-3) and not order.limited
    assert not made.guard.interventions["limited"] > 30


def test_where_nothing_is_planned_no_plan_is_waited_for() -> None:
    guard = Guard(LIMITS, replace(WATCH, plan=None), SECONDS, "base", "velocity", step=0.05)
    made = World(guard, START.copy(), silent=frozenset({"plan", "camera"}))
    assert made.cycle([0.0, 0.1, 0.0]).fault == guard.waiting == WAITING_UNPLANNED
    made.silent = frozenset({"plan"})
    for _ in range(300):
        order = made.cycle([0.0, 0.02, 0.0])
    assert order.fault is None and order.velocity[1] == pytest.approx(0.02, abs=2e-3)
    made.silent = frozenset({"plan", "camera"})
    for _ in range(round(WATCH.camera / SECONDS) + 1):
        made.cycle([0.0, 0.02, 0.0])
    stops(made, "camera is silent")


@pytest.mark.parametrize("kind", ["velocity", "position"])
@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("camera", "camera is silent"),
        ("joints", "joint states are silent"),
        ("plan", "plan is stale"),
    ],
)
def test_whatever_falls_silent_stops_the_arm(kind: Kind, source: str, fault: str) -> None:
    made = moving(kind)
    made.silent = frozenset({source})
    seconds = getattr(WATCH, source)
    for _ in range(round(seconds / SECONDS) - 1):
        wanted = [0.0, 0.0, 0.01] if kind == "velocity" else made.at + np.array([0.0, 0.0, 0.001])
        assert made.cycle(wanted).fault is None
    stops(made, fault)
    made.silent = frozenset()
    made.cycle()
    assert made.guard.fault is not None  # it does not clear itself
    assert made.guard.clear(made.now) is None
    assert made.guard.fault is None


@pytest.mark.parametrize("kind", ["velocity", "position"])
def test_a_controller_that_dies_stops_the_arm(kind: Kind) -> None:
    made = moving(kind)
    for _ in range(round(WATCH.command / SECONDS) + 1):
        made.cycle()
    stops(made, "controller is silent")


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        ([float("nan"), 0.0, 0.0], "a number that is none"),
        ([0.0, float("inf"), 0.0], "a number that is none"),
        ([0.0, 0.0], "command of 2 numbers, not 3"),
    ],
)
def test_what_is_no_command_stops_the_arm(wanted: list[float], fault: str) -> None:
    stops(moving(), fault, wanted)


def test_joint_states_that_are_none_stop_the_arm() -> None:
    made = moving()
    made.guard.measured(made.now, made.now, [float("nan")] * 3)
    stops(made, "joint states with a number that is none", [0.0, 0.1, 0.0])


def test_another_frame_stops_the_arm() -> None:
    made = moving()
    made.guard.command(made.now, "camera", [0.0, 0.1, 0.0])
    stops(made, "frame 'camera', not 'base'", [0.0, 0.1, 0.0])


def test_an_emergency_stop_stays_until_it_is_cleared() -> None:
    made = moving()
    made.guard.stop("emergency stop")
    assert made.guard.clear(made.now) == "the arm is not at rest yet"
    stops(made, "emergency stop", [0.0, 0.1, 0.0])
    assert made.guard.clear(made.now) is None
    assert not made.cycle().velocity.any()  # what was wanted before is forgotten


def test_a_clock_that_goes_back_stops_the_arm() -> None:
    made = moving()
    made.now -= 50.0
    stops(made, "the clock went back", [0.0, 0.1, 0.0])
    assert made.guard.clear(made.now) is None


def test_a_stamp_from_the_future_keeps_nothing_alive() -> None:
    made = moving()
    made.guard.saw("camera", made.now, made.now + 1e6)
    made.silent = frozenset({"camera"})
    for _ in range(round(WATCH.camera / SECONDS) + 1):
        made.cycle([0.0, 0.0, 0.01])
    stops(made, "camera is silent")


def test_a_position_far_away_stops_the_arm_and_one_near_is_reached() -> None:
    made = world("position")
    target = START + np.array([0.0, 0.04, 0.0])
    for _ in range(150):
        order = made.cycle(target)
    assert order.fault is None
    np.testing.assert_allclose(made.at, target, atol=1e-3)
    stops(made, "a command 0.1 away, more than 0.05", target + np.array([0.0, 0.1, 0.0]))


@pytest.mark.parametrize(("moved", "leap"), [(0.03, 0.0), (0.2, 0.2)])
def test_only_an_arm_that_was_moved_is_held_elsewhere(moved: float, leap: float) -> None:
    made = moving("position")
    made.guard.stop("emergency stop")
    for _ in range(30):
        held = made.cycle().position
    made.at = made.at - np.array([0.0, moved, 0.0])
    made.cycle()
    assert made.guard.clear(made.now) is None
    after = made.cycle().position
    assert held is not None and after is not None
    assert float(np.abs(after - held).max()) == pytest.approx(leap, abs=0.02 * bool(leap))


def test_an_arm_that_does_not_follow_stops() -> None:
    made = world("position")
    stuck = made.at.copy()
    for cycle in range(200):
        made.at = stuck
        made.cycle(stuck + np.array([0.0, 0.0005 * cycle, 0.0]))
        if made.guard.fault is not None and made.guard.fault != WAITING:
            break
    assert "behind its commands" in str(made.guard.fault)


def test_the_first_fault_is_the_one_that_is_told() -> None:
    made = moving()
    made.guard.stop("emergency stop")
    made.guard.command(made.now, "camera", [0.0, 0.0, 0.0])
    assert made.guard.fault == "emergency stop"
    assert len(made.guard.interventions) >= 2
