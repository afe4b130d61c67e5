"""Conversion between ROS messages and what SAIL works with: arrays, lists of numbers, seconds.

`COMMANDS` says how each kind of command (outputs.py) travels.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, TwistStamped
from sensor_msgs.msg import CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from sail.errors import SailError
from sail.types import UInt8
from sail_robot.outputs import Numbers
from sail_robot.robot_file import Gripper

# Encoding -> number of channels, and OpenCV's conversion to RGB (None where the image is RGB).
_ENCODINGS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
}


class MessageError(SailError):
    """A message whose content contradicts its header, or lacks what is needed."""


def seconds_of(stamp: Time) -> float:
    """A stamp in seconds."""
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)


def stamp_of(seconds: float) -> Time:
    """Seconds as a stamp."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def pixels(message: Image | CompressedImage) -> UInt8:
    """An image's pixels, uint8 (H, W, 3) RGB. Raises MessageError."""
    data = np.frombuffer(message.data, np.uint8)
    if isinstance(message, CompressedImage):
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if decoded is None:
            raise MessageError(f"an image of format '{message.format}' cannot be decoded: send JPEG or PNG")
        return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]
    if message.encoding not in _ENCODINGS:
        raise MessageError(
            f"an image is '{message.encoding}': the camera must send one of {', '.join(_ENCODINGS)}"
        )
    channels, conversion = _ENCODINGS[message.encoding]
    height, width, row = message.height, message.width, message.step
    if data.size != height * row or row < width * channels or data.size == 0:
        raise MessageError(f"an image of {width} x {height} holds {data.size} bytes in rows of {row}")
    shown = data.reshape(height, row)[:, : width * channels].reshape(height, width, channels)
    return np.ascontiguousarray(shown) if conversion is None else cv2.cvtColor(shown, conversion)  # type: ignore[return-value]


def glance(message: Image | CompressedImage) -> UInt8:
    """Some bytes of an image, uint8 of any length, that show whether it is black or frozen.

    A compressed image is decoded at an eighth of its size, which takes a fraction of the time. Raises
    MessageError.
    """
    data = np.frombuffer(message.data, np.uint8)
    if isinstance(message, Image):
        return data
    small = cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8) if data.size else None
    if small is None:
        raise MessageError(f"an image of format '{message.format}' cannot be decoded: send JPEG or PNG")
    return small.ravel()  # type: ignore[return-value]


def image_message(image: UInt8, seconds: float, frame: str) -> Image:
    """The message for an image, uint8 (H, W, 3) RGB. seconds: when it was taken. frame: the camera's."""
    message = Image(height=image.shape[0], width=image.shape[1], encoding="rgb8", step=3 * image.shape[1])
    message.header.stamp, message.header.frame_id = stamp_of(seconds), frame
    message.data.frombytes(np.ascontiguousarray(image).tobytes())
    return message


def plan_message(frames: UInt8, seconds: float, frame: str) -> Image:
    """The message for a plan, uint8 (F, H, W, 3): one tall image, the first frame on top.

    seconds: when the camera's frame was taken that the plan goes on from.
    """
    return image_message(frames.reshape(-1, *frames.shape[2:]), seconds, frame)


def planned_frames(message: Image, height: int, width: int) -> UInt8:
    """A plan's frames, uint8 (F, height, width, 3). Raises MessageError."""
    tall = pixels(message)
    if tall.shape[1] != width or tall.shape[0] % height:
        raise MessageError(
            f"a plan of {tall.shape[1]} x {tall.shape[0]} pixels is no frames of {width} x {height} above "
            "each other: plan with weights of the same embodiment"
        )
    return tall.reshape(-1, height, width, 3)


def twist_message(velocity: Numbers, seconds: float, frame: str) -> TwistStamped:
    """The message for a velocity, (6,) in m/s and rad/s."""
    message = TwistStamped()
    message.header.stamp, message.header.frame_id = stamp_of(seconds), frame
    linear, angular = message.twist.linear, message.twist.angular
    linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = map(float, velocity)
    return message


def twist_values(message: TwistStamped) -> list[float]:
    """A twist's velocity, (6,) in m/s and rad/s."""
    linear, angular = message.twist.linear, message.twist.angular
    return [linear.x, linear.y, linear.z, angular.x, angular.y, angular.z]


