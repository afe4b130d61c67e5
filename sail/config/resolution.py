"""How a run's configuration comes about, and its YAML.

Four sources; a later one wins: the dataclasses' defaults, a preset (sail/config/presets/*.yaml), a YAML file,
overrides (`planner.steps=8`).
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from sail.config.method import METHODS
from sail.config.overrides import ConfigError, Scalar, construct, leaves, parse_overrides, read_yaml
from sail.config.registry import FILTERS, PRIORS
from sail.config.schema import NO_SUITE, RunConfig
from sail.config.suites import suite_of_run
from sail.errors import not_found
from sail.system.reading import read_file

PRESETS = Path(__file__).with_name("presets")
DEFAULT_PRESET = "quick"


def preset_names() -> list[str]:
    """The presets that exist."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_config(
    preset: str | None = None,
    file: Path | None = None,
    overrides: Iterable[str] = (),
) -> RunConfig:
    """Resolve a preset, a YAML file and overrides of the form `group.key=value`.

    Without `preset` the file's own is taken, else `quick`. Raises ConfigError for anything unknown or not
    allowed, PlugInError for an unknown method, filter or prior, and what `suite_of_run` raises.
    """
    values: dict[str, Scalar] = {}
    if file is not None:
        content = read_file(file, ConfigError, "read the configuration")
        values = read_yaml(RunConfig, content, str(file))
    name = str(preset if preset is not None else values.get("preset", DEFAULT_PRESET))
    known = preset_names()
    if name not in known:
        raise ConfigError(not_found("preset", name, known))
    shipped = read_yaml(RunConfig, (PRESETS / f"{name}.yaml").read_text("utf-8"), f"preset {name}")
    changed = parse_overrides(RunConfig, overrides)
    if "preset" in changed:
        raise ConfigError(f"a preset is chosen with --preset {changed['preset']}, not with an override")
    return _build({**shipped, **values, **changed, "preset": name})


def to_yaml(config: RunConfig) -> str:
    """The whole configuration as YAML, defaults included; `from_yaml` gives the same back."""
    tree = _tree(config)
    if config.suite.startswith("{"):
        with suppress(ValueError):  # a mapping, written as one
            tree["suite"] = json.loads(config.suite)
    # Escaped: written as they are, some characters (U+0085) are read back as line breaks.
    return yaml.safe_dump(tree, sort_keys=False)


def from_yaml(text: str | bytes, origin: str = "config.yaml") -> RunConfig:
    """A resolved configuration from its YAML. origin: what messages call it. Raises ConfigError."""
    values = read_yaml(RunConfig, text, origin)
    if "preset" not in values:
        raise ConfigError(f"{origin} names no preset: it is not a resolved configuration")
    return _build(values)


def flatten(config: RunConfig) -> dict[str, Scalar]:
    """Dotted key -> value of every setting, in the order of the dataclasses."""
    return dict(leaves(_tree(config)))


def _tree(config: RunConfig) -> dict[str, Any]:
    """The settings as nested dicts of plain values: YAML knows no enumerations."""
    return dataclasses.asdict(config, dict_factory=_plain)


def _plain(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Enum) else value for name, value in fields}


def _build(values: Mapping[str, Scalar]) -> RunConfig:
    config = construct(RunConfig, values)
    for plug_ins, name in ((METHODS, config.method), (FILTERS, config.filter), (PRIORS, config.prior.kind)):
        plug_ins.check(name)
    if config.suite != NO_SUITE:
        suite_of_run(config)  # refuses an unknown suite or task
    elif not config.prompt:
        raise ConfigError(
            f"suite=none knows no words for '{config.task}': say what the arm is to do, prompt="
        )
    return config
