"""Re-timing of self-collected episodes: an option of ours, which is not in the paper.

A hesitant planner succeeds slowly: between its moves the arm waits. A planner that is trained on such
successes becomes slower still. In the end the horizon runs out before the task is done, and the loop's
success rate falls. Keeping only the frames between which the arm has moved teaches the path without the
waiting. The threshold is below the distance that an arm travels in a control step at its usual pace (9 mm).
With a larger one, plans would show paths that are faster than any action can follow.
"""

import numpy as np
from numpy.typing import NDArray

from sail.embodiment import Embodiment, places, scaling
from sail.types import Float32

# Half of the range of MetaWorld's x and y, in metres: other numbers travel by the same share of theirs.
_HALF_RANGE = 0.3


def retime_by_travel(
    proprioception: Float32, embodiment: Embodiment, travel: float = 0.006, gripper_change: float = 0.1
) -> NDArray[np.int64]:
    """Indices of the frames to keep: int64 (K,), strictly rising, with the first and the last frame.

    A frame is kept where the end effector is at least `travel` metres (a straight line) from where it was in
    the last kept frame, or where a gripper differs by more than `gripper_change` of its range from it. Other
    numbers but velocities (joints, a rotation) count in halves of their ranges, `travel` in halves of 0.6 m.
    Where proprioception says nothing of where the arm is, all frames are kept.

    proprioception: float32 (T+1, P). Raises ValueError for an empty episode or a negative threshold.
    """
    if len(proprioception) == 0 or travel < 0 or gripper_change < 0:
        raise ValueError("re-timing wants at least one frame, and travel and gripper_change of 0 or more")
    states, numbers = proprioception.astype(np.float64), embodiment.proprioception
    position, grippers = embodiment.position, places(numbers, "gripper")
    apart = {*position, *places(numbers, "gripper", "joint_velocity", "base_velocity")}
    others = [place for place in range(len(numbers)) if place not in apart]
    if not position and not others:
        return np.arange(len(states))
    _, scales = scaling(numbers, range(len(numbers)))
    last = len(states) - 1
    kept = [0]
    for index in range(1, last):
        change = states[index] - states[kept[-1]]
        moved = position and np.linalg.norm(change[position]) >= travel
        turned = others and np.linalg.norm(change[others] / scales[others]) >= travel / _HALF_RANGE
        gripped = np.abs(change[grippers]) > 2 * scales[grippers] * gripper_change
        if moved or turned or gripped.any():
            kept.append(index)
    if last > 0:
        kept.append(last)
    return np.array(kept, np.int64)
