"""SAIL: self-improving visual planning for robot arms, from Python. Importing this imports nothing else.

    agent = sail.load("base")                                  # weights, or a run folder
    plan = agent.plan(frame, "open the door")                  # uint8 (F, H, W, 3) frames to come
    chunk = agent.act(frame, plan.frames[0, 0], arm)           # float32 (K, A) actions
    results = sail.improve("metaworld", "handle-press", "runs/mine", {"iterations": 2})

The same things from a shell are `sail plan`, `sail run`, `sail evaluate` and `sail train`.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sail.data.store import EpisodeStore
    from sail.embodiment import Dimension, Embodiment
    from sail.face.functions import evaluate, improve, load, train
    from sail.types import Episode
    from sail_envs.suite import TaskSuite, Workspace

__all__ = [
    "Dimension",
    "Embodiment",
    "Episode",
    "EpisodeStore",
    "TaskSuite",
    "Workspace",
    "evaluate",
    "improve",
    "load",
    "train",
]

# ONNX Runtime would write an identifier and events of this machine into the user's cache, and send them. Both
# are switched off before anything can import ONNX Runtime; a person who sets a variable decides otherwise.
for _name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):
    os.environ.setdefault(_name, "1")

# Where the names are that this module offers; each is imported when it is first used.
_HOMES = {
    "Dimension": "sail.embodiment",
    "Embodiment": "sail.embodiment",
    "Episode": "sail.types",
    "EpisodeStore": "sail.data.store",
    "TaskSuite": "sail_envs.suite",
    "Workspace": "sail_envs.suite",
    "evaluate": "sail.face.functions",
    "improve": "sail.face.functions",
    "load": "sail.face.functions",
    "train": "sail.face.functions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sail' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
