"""Configuration: what resolves to what, and one line for whatever is wrong."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sail.config.overrides import ConfigError
from sail.config.resolution import flatten, from_yaml, load_config, preset_names, to_yaml
from sail.config.schema import ExplorationConfig, PlannerConfig, RunConfig, TrainingConfig
from sail.errors import SailError

TASKS = ["handle-press", "door-close", "door-open", "reach"]


def load(*overrides: str, preset: str | None = "quick", file: Path | None = None) -> RunConfig:
    return load_config(preset, file, overrides)


def error_of(*overrides: str, preset: str | None = "quick", file: Path | None = None) -> str:
    with pytest.raises(SailError) as caught:
        load(*overrides, preset=preset, file=file)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_presets_hold_the_documented_values() -> None:
    smoke, quick, paper = (load(preset=name) for name in ("smoke", "quick", "paper"))
    assert (smoke.iterations, smoke.rollouts, smoke.evaluation_episodes) == (1, 4, 4)
    assert (smoke.demonstrations_per_task, smoke.horizon, smoke.envs, smoke.workers) == (1, 80, 4, 2)
    assert smoke.training.steps == 5
    assert (quick.iterations, quick.rollouts, quick.evaluation_episodes) == (3, 30, 50)
    assert (paper.iterations, paper.rollouts, paper.evaluation_episodes) == (4, 30, 50)
    assert (quick.exploration, quick.training) == (paper.exploration, paper.training)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_resolves_with_the_real_tasks(name: str) -> None:
    assert load_config(name).preset == name


def test_a_later_source_wins(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("iterations: 7\nrollouts: 9\nplanner:\n  steps: 8\n  guidance: 3\n")
    config = load("rollouts=11", "planner.steps=16", file=file)
    assert (config.rollouts, config.planner.steps) == (11, 16)  # the override
    assert (config.iterations, config.planner.guidance) == (7, 3.0)  # the file
    assert config.evaluation_episodes == 50  # the preset
    assert config.planner == dataclasses.replace(PlannerConfig(), steps=16, guidance=3.0)  # the defaults


def test_the_preset_comes_from_the_command_line_then_the_file_then_quick(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("preset: paper\n")
    assert load(preset=None, file=file).iterations == 4
    assert load(preset="smoke", file=file).iterations == 1
    assert load(preset=None).preset == "quick"


def test_values_get_their_settings_type() -> None:
    config = load(
        "training.learning_rate=1e-4", "training.inverse_dynamics=True", "seed=3", "filter=none", "base=a=b"
    )
    assert config.training.learning_rate == 1e-4
    assert config.training.inverse_dynamics is True
    assert config.seed == 3
    assert config.filter == "none"
    assert config.base == "a=b"
    assert isinstance(load("planner.guidance=3").planner.guidance, float)


def test_yaml_takes_an_exponent_without_a_point(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("training: {learning_rate: 5e-5}\nplanner:\nexploration: {}\n")
    assert load(file=file).training.learning_rate == 5e-5


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("task=dor-close", ["'dor-close'", "nearest is 'door-close'"]),
        ("method=sial", ["method", "'sial'", "nearest is 'sail'", "sail, frozen, random"]),
        ("training.retime=traval", ["training.retime", "nearest is 'travel'", "none, travel"]),
        ("planner.stps=8", ["'planner.stps'", "nearest is 'planner.steps'", "planner.guidance"]),
        ("planer.steps=8", ["'planer.steps'", "nearest is 'planner.steps'"]),
        ("learning_rate=1", ["'learning_rate'", "nearest is 'training.learning_rate'"]),
        ("roll-outs=8", ["'roll-outs'", "nearest is 'rollouts'"]),
        ("planner=8", ["'planner' is a group", "planner.steps"]),
        ("planner.steps", ["'planner.steps'", "key=value"]),
        ("planner.steps=0", ["planner.steps", "from 1 to 100", "not 0"]),
        ("planner.steps=101", ["from 1 to 100", "not 101"]),
        ("planner.steps=4.5", ["whole number", "'4.5'"]),
        ("planner.guidance=nan", ["from 0 to 100", "nan"]),
        ("planner.guidance=warm", ["a number", "'warm'"]),
        ("training.inverse_dynamics=yes", ["true or false", "'yes'"]),
        (
            "prior.kind=anmiatediff",
            ["unknown prior", "nearest is 'animatediff'", "none, compact"],
        ),
        ("prior.rule=in_domain", ["prior.rule", "inverse_probabilistic"]),
        ("base=", ["base", "at least one character"]),
        ("preset=smoke", ["--preset smoke"]),
        ("=3", ["unknown key ''"]),
        ("seed=" + "9" * 5000, ["seed", "whole number"]),
    ],
)
def test_a_wrong_override_is_one_line_with_the_cure(override: str, parts: list[str]) -> None:
    line = error_of(override)
    for part in parts:
        assert part in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("itertions: 3", ["'itertions'", "nearest is 'iterations'"]),
        ("planner: {step: 3}", ["'planner.step'", "nearest is 'planner.steps'"]),
        ("planner: 3", ["'planner' is a group"]),
        ("planner: {steps: {a: 1}}", ["planner.steps", "whole number"]),
        ("task: {a: 1}", ["task", "a text"]),
        ("iterations: true", ["iterations", "whole number", "True"]),
        ("iterations: '3'", ["iterations", "whole number", "'3'"]),
        ("training: {inverse_dynamics: 1}", ["true or false", "1"]),
        ("task: null", ["task", "a text", "None"]),
        ("task: [", ["mine.yaml", "not valid YAML", "line"]),
        ("- task", ["mine.yaml", "key: value"]),
        ("!!python/object:os.system {}", ["not valid YAML"]),
        ("preset: quik", ["unknown preset 'quik'", "nearest is 'quick'", "panda, paper, quick, smoke"]),
    ],
)
def test_a_wrong_file_is_one_line_with_the_cure(text: str, parts: list[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    line = error_of(file=file, preset=None)
    for part in parts:
        assert part in line


def test_a_missing_or_binary_file_is_one_line(tmp_path: Path) -> None:
    assert "No such file" in error_of(file=tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in error_of(file=tmp_path / "binary.yaml")


def test_limits_hold_for_objects_made_in_python() -> None:
    with pytest.raises(ConfigError, match=r"planner\.replan_every"):
        PlannerConfig(replan_every=9)
    with pytest.raises(ConfigError, match=r"exploration\.action_noise"):
        ExplorationConfig(action_noise=-0.1)
    with pytest.raises(ConfigError, match=r"training\.self_fraction"):
        TrainingConfig(self_fraction=1.5)
    with pytest.raises(ConfigError, match="horizon"):
        RunConfig(preset="quick", horizon=0)


def test_a_resolved_configuration_must_name_its_preset() -> None:
    with pytest.raises(ConfigError, match="no preset"):
        from_yaml("task: reach")


@settings(deadline=None)  # a busy machine is no failure
@example(RunConfig(preset="smoke", task="reach", base="a\x85b é\u2028"))
@given(
    st.builds(
        RunConfig,
        preset=st.sampled_from(preset_names()),
        task=st.sampled_from(TASKS),
        seed=st.integers(0, 2**31 - 1),
        base=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
        planner=st.builds(PlannerConfig, steps=st.integers(1, 100), guidance=st.floats(0, 20)),
        training=st.builds(
            TrainingConfig,
            learning_rate=st.floats(1e-8, 1),
            self_fraction=st.floats(0, 1),
            retime=st.sampled_from(["none", "travel"]),
            inverse_dynamics=st.booleans(),
        ),
    )
)
def test_yaml_gives_back_the_same_configuration(config: RunConfig) -> None:
    assert from_yaml(to_yaml(config)) == config


def test_flatten_names_every_setting_once_in_order() -> None:
    flat = flatten(load())
    assert flat["planner.steps"] == 4
    assert flat["training.retime"] == "travel"
    keys = list(flat)
    assert keys[:4] == ["preset", "suite", "task", "prompt"]
    assert keys.index("planner.steps") < keys.index("exploration.action_noise") < keys.index("training.steps")
    assert len(flat) == 17 + 5 + 7 + 5 + 11 + 2 + 6 + 1
