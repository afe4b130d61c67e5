"""Embodiments: written and read in both versions, refused where senseless, compared where they meet."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sail.embodiment import (
    FILE,
    MOST_DIMENSIONS,
    Dimension,
    Embodiment,
    EmbodimentError,
    Kind,
    check_fit,
    check_same,
    embodiment_of,
    places,
    read_embodiment,
    scaling,
)
from sail_envs.metaworld.metaworld_tasks import METAWORLD as METAWORLD_SUITE
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_models.networks.action_head import ArmInput
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.networks.policy import Policy, PolicyConfig
from sail_models.networks.sizes import arm_sizes
from sail_models.saving import PRETRAINED, load_model, save_model

from helpers import assert_one_line

METAWORLD = METAWORLD_SUITE.embodiment
numbers = st.floats(-1e3, 1e3, allow_nan=False)
dimensions = st.builds(
    lambda name, low, size: Dimension(name, "joint_position", "rad", low, low + size),
    st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=8),
    numbers,
    st.floats(1e-3, 1e3),
)


def six_joints() -> Embodiment:
    """An arm of six joints and a gripper, seen by a camera that is wider than high."""
    joints = tuple(Dimension(f"joint{n}", "joint_velocity", "rad/s", -1.0, 1.0) for n in range(6))
    angles = tuple(Dimension(f"joint{n}", "joint_position", "rad", -3.0, 3.0) for n in range(6))
    return Embodiment("lab/left", 96, 128, 0.04, 4, 6, joints, angles)


def turns(unit: str, names: str, kind: Kind = "delta_rotation") -> tuple[Dimension, ...]:
    return tuple(Dimension(name, kind, unit, -1.0, 1.0) for name in names)


def test_an_arm_says_which_number_is_what() -> None:
    assert METAWORLD.position == METAWORLD.displacement == [0, 1, 2] and METAWORLD.grippers == [3]
    assert METAWORLD.reaches_points
    assert not METAWORLD.turn + METAWORLD.orientation + METAWORLD.rest + METAWORLD.targets
    joints = six_joints()
    assert not joints.reaches_points and joints.rest == joints.changes == list(range(6))
    assert joints.position == joints.displacement == joints.grippers == []
    x, y, z, gripper = METAWORLD.actions
    mixed = (gripper, z, *turns("1", "abcdef"), replace(joints.proprioception[0]), y, x)
    arm = replace(METAWORLD, actions=mixed, proprioception=METAWORLD.proprioception[::-1])
    assert (arm.displacement, arm.position) == ([10, 9, 1], [3, 2, 1])
    assert (arm.turn, arm.grippers, arm.targets, arm.rest) == (list(range(2, 8)), [0], [8], [8])
    assert arm.changes == [1, *range(2, 8), 9, 10]
    # Two of the three, or two hands, are no place to go to.
    assert not replace(METAWORLD, actions=METAWORLD.actions[1:]).reaches_points
    assert replace(METAWORLD, actions=turns("rad", "abcdef")).turn == []
    assert replace(METAWORLD, actions=turns("rad", "abc")).turn == [0, 1, 2]


def test_centre_and_scale_are_of_the_range() -> None:
    centre, scale = scaling(METAWORLD.proprioception, [1, 3])
    assert centre.tolist() == pytest.approx([0.65, 0.5]) and scale.tolist() == pytest.approx([0.3, 0.5])
    assert places(METAWORLD.actions, "gripper", "delta_position") == [0, 1, 2, 3]


@given(st.lists(dimensions, min_size=2, max_size=MOST_DIMENSIONS, unique_by=lambda one: one.name))
def test_what_is_written_is_read(actions: list[Dimension]) -> None:
    written = replace(six_joints(), actions=tuple(actions))
    assert embodiment_of(json.loads(written.as_json())) == written


def test_the_weights_that_ship_are_of_version_1_and_are_read_as_what_they_were(tmp_path: Path) -> None:
    for base, shipped in (("base", METAWORLD), ("panda", EMBODIMENT)):
        assert "version" not in json.loads((PRETRAINED / base / FILE).read_text())
        assert read_embodiment(PRETRAINED / base) == shipped
    (tmp_path / FILE).write_bytes(METAWORLD.as_json())
    assert read_embodiment(tmp_path) == METAWORLD  # written, it is of version 2
    assert json.loads((tmp_path / FILE).read_text())["version"] == 2


def test_networks_of_format_1_scale_proprioception_as_they_were_trained(tmp_path: Path) -> None:
    model = load_model(PRETRAINED / "panda" / "inverse_dynamics", "inverse_dynamics")
    place = torch.tensor([[0.36, 0.0, 0.22, 0.5]])
    centre, scale = torch.tensor([0.0, 0.65, 0.2, 0.5]), torch.tensor([0.3, 0.3, 0.2, 0.5])
    assert torch.equal(model.arm(place), (place - centre) / scale)
    save_model(tmp_path, model)
    assert json.loads((tmp_path / "config.json").read_text())["format"] == 4
    assert torch.equal(load_model(tmp_path, "inverse_dynamics").arm(place), model.arm(place))


@given(dimensions, st.floats(0.0, 1.0))
def test_the_range_becomes_minus_one_to_one(dimension: Dimension, share: float) -> None:
    scaled = ArmInput(((dimension.low, dimension.high),))
    value = dimension.low + share * (dimension.high - dimension.low)
    found = float(scaled(torch.tensor([[value]])))
    # float32 keeps 24 bits of a value far from zero.
    blur = 4e-7 * (abs(dimension.low) + abs(dimension.high)) / (dimension.high - dimension.low)
    assert found == pytest.approx(2.0 * share - 1.0, abs=1e-5 + 2 * blur)


def test_networks_follow_the_embodiment() -> None:
    arm, small = six_joints(), {"widths": (8, 16), "features": 16}
    frames = torch.zeros(3, 3, arm.height, arm.width)
    proprioception = torch.zeros(3, len(arm.proprioception))
    dynamics = InverseDynamics(InverseDynamicsConfig(**small, **arm_sizes(arm)))  # type: ignore[arg-type]
    noise = torch.zeros(3, dynamics.size)
    assert dynamics(frames, frames, proprioception, noise).shape == (3, arm.frame_skip, len(arm.actions))
    policy = Policy(PolicyConfig(hidden=16, **small, **arm_sizes(arm)))  # type: ignore[arg-type]
    text = torch.zeros(3, 16, 384)
    assert policy(frames, text, proprioception, noise).shape == (3, arm.frame_skip, len(arm.actions))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"height": 0}, ("height is 0",)),
        ({"height": 64.0}, ("height is 64.0", "whole number")),
        ({"frame_skip": "4"}, ("frame_skip is '4'", "whole number")),
        ({"plan_frames": True}, ("plan_frames is True", "whole number")),
        ({"control_seconds": "fast"}, ("control_seconds is 'fast'", "finite number")),
        ({"camera": 5}, ("camera is 5", "text")),
        ({"camera": " "}, ("camera is ' '", "text")),
        ({"control_seconds": float("nan")}, ("control_seconds is nan",)),
        ({"actions": METAWORLD.actions[:1]}, ("actions has 1 dimensions", "2 to 32")),
        ({"actions": METAWORLD.actions[:1] * 2}, ("share a name", "x, x")),
        ({"actions": turns("rad", "ab")}, ("actions has 2 numbers", "delta_rotation in rad", "kind other")),
        ({"actions": turns("1", "abc")}, ("0 numbers of kind delta_rotation in rad and 3", "6 in 1")),
        ({"proprioception": turns("rad", "abcd", "rotation")}, ("proprioception has 4 numbers",)),
    ],
)
def test_an_embodiment_that_makes_no_sense_is_one_line(
    change: dict[str, object], words: tuple[str, ...]
) -> None:
    with pytest.raises(EmbodimentError) as error:
        replace(METAWORLD, **change)  # type: ignore[arg-type]
    assert_one_line(error, *words)


@pytest.mark.parametrize(
    ("low", "high", "kind", "words"),
    [
        (1.0, 1.0, "joint_position", ("range 1 to 1",)),
        (0.0, 1e-320, "joint_position", ("range 0 to",)),
        (-1e308, 1e308, "joint_position", ("range -1e+308 to 1e+308",)),
        (0.0, float("inf"), "joint_position", ("high", "inf", "finite")),
        (float("nan"), 1.0, "joint_position", ("low", "nan", "finite")),
        ("0", 1.0, "joint_position", ("low", "'0'", "finite")),
        (0, 10**400, "joint_position", ("high", "finite")),
        (0.0, 1.0, "knee", ("of kind 'knee'", "joint_position")),
    ],
)
def test_a_dimension_that_makes_no_sense_is_one_line(
    low: object, high: object, kind: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(EmbodimentError) as error:
        Dimension("elbow", kind, "rad", low, high)  # type: ignore[arg-type]
    assert_one_line(error, "elbow", *words)


def written(**changes: object) -> str:
    """embodiment.json with some fields changed."""
    return json.dumps({**METAWORLD.as_dict(), **changes})


def test_numpys_numbers_are_written(tmp_path: Path) -> None:
    sized = replace(METAWORLD, height=np.int64(64), control_seconds=np.float32(0.5))
    (tmp_path / FILE).write_bytes(sized.as_json())
    assert read_embodiment(tmp_path) == replace(METAWORLD, control_seconds=0.5)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 3}',
        '{"version": 2, "camera": "a"}',
        '{"camera": "a", "step_length": "x"}',
        '{"camera": "a", "step_length": true, "control_seconds": 0.1}',
        "[" * 100_000,
        written(height=float("inf")),
        written(height=64.7),
        written(height=True),
        written(camera=5),
        written(extra=1),
        written(actions="xyz"),
        written(actions=[1, 2]),
        written(actions=[{"name": "a", "kind": "other", "unit": None, "low": 0, "high": 1}] * 2),
        written(actions=[{"name": "a", "kind": "other", "unit": "1", "low": 0, "high": 10**400}] * 2),
    ],
)
def test_a_file_that_is_none_is_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(EmbodimentError) as error:
        read_embodiment(tmp_path)
    assert_one_line(error, FILE)


def test_where_two_meet_the_first_difference_is_told_with_both_values_and_the_cure() -> None:
    check_same(METAWORLD, "the weights", METAWORLD, "the store", "nothing")
    with pytest.raises(EmbodimentError) as error:
        check_same(METAWORLD, "the weights", replace(METAWORLD, width=128), "the store", "take other weights")
    assert str(error.value) == "width is 64 in the weights, 128 in the store: take other weights"
    with pytest.raises(EmbodimentError) as error:
        check_same(METAWORLD, "the weights", six_joints(), "the store", "take other weights")
    assert_one_line(error, "camera is metaworld/workspace in the weights, lab/left in the store")
    wider = replace(METAWORLD, actions=six_joints().actions)
    with pytest.raises(EmbodimentError) as error:
        check_same(METAWORLD, "the weights", wider, "the store", "take other weights")
    assert_one_line(error, "actions is x (delta_position, -0.01 to 0.01 m)", "joint5 (joint_velocity")


def test_what_decides_no_meaning_may_differ_where_weights_meet_an_arm() -> None:
    arm = six_joints()
    wider = tuple(replace(one, low=-6.0) for one in arm.proprioception)
    check_fit(arm, "the weights", replace(arm, plan_frames=16, proprioception=wider), "the arm", "nothing")
    for change in (
        {"frame_skip": 5},
        {"actions": tuple(replace(one, low=-6.0) for one in arm.actions)},
        {"proprioception": tuple(replace(one, kind="joint_velocity") for one in wider)},
        {"proprioception": wider[:3]},
    ):
        other = replace(arm, plan_frames=16, **change)  # type: ignore[arg-type]
        with pytest.raises(EmbodimentError) as error:
            check_fit(arm, "the weights", other, "the arm", "take others")
        assert_one_line(error, f"{next(iter(change))} is ", " in the weights, ", "in the arm: take others")
