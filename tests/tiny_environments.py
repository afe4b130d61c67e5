"""Small Gymnasium environments of tests' own, of which no name stands in the package, and suites of them."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.mujoco import MujocoEnv

from sail_envs.gymnasium import gymnasium_suite

NEAR = 0.1  # where the dot is at the goal; the picture is 2 wide and high
LOW, HIGH = (-0.1, -0.2), (0.1, 0.1)  # of an action: what the dot moves


class Dots(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """A dot is moved to a goal in the plane; drawn by NumPy, 60 pixels high and 80 wide.

    leaky: what a reset draws depends on the episodes before. ends: the episode ends at the goal.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, leaky: bool = False, ends: bool = False) -> None:
        self.render_mode, self.leaky, self.ends, self.begun, self.made = render_mode, leaky, ends, 0, 0
        self.dot = self.goal = np.zeros(2)
        self.action_space = spaces.Box(np.array(LOW, np.float32), np.array(HIGH, np.float32))
        self.observation_space = spaces.Dict(
            {
                "dot": spaces.Box(-1, 1, (2,), np.float64),
                "goal": spaces.Box(-np.inf, np.inf, (2,), np.float64),
            }
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.begun += self.leaky
        self.dot, self.goal = self.np_random.uniform(-0.8, 0.8, (2, 2)) * 0.9**self.begun
        return self._observation(), {}

    def step(self, action: np.ndarray) -> Any:
        assert self.action_space.contains(action)
        self.made += 1
        self.dot = np.clip(self.dot + action, -1, 1)
        there = bool(np.linalg.norm(self.dot - self.goal) < NEAR)
        return self._observation(), -1.0, self.ends and there, False, {"told": {"there": there}}

    def render(self) -> np.ndarray:
        picture = np.zeros((60, 80, 3), np.uint8)
        for place, colour in ((self.goal, (255, 0, 0)), (self.dot, (255, 255, 255))):
            column, row = int(40 * (1 + place[0])), int(30 * (1 - place[1]))
            picture[max(row - 4, 0) : row + 4, max(column - 4, 0) : column + 4] = colour
        return picture

    def _observation(self) -> dict[str, np.ndarray]:
        return {"dot": self.dot.copy(), "goal": self.goal.copy()}


class Slider(MujocoEnv):
    """A box on two slides is pushed: a MuJoCo model with a camera that hangs upside down, and one upright."""

    metadata = {"render_modes": ["human", "rgb_array", "depth_array", "rgbd_tuple"], "render_fps": 50}  # noqa: RUF012
    XML = """<mujoco><option timestep="0.01"/><worldbody><light pos="0 0 3"/>
      <camera name="front" pos="0 -2 1" xyaxes="1 0 0 0 .4 .9"/>
      <camera name="hanging" pos="0 -2 1" xyaxes="-1 0 0 0 -.4 -.9"/>
      <geom type="plane" size="2 2 .1" rgba=".3 .4 .3 1"/>
      <body name="box" pos="0 0 .1"><joint name="x" type="slide" axis="1 0 0" damping="5"/>
      <joint name="y" type="slide" axis="0 1 0" damping="5"/>
      <geom type="box" size=".1 .1 .1" rgba=".9 .2 .1 1" mass="1"/></body></worldbody>
      <actuator><motor joint="x" ctrlrange="-20 20"/><motor joint="y" ctrlrange="-20 20"/></actuator>
      </mujoco>"""

    def __init__(self, path: str, **kwargs: Any) -> None:
        space = spaces.Box(-np.inf, np.inf, (4,), np.float64)
        super().__init__(path, 2, space, default_camera_config={"distance": 3.0, "azimuth": 45.0}, **kwargs)

    def reset_model(self) -> np.ndarray:
        self.set_state(self.np_random.uniform(-0.5, 0.5, 2), np.zeros(2))
        return self._observation()

    def step(self, action: np.ndarray) -> Any:
        self.do_simulation(action, self.frame_skip)
        return self._observation(), 0.0, False, False, {"far": bool(self.data.qpos[0] > 0.8)}

    def _observation(self) -> np.ndarray:
        return np.concatenate([self.data.qpos, self.data.qvel])


gymnasium.register("TinyDots-v0", "tiny_environments:Dots", max_episode_steps=5)


def dots_expert(task: str) -> Any:
    """Straight to the goal."""

    def act(simulation: Any) -> np.ndarray:
        way = simulation.observation["goal"] - simulation.observation["dot"]
        low, high = np.array(LOW), np.array(HIGH)
        return (2 * (np.clip(way, low, high) - low) / (high - low) - 1).astype(np.float32)

    return act


DOTS = gymnasium_suite(
    "dots",
    {"dots-near": "tiny_environments:TinyDots-v0"},
    {"dots-near": "move the white dot to the red one"},
    "told.there",
    proprioception="dot",
    seen=["dots-near"],
    height=32,
    width=32,
    expert=dots_expert,
)
