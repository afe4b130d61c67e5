"""Plan from a camera frame, act towards the first planned frame, and look at what happens.

python examples/plan_and_act.py door-close
"""

import sys

import sail
from sail_envs.suite import find_suite


def main(task: str) -> None:
    """One plan, one chunk of actions, and how far the hand moved."""
    agent = sail.load("base")
    env = find_suite("metaworld").make(task, frame_skip=agent.frame_skip, chunk=True)
    observation, _ = env.reset(seed=0)
    plan = agent.plan(observation["frame"], env.prompt)
    print(f"'{env.prompt}': {plan.frames.shape[1]} planned frames, motion {plan.motion[0]:.2f}")
    chunk = agent.act(observation["frame"], plan.frames[0, 0], observation["proprioception"])
    after, _, _, _, info = env.step(chunk)
    moved = after["proprioception"][:3] - observation["proprioception"][:3]
    print(f"{len(chunk)} actions moved the hand by {1000 * moved.round(3)} mm; success: {info['success']}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "door-close")
