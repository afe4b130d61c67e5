"""A suite in words: the YAML mapping `{gymnasium: …}`, in a run's settings or in a file of its own.

    gymnasium:
      name: reacher
      tasks:
        near: {id: FetchReach-v4, prompt: move the hand to the red ball}
      success: is_success
      proprioception: {observation: [0, 1, 2]}
      seen: [near]
      frame: 96x96

Its keys are the arguments of `sail_envs.gymnasium.gymnasium_suite`, but for these: `tasks` gives each task's
id (or `make: package.module:NAME`, what makes its environment), prompt and kwargs; `frame` is SIDE or
HEIGHTxWIDTH; `camera` is a name, the fields of a `Camera` (with `name`) or those of a `FreeCamera`;
`workspace` is two corners; where Python takes a function, `package.module:NAME` names one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sail.errors import not_found, show
from sail.system.plugins import PlugIns
from sail.system.reading import parse_yaml, read_file
from sail_envs.cameras import Camera, FreeCamera, View
from sail_envs.gymnasium import gymnasium_suite
from sail_envs.gymnasium_simulation import make_environment
from sail_envs.suite import Point, SuiteError, TaskSuite, Workspace

_KIND = "gymnasium"
_FUNCTION = re.compile(r"[\w.]+:\w+")
_FRAME = re.compile(r"(\d{1,4})(?:x(\d{1,4}))?")
# The keys whose text may name a function.
_FUNCTIONS = ("success", "proprioception", "actions", "expert", "things")
# Key -> the types that its value may have.
Kinds = Mapping[str, tuple[type, ...]]
_TEXT, _WHOLE, _NUMBER, _LIST, _MAPPING, _TRUTH = (str,), (int,), (int, float), (list,), (dict,), (bool,)
_KEYS: Kinds = {
    "name": _TEXT,
    "tasks": _MAPPING,
    "success": _TEXT,
    "proprioception": (list, str, dict),
    "actions": (list, str),
    "seen": _LIST,
    "unseen": _LIST,
    "camera": (str, dict),
    "frame": (str, int),
    "control_seconds": _NUMBER,
    "frame_skip": _WHOLE,
    "plan_frames": _WHOLE,
    "action_dimensions": _LIST,
    "proprioception_dimensions": _LIST,
    "kwargs": _MAPPING,
    "expert": _TEXT,
    "workspace": _LIST,
    "things": _TEXT,
    "fresh": _TRUTH,
    "one_scene": _TRUTH,
}
_NEEDED = ("name", "tasks", "success")
_OF_TASK: Kinds = {"id": _TEXT, "make": _TEXT, "prompt": _TEXT, "kwargs": _MAPPING}
_CALLED = {
    dict: "a mapping",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def suite_of_file(path: Path) -> TaskSuite:
    """The suite in a YAML file, alone or under `suite:`. Raises SuiteError."""
    content = _parsed(read_file(path, SuiteError, "read the suite"), str(path))
    if isinstance(content, Mapping) and list(content) == ["suite"]:
        content = content["suite"]
    return suite_of_mapping(content, str(path))


def suite_of_text(text: str) -> TaskSuite:
    """The suite that a YAML mapping `{gymnasium: …}` describes. Raises SuiteError."""
    return suite_of_mapping(_parsed(text, "the suite"), "the suite")


def suite_of_mapping(content: object, origin: str) -> TaskSuite:
    """The suite that a mapping describes. origin: what messages call it. Raises SuiteError."""
    if (
        not isinstance(content, Mapping)
        or list(content) != [_KIND]
        or not isinstance(content[_KIND], Mapping)
    ):
        raise SuiteError(f"{origin} must be one mapping under the key '{_KIND}', not {show(content)}")
    given = _checked(content[_KIND], _KEYS, origin)
    for key in _NEEDED:
        if key not in given:
            raise SuiteError(f"{origin} lacks '{key}': it needs {', '.join(_NEEDED)}")
    origin = f"suite {given['name']}"
    environments, prompts = _tasks(given.pop("tasks"), given.pop("kwargs", {}), origin)
    for key in _FUNCTIONS:
        if isinstance(given.get(key), str) and _FUNCTION.fullmatch(given[key]):
            given[key] = PlugIns(key, "", {}).find(given[key])
    for key in ("seen", "unseen"):
        given[key] = [str(task) for task in given.get(key, ())]
    if "frame" in given:
        given["height"], given["width"] = _frame(given.pop("frame"), origin)
    if isinstance(given.get("camera"), Mapping):
        given["camera"] = _camera(given["camera"], origin)
    if "workspace" in given:
        given["workspace"] = _workspace(given["workspace"], origin)
    for key in ("action_dimensions", "proprioception_dimensions"):
        if not all(isinstance(one, Mapping) for one in given.get(key, ())):
            raise SuiteError(
                f"{origin}: {key} is a list of mappings, as {{name: x, unit: m, low: 0, high: 1}}"
            )
    return gymnasium_suite(environments=environments, prompts=prompts, **given)


def _tasks(
    content: Mapping[str, Any], kwargs: Mapping[str, Any], origin: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """What makes each task's environment, and each task's prompt."""
    environments, prompts = {}, {}
    for task, one in content.items():
        given = _checked(one, _OF_TASK, f"{origin}: task '{task}'")
        if ("id" in given) == ("make" in given) or "prompt" not in given:
            raise SuiteError(
                f"{origin}: task '{task}' needs a prompt and an id, as {{id: FetchReach-v4, prompt: …}}"
            )
        made = PlugIns("environment", "", {}).find(given["make"]) if "make" in given else given["id"]
        settings = {**kwargs, **given.get("kwargs", {})}
        if "make" in given:
            environments[str(task)] = partial(made, **settings)
        else:
            environments[str(task)] = partial(make_environment, made, **settings)
        prompts[str(task)] = given["prompt"]
    return environments, prompts


def _checked(content: object, known: Kinds, origin: str) -> dict[str, Any]:
    """A mapping with known keys, and values of their types."""
    if not isinstance(content, Mapping):
        raise SuiteError(f"{origin} must be a mapping, not {show(content)}")
    for key, value in content.items():
        if key not in known:
            raise SuiteError(f"{origin}: {not_found('key', str(key), list(known))}")
        kinds = known[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            called = " or ".join(_CALLED[kind] for kind in kinds)
            raise SuiteError(f"{origin}: {key} must be {called}, not {show(value)}")
    return dict(content)


def _frame(value: str | int, origin: str) -> tuple[int, int]:
    found = _FRAME.fullmatch(str(value))
    if found is None:
        raise SuiteError(
            f"{origin}: frame must be SIDE or HEIGHTxWIDTH in pixels, as 96x128, not {show(value)}"
        )
    return int(found[1]), int(found[2] or found[1])


def _camera(content: Mapping[str, Any], origin: str) -> View:
    if "name" in content:
        given = _checked(content, {"name": _TEXT, "fovy": _NUMBER, "turned": _TRUTH}, f"{origin}: camera")
        return Camera(given.pop("name"), **given)
    known: Kinds = {"lookat": _LIST, **dict.fromkeys(("distance", "azimuth", "elevation", "fovy"), _NUMBER)}
    given = _checked(content, known, f"{origin}: camera")
    for key in ("lookat", "distance", "azimuth", "elevation"):
        if key not in given:
            raise SuiteError(f"{origin}: camera lacks '{key}': it needs name, or {', '.join(known)}")
    return FreeCamera(**{**given, "lookat": _point(given["lookat"], f"{origin}: lookat")})


def _workspace(content: Sequence[Any], origin: str) -> Workspace:
    if len(content) != 2:
        raise SuiteError(
            f"{origin}: workspace must be two corners, as [[0, 0, 0], [1, 1, 1]], not {show(content)}"
        )
    return Workspace(*(_point(corner, f"{origin}: workspace") for corner in content))


def _point(content: object, origin: str) -> Point:
    if (
        isinstance(content, list)
        and len(content) == 3
        and all(isinstance(one, int | float) for one in content)
    ):
        return (float(content[0]), float(content[1]), float(content[2]))
    raise SuiteError(f"{origin}: a point is three numbers in metres, not {show(content)}")


def _parsed(text: str | bytes, origin: str) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(text)  # YAML takes some of JSON's numbers for texts
    return parse_yaml(text, origin, SuiteError)
