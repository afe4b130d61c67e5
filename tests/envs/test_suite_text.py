"""A suite in words: in YAML, in JSON, in a file, and in a run's configuration."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sail.config.overrides import ConfigError
from sail.config.resolution import from_yaml, load_config, to_yaml
from sail.system.plugins import PlugInError
from sail_envs.cameras import Camera, FreeCamera
from sail_envs.suite import SuiteError, TaskSuite, find_suite, find_suites
from sail_envs.suite_text import _camera, _workspace

from helpers import assert_one_line

TEXT = """
gymnasium:
  name: words
  tasks:
    near: {id: "tiny_environments:TinyDots-v0", prompt: move the dot, kwargs: {ends: true}}
    made: {make: "tiny_environments:Dots", prompt: move it again, kwargs: {render_mode: rgb_array}}
  success: told.there
  proprioception: {dot: [1], goal: }
  actions: [[-0.1, 0.1], [0.1, -0.2]]
  seen: [near]
  unseen: [made]
  frame: 20x30
  control_seconds: 0.1
  frame_skip: 3
  action_dimensions: [{name: x, kind: delta_position, unit: m}, {name: y}]
  expert: tiny_environments:dots_expert
"""


def suite_with(**changes: Any) -> str:
    """The text with changed keys; None leaves one out."""
    mapping = yaml.safe_load(TEXT)
    mapping["gymnasium"] |= changes
    mapping["gymnasium"] = {key: one for key, one in mapping["gymnasium"].items() if one is not None}
    return json.dumps(mapping)


def check(suite: TaskSuite) -> None:
    size = suite.embodiment
    assert suite.tasks == {"near": "move the dot", "made": "move it again"}
    assert (suite.seen, suite.unseen) == (("near",), ("made",))
    assert (size.height, size.width, size.control_seconds, size.frame_skip) == (20, 30, 0.1, 3)
    assert [one.name for one in size.proprioception] == ["dot1", "goal0", "goal1"]
    assert [(one.name, one.kind, one.low, one.high) for one in size.actions] == [
        ("x", "delta_position", -0.1, 0.1),
        ("y", "other", -1.0, 1.0),
    ]
    assert suite.expert is not None
    for task in suite.tasks:
        simulation = suite.simulate(task)
        simulation.reset(0)
        assert simulation.environment.unwrapped.ends == (task == "near")  # type: ignore[attr-defined]
        assert simulation.frame("render", 20, 30).shape == (20, 30, 3)


def test_text_file_and_json_are_one_suite(tmp_path: Path) -> None:
    for number, text in enumerate((TEXT, f"suite:{TEXT.replace(chr(10), chr(10) + '  ')}", suite_with())):
        path = tmp_path / f"suite{number}.yaml"
        path.write_text(text)
        suite = find_suite(str(path))
        assert suite.reference == str(path)
        check(suite)
    flow = suite_with()
    check(find_suite(flow))
    assert find_suite(flow).reference == flow
    larger = find_suite(f"{path}@24").embodiment
    assert (larger.height, larger.width) == (24, 24)
    assert [suite.name for suite in find_suites(flow)] == ["words"]
    assert [suite.name for suite in find_suites("cups,drawers")] == ["cups", "drawers"]


def test_a_configuration_keeps_the_mapping(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({"suite": yaml.safe_load(TEXT), "task": "made"}, sort_keys=False))
    config = load_config("smoke", path)
    assert json.loads(config.suite) == yaml.safe_load(TEXT)
    written = to_yaml(config)
    assert yaml.safe_load(written)["suite"] == yaml.safe_load(TEXT)
    assert from_yaml(written) == config
    flow = yaml.safe_dump(yaml.safe_load(TEXT), default_flow_style=True, sort_keys=False, width=10_000)
    assert load_config("smoke", None, [f"suite={flow.strip()}", "task=made"]) == config


def test_a_configuration_refuses_mappings_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("base: {a: 1}")
    with pytest.raises(ConfigError) as refused:
        load_config("smoke", path)
    assert_one_line(refused, "base", "text")
    with pytest.raises(ConfigError) as refused:
        load_config("smoke", None, ["suite={gymnasium: [", "task=made"])
    assert_one_line(refused, "suite", "YAML")


def test_a_workspace_and_cameras_in_words() -> None:
    assert _workspace([[-1, -1, 0], [1, 1, 0.1]], "s") == ((-1, -1, 0), (1, 1, 0.1))
    assert _camera({"name": "front", "turned": True}, "s") == Camera("front", turned=True)
    free = {"lookat": [1, 0, 0.5], "distance": 2, "azimuth": 90, "elevation": -30}
    assert _camera(free, "s") == FreeCamera((1.0, 0.0, 0.5), 2, 90, -30)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sucess": "x"}, ["'sucess'", "'success'"]),
        ({"success": None}, ["lacks 'success'"]),
        ({"success": 3}, ["success", "a text", "3"]),
        ({"seen": "near"}, ["seen", "a list"]),
        ({"seen": [3]}, ["'3'", "near"]),
        ({"frame_skip": True}, ["frame_skip", "whole number"]),
        ({"frame": "large"}, ["frame", "HEIGHTxWIDTH"]),
        ({"camera": {"lookat": [0, 0, 0]}}, ["camera", "lacks 'distance'"]),
        ({"camera": {"nam": "front"}}, ["camera", "'nam'"]),
        ({"workspace": [[0, 0, 0]]}, ["workspace", "two corners"]),
        ({"workspace": [[0, 0], [1, 1]]}, ["workspace", "three numbers"]),
        ({"workspace": [[0, 0, 0], [1, 1, 1]]}, ["workspace", "no points"]),
        ({"action_dimensions": ["x", "y"]}, ["action_dimensions", "mappings"]),
        ({"tasks": {"near": "TinyDots-v0"}}, ["task 'near'", "mapping"]),
        ({"tasks": {"near": {"id": "TinyDots-v0"}}}, ["task 'near'", "prompt"]),
        ({"tasks": {"near": {"prompt": "a", "idd": "TinyDots-v0"}}}, ["'idd'", "'id'"]),
        (
            {"tasks": {"near": {"prompt": "a", "id": "FetchReech-v4"}}, "seen": []},
            ["FetchReech-v4", "FetchReach"],
        ),
        ({"actions": "far"}, ["actions"]),
    ],
)
def test_what_is_wrong_in_a_text_is_one_line(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SuiteError) as refused:
        find_suite(suite_with(**changes))
    assert_one_line(refused, *words)


def test_what_is_no_suite_at_all_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    with pytest.raises(SuiteError) as refused:
        find_suite(str(path))
    assert_one_line(refused, "suite.yaml")
    for text in ("- a", "isaac: {}", "gymnasium: [", ""):
        path.write_text(text)
        with pytest.raises(SuiteError) as refused:
            find_suite(str(path))
        assert_one_line(refused, "suite.yaml")
    with pytest.raises(PlugInError) as missing:
        find_suite(suite_with(expert="tiny_environments:dots_exprt"))
    assert_one_line(missing, "dots_exprt", "dots_expert")
