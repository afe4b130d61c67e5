"""No sequence of wishes and stops moves anything outside its limits, by hypothesis; but it does move."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sail_robot.motion import LimitsError, MotionLimiter, MotionLimits, Vector

SECONDS = 0.01
HAND = MotionLimits(
    low=(0.3, -0.4, 0.05),
    high=(0.7, 0.4, 0.5),
    groups=((0, 1, 2),),
    speed=(0.25,),
    acceleration=(2.5,),
    jerk=(60.0,),
)
JOINTS = MotionLimits(
    low=(-2.0, -1.0), high=(2.0, 0.5), groups=((0,), (1,)), speed=(1.0, 2.0), acceleration=(10.0, 20.0),
    jerk=(200.0, 400.0),
)  # fmt: skip
# For how many cycles, whether it is a stop, and what is wanted: also far too much.
Wish = tuple[int, bool, tuple[float, float, float]]
number = st.one_of(st.floats(-0.5, 0.5), st.floats(-1e6, 1e6))
wishes = st.lists(
    st.tuples(st.integers(1, 40), st.booleans(), st.tuples(number, number, number)), min_size=1, max_size=12
)


def play(limits: MotionLimits, wanted: list[Wish], at: Vector) -> tuple[Vector, Vector]:
    """Velocities (cycles, n), after two of rest, and the places after each cycle."""
    limiter = MotionLimiter(limits, SECONDS)
    velocities, places = [np.zeros(len(at)), np.zeros(len(at))], []
    for cycles, stops, wish in wanted:
        for _ in range(cycles):
            velocity = limiter.stop() if stops else limiter.follow(np.array(wish[: len(at)]), at).velocity
            velocities.append(velocity)
            at = at + velocity * SECONDS
            places.append(at)
    return np.array(velocities), np.array(places)


def norms(limits: MotionLimits, vectors: Vector) -> Vector:
    return np.stack([np.linalg.norm(vectors[:, list(group)], axis=1) for group in limits.groups], axis=1)


@pytest.mark.parametrize("limits", [HAND, JOINTS])
@settings(max_examples=60, deadline=None)
@given(wanted=wishes, share=st.floats(0.0, 1.0))
def test_nothing_leaves_its_limits(limits: MotionLimits, wanted: list[Wish], share: float) -> None:
    low, high = np.array(limits.low), np.array(limits.high)
    velocities, places = play(limits, wanted, low + share * (high - low))
    accelerations = np.diff(velocities, axis=0) / SECONDS
    jerks = np.diff(accelerations, axis=0) / SECONDS
    for values, most in (
        (velocities, limits.speed),
        (accelerations, limits.acceleration),
        (jerks, limits.jerk),
    ):
        assert (norms(limits, values) <= np.array(most) * (1 + 1e-6)).all()
    assert (places >= low - 1e-6).all() and (places <= high + 1e-6).all()


@settings(max_examples=60, deadline=None)
@given(wanted=wishes)
def test_a_stop_is_over_in_time_and_stays(wanted: list[Wish]) -> None:
    limiter, at = MotionLimiter(HAND, SECONDS), np.array([0.5, 0.0, 0.3])
    for cycles, _, wish in wanted:
        for _ in range(cycles):
            at = at + limiter.follow(np.array(wish), at).velocity * SECONDS
    stopped = [limiter.stop() for _ in range(round(HAND.stop_seconds / SECONDS) + 5)]
    assert not np.any(stopped[round(HAND.stop_seconds / SECONDS) - 1 :])
    assert limiter.at_rest


def reach(limits: MotionLimits, wish: Callable[[Vector], Vector], cycles: int, at: Vector) -> Vector:
    limiter = MotionLimiter(limits, SECONDS)
    for _ in range(cycles):
        at = at + limiter.follow(wish(at), at).velocity * SECONDS
    return at


def test_it_reaches_the_speed_that_is_wanted_and_no_more() -> None:
    limiter, at = MotionLimiter(HAND, SECONDS), np.array([0.5, -0.35, 0.3])
    wanted = np.array([0.0, 0.2, 0.0])
    speeds = []
    for _ in range(60):
        step = limiter.follow(wanted, at)
        at = at + step.velocity * SECONDS
        speeds.append(float(step.velocity[1]))
    assert max(speeds) <= 0.2 + 1e-3
    assert speeds[25] > 0.18  # a quarter of a second
    assert speeds[-1] == pytest.approx(0.2, abs=1e-3) and not step.limited


def test_it_goes_up_to_the_wall_and_along_it() -> None:
    at = reach(HAND, lambda at: np.array([0.0, 1.0, 0.0]), 600, np.array([0.5, -0.3, 0.3]))
    assert 0.38 < at[1] <= 0.4 + 1e-6
    back = reach(HAND, lambda at: np.array([0.0, -0.1, 0.0]), 200, at)
    assert back[1] < 0.25


def test_from_outside_it_may_only_come_in() -> None:
    outside = np.array([0.8, 0.0, 0.3])
    out = reach(HAND, lambda at: np.array([0.1, 0.0, 0.0]), 100, outside)
    assert out[0] <= 0.8 + 1e-6
    home = reach(HAND, lambda at: np.array([-0.1, 0.0, 0.0]), 200, outside)
    assert home[0] < 0.7


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"high": (0.7, -0.5, 0.5)}, "range of axis 1 is empty"),
        ({"speed": (0.0,)}, "speed has to be 1 positive numbers"),
        ({"jerk": (float("inf"),)}, "jerk has to be"),
        ({"speed": (1.0,)}, "allow 7.5 and 150"),
        ({"groups": ((0, 1),)}, "for axes"),
    ],
)
def test_limits_that_cannot_be_kept(changed: dict[str, tuple[float, ...]], line: str) -> None:
    with pytest.raises(LimitsError, match=line):
        replace(HAND, **changed)  # type: ignore[arg-type]
    with pytest.raises(LimitsError, match="too long"):
        MotionLimiter(HAND, 0.06)
