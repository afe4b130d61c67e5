"""Messages and arrays: what goes in comes out, and a message that lies about itself is an error."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's wheels are there for Python 3.11 on Linux alone")

from sensor_msgs.msg import CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory

from sail_robot.messages import (
    COMMANDS,
    MessageError,
    diagnostics,
    glance,
    image_message,
    joint_message,
    joint_values,
    pixels,
    plan_message,
    planned_frames,
    pose_message,
    pose_values,
    seconds_of,
    stamp_of,
    trajectory_message,
    trajectory_values,
    twist_message,
    twist_values,
)
from sail_robot.outputs import OUTPUTS

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 255, (12, 20, 3)).astype(np.uint8)


def test_a_stamp_keeps_its_nanoseconds() -> None:
    for seconds in (0.0, 12.000000001, 1795569694.25):
        assert seconds_of(stamp_of(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("encoding", "convert"),
    [
        ("rgb8", None),
        ("bgr8", cv2.COLOR_RGB2BGR),
        ("rgba8", cv2.COLOR_RGB2RGBA),
        ("bgra8", cv2.COLOR_RGB2BGRA),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_every_colour_encoding_gives_the_same_picture(
    encoding: str, convert: int | None, padding: int
) -> None:
    sent = PICTURE if convert is None else cv2.cvtColor(PICTURE, convert)
    rows = np.pad(sent.reshape(12, -1), ((0, 0), (0, padding)))
    message = Image(height=12, width=20, encoding=encoding, step=rows.shape[1])
    message.data = rows.tobytes()
    np.testing.assert_array_equal(pixels(message), PICTURE)


def test_a_compressed_image_is_decoded() -> None:
    png = cv2.imencode(".png", cv2.cvtColor(PICTURE, cv2.COLOR_RGB2BGR))[1].tobytes()
    np.testing.assert_array_equal(pixels(CompressedImage(format="png", data=png)), PICTURE)


@pytest.mark.parametrize(
    "message",
    [
        Image(height=12, width=20, encoding="rgb8", step=60, data=b"short"),
        Image(height=1, width=20, encoding="rgb8", step=30, data=bytes(30)),
        Image(height=12, width=20, encoding="16UC1", step=40, data=bytes(480)),
        Image(encoding="rgb8"),
        CompressedImage(format="jpeg", data=b"not a picture"),
        CompressedImage(format="jpeg"),
    ],
)
def test_an_image_that_is_none_is_an_error(message: Image | CompressedImage) -> None:
    with pytest.raises(MessageError) as error:
        pixels(message)
    assert "\n" not in str(error.value)


def test_a_glance_tells_black_from_lit_in_every_format() -> None:
    for lit in (True, False):
        picture = np.full((480, 640, 3), 90 * lit, np.uint8)
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        for message in (image_message(picture, 0.0, ""), CompressedImage(format="jpeg", data=jpeg)):
            assert (glance(message).max() > 50) == lit
    with pytest.raises(MessageError, match="cannot be decoded"):
        glance(CompressedImage(format="jpeg", data=b"nothing"))


def test_a_plan_comes_out_as_it_went_in() -> None:
    frames = RNG.integers(0, 255, (8, 48, 64, 3)).astype(np.uint8)
    message = plan_message(frames, 3.5, "camera")
    assert seconds_of(message.header.stamp) == 3.5
    np.testing.assert_array_equal(planned_frames(message, 48, 64), frames)
    for height, width in ((64, 48), (50, 64), (48, 32)):
        with pytest.raises(MessageError, match=f"64 x 384 pixels is no frames of {width} x {height} above"):
            planned_frames(message, height, width)


def test_motions_come_out_as_they_went_in() -> None:
    velocity = [0.1, -0.2, 0.3, 0.4, -0.5, 0.6]
    assert twist_values(twist_message(velocity, 1.0, "base")) == velocity
    position, orientation = [0.4, 0.1, 0.2], [1.0, 0.0, 0.0, 0.0]
    assert pose_values(pose_message(position, orientation, 1.0, "base")) == (position, orientation)
    message = trajectory_message(("a", "b"), [0.1, 0.2], 1.0, 0.05, "base")
    assert trajectory_values(message, ("b", "a")) == [0.2, 0.1]
    assert message.points[0].time_from_start.nanosec == 50_000_000


@pytest.mark.parametrize(
    ("output", "values"),
    [("twist", [1.0, 2, 3, 4, 5, 6]), ("pose", [1.0, 2, 3, 0, 0, 0, 1]), ("joint_trajectory", [0.1, 0.2])],
)
def test_every_kind_of_command_comes_out_as_it_went_in(output: str, values: list[float]) -> None:
    kind = COMMANDS[output]
    message = kind.write(values, 1.5, "base", ("a", "b"), 0.05)
    assert isinstance(message, kind.message) and COMMANDS.keys() == OUTPUTS.keys()
    assert message.header.frame_id == "base" and seconds_of(message.header.stamp) == 1.5
    assert kind.read(message, ("a", "b")) == values


def test_joints_are_found_by_name_and_missed_by_name() -> None:
    message = joint_message(("finger", "b", "a"), [0.01, 2.0, 1.0], 0.0)
    assert joint_values(message, ("a", "b")) == [1.0, 2.0]
    with pytest.raises(MessageError, match="lack c: they have finger, b, a"):
        joint_values(message, ("a", "c"))
    with pytest.raises(MessageError, match="they have none"):
        joint_values(JointState(), ("a",))
    with pytest.raises(MessageError, match="without a point"):
        trajectory_values(JointTrajectory(joint_names=["a"]), ("a",))


def test_diagnostics_tell_a_fault() -> None:
    well, ill = (diagnostics("guard", fault, {"limited": 3}, 1.0).status[0] for fault in (None, "late"))
    assert (well.message, ill.message) == ("ok", "late") and well.level < ill.level
    assert [(value.key, value.value) for value in ill.values] == [("limited", "3")]
