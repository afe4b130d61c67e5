"""A Gymnasium environment of one's own: base weights, two iterations on a colour never shown, a report."""

import gymnasium
import numpy as np

import sail
from sail_envs.gymnasium import gymnasium_suite

FIELDS = {"red": (-0.7, 0.7), "green": (0.7, 0.7), "blue": (-0.7, -0.7), "yellow": (0.7, -0.7)}
PAINTS = [(255, 0, 0), (0, 200, 0), (0, 0, 255), (255, 255, 0), (255, 255, 255)]


class Table(gymnasium.Env):
    """A white hand on a table with a coloured field in each corner; a task names one of the colours."""

    render_mode, action_space = "rgb_array", gymnasium.spaces.Box(-0.1, 0.1, (2,), np.float32)
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float64)

    def __init__(self, colour):
        self.goal = np.array(FIELDS[colour])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.hand = self.np_random.uniform(-0.4, 0.4, 2)
        return self.hand, {}

    def step(self, action):
        self.hand = np.clip(self.hand + action, -0.9, 0.9)
        return self.hand, 0.0, False, False, {"success": bool(abs(self.hand - self.goal).max() < 0.15)}

    def render(self):
        picture = np.zeros((64, 64, 3), np.uint8)
        for place, paint in zip([*FIELDS.values(), self.hand], PAINTS, strict=True):
            column, row = (32 + 28 * np.array(place)).astype(int)
            picture[row - 4 : row + 4, column - 4 : column + 4] = paint
        return picture


def expert(task):
    """Straight to the field."""
    return lambda simulation: np.clip(10 * (np.array(FIELDS[task]) - simulation.observation), -1, 1)


environments = {colour: lambda colour=colour: Table(colour) for colour in FIELDS}
prompts = {colour: f"move to the {colour} field" for colour in FIELDS}
split = {"seen": ["red", "green", "blue"], "unseen": ["yellow"]}
how = {"proprioception": [0, 1], "control_seconds": 0.1, "expert": expert}
SUITE = gymnasium_suite("table", environments, prompts, "success", **split, **how)

if __name__ == "__main__":
    base = {"autoencoder_steps": 300, "planner_steps": 1500, "inverse_dynamics_steps": 300, "play_seen": 4}
    sail.train(SUITE, "weights/table", base)
    sail.improve(SUITE, "yellow", "runs/yellow", {"base": "weights/table", "iterations": 2, "horizon": 60})
