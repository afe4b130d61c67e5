"""Re-timing of self-collected episodes: an option of ours, which is not in the paper.

A hesitant planner succeeds slowly: between its moves the arm waits. A planner that is trained on such
successes becomes slower still. In the end the horizon runs out before the task is done, and the loop's
success rate falls. Keeping only the frames between which the arm has moved teaches the path without the
waiting. The threshold is below the distance that an arm travels in a control step at its usual pace (9 mm).
With a larger one, plans would show paths that are faster than any action can follow.
"""

import numpy as np
from numpy.typing import NDArray

from sail.types import Float32


def retime_by_travel(
    proprioception: Float32, travel: float = 0.006, gripper_change: float = 0.1
) -> NDArray[np.int64]:
    """Indices of the frames to keep: int64 (K,), strictly rising, with the first and the last frame.

    A frame is kept where the end effector is at least `travel` metres (a straight line) from where it
    was in the last kept frame, or the gripper opening (0..1) differs by more than `gripper_change` from
    it. proprioception: float32 (T+1, 4). Raises ValueError for an empty episode or a negative threshold.
    """
    if len(proprioception) == 0 or travel < 0 or gripper_change < 0:
        raise ValueError("re-timing wants at least one frame, and travel and gripper_change of 0 or more")
    states = proprioception.astype(np.float64)
    last = len(states) - 1
    kept = [0]
    for index in range(1, last):
        moved = float(np.linalg.norm(states[index, :3] - states[kept[-1], :3]))
        gripped = abs(float(states[index, 3] - states[kept[-1], 3]))
        if moved >= travel or gripped > gripper_change:
            kept.append(index)
    if last > 0:
        kept.append(last)
    return np.array(kept, np.int64)