def pose_message(position: Numbers, orientation: Numbers, seconds: float, frame: str) -> PoseStamped:
    """The message for a position, (3,) in metres, and an orientation, (4,) x, y, z, w."""
    message = PoseStamped()
    message.header.stamp, message.header.frame_id = stamp_of(seconds), frame
    at, turned = message.pose.position, message.pose.orientation
    at.x, at.y, at.z = map(float, position)
    turned.x, turned.y, turned.z, turned.w = map(float, orientation)
    return message


def pose_values(message: PoseStamped) -> tuple[list[float], list[float]]:
    """A pose's position, (3,) in metres, and its orientation, (4,) x, y, z, w."""
    at, turned = message.pose.position, message.pose.orientation
    return [at.x, at.y, at.z], [turned.x, turned.y, turned.z, turned.w]


def joint_message(names: Sequence[str], position: Numbers, seconds: float) -> JointState:
    """The message for joint positions, in radians (fingers: metres)."""
    message = JointState(name=list(names), position=[float(value) for value in position])
    message.header.stamp = stamp_of(seconds)
    return message


def joint_values(message: JointState, names: Sequence[str]) -> list[float]:
    """The positions of the named joints, in the order of the names. Raises MessageError."""
    known = dict(zip(message.name, message.position, strict=False))
    missing = [name for name in names if name not in known]
    if missing:
        raise MessageError(
            f"the joint states lack {missing[0]}: they have {', '.join(message.name) or 'none'}"
        )
    return [known[name] for name in names]


def opening(message: JointState, gripper: Gripper) -> float:
    """How far a gripper is open, 0 (closed) to 1. Raises MessageError."""
    return joint_values(message, [gripper.joint])[0] / gripper.open


def trajectory_message(
    names: Sequence[str], position: Numbers, seconds: float, reached_in: float, frame: str
) -> JointTrajectory:
    """The message for one point, joint angles (n,) in radians, to be reached in `reached_in` seconds."""
    message = JointTrajectory(joint_names=list(names))
    message.header.stamp, message.header.frame_id = stamp_of(seconds), frame
    point = JointTrajectoryPoint(positions=[float(value) for value in position])
    whole = stamp_of(reached_in)
    point.time_from_start.sec, point.time_from_start.nanosec = whole.sec, whole.nanosec
    message.points = [point]
    return message


def trajectory_values(message: JointTrajectory, names: Sequence[str]) -> list[float]:
    """The last point's angles of the named joints, in the order of the names. Raises MessageError."""
    if not message.points:
        raise MessageError("a trajectory without a point")
    known = dict(zip(message.joint_names, message.points[-1].positions, strict=False))
    missing = [name for name in names if name not in known]
    if missing:
        raise MessageError(f"the trajectory lacks {missing[0]}: it has {', '.join(known) or 'none'}")
    return [known[name] for name in names]


class CommandFormat(NamedTuple):
    """How one kind of command travels.

    message: the ROS message's type. write: from a command's numbers, the time in seconds, the frame, the
    joints' names and the seconds within which a position is to be reached. read: a command's numbers from a
    message and the joints' names; raises MessageError.
    """

    message: type
    write: Callable[[Numbers, float, str, Sequence[str], float], Any]
    read: Callable[[Any, Sequence[str]], list[float]]


# By the name of the output (outputs.py).
COMMANDS = {
    "twist": CommandFormat(
        TwistStamped,
        lambda values, now, frame, names, reached_in: twist_message(values, now, frame),
        lambda message, names: twist_values(message),
    ),
    "pose": CommandFormat(
        PoseStamped,
        lambda values, now, frame, names, reached_in: pose_message(values[:3], values[3:], now, frame),
        lambda message, names: [number for part in pose_values(message) for number in part],
    ),
    "joint_trajectory": CommandFormat(
        JointTrajectory,
        lambda values, now, frame, names, reached_in: trajectory_message(
            names, values, now, reached_in, frame
        ),
        trajectory_values,
    ),
}


def diagnostics(node: str, fault: str | None, values: dict[str, object], seconds: float) -> DiagnosticArray:
    """The message with a node's state. fault: None where all is well."""
    status = DiagnosticStatus(
        level=DiagnosticStatus.OK if fault is None else DiagnosticStatus.ERROR,
        name=node,
        message=fault or "ok",
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp_of(seconds)
    return message
