"""How a run's configuration comes about, and its YAML.

Four sources; a later one wins: the dataclasses' defaults, a preset (sail/config/presets/*.yaml), a YAML file,
overrides (`planner.steps=8`).
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from sail.config.overrides import ConfigError, Scalar, construct, leaves, parse_overrides, read_yaml
from sail.config.schema import RunConfig
from sail.errors import not_found
from sail.system.files import file_errors

PRESETS = Path(__file__).with_name("presets")
DEFAULT_PRESET = "quick"


def preset_names() -> list[str]:
    """The presets that exist."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_config(
    preset: str | None = None,
    file: Path | None = None,
    overrides: Iterable[str] = (),
    tasks: Sequence[str] | None = None,
) -> RunConfig:
    """Resolve a preset, a YAML file and overrides of the form `group.key=value`.

    Without `preset` the file's own is taken, else `quick`. tasks: the names that exist, those of sail_envs
    if None. Raises ConfigError for anything unknown or not allowed.
    """
    values: dict[str, Scalar] = {}
    if file is not None:
        with file_errors(file, "read the configuration", ConfigError):
            content = file.read_bytes()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"cannot read the configuration {file}: not a UTF-8 text") from error
        values = read_yaml(RunConfig, text, str(file))
    name = str(preset if preset is not None else values.get("preset", DEFAULT_PRESET))
    known = preset_names()
    if name not in known:
        raise ConfigError(not_found("preset", name, known))
    shipped = read_yaml(RunConfig, (PRESETS / f"{name}.yaml").read_text("utf-8"), f"preset {name}")
    changed = parse_overrides(RunConfig, overrides)
    if "preset" in changed:
        raise ConfigError(f"a preset is chosen with --preset {changed['preset']}, not with an override")
    return _build({**shipped, **values, **changed, "preset": name}, tasks)


def to_yaml(config: RunConfig) -> str:
    """The whole configuration as YAML, defaults included; `from_yaml` gives the same back."""
    # Escaped: written as they are, some characters (U+0085) are read back as line breaks.
    return yaml.safe_dump(_tree(config), sort_keys=False)


def from_yaml(text: str, origin: str = "config.yaml", tasks: Sequence[str] | None = None) -> RunConfig:
    """A resolved configuration from its YAML. origin: what messages call it. Raises ConfigError."""
    values = read_yaml(RunConfig, text, origin)
    if "preset" not in values:
        raise ConfigError(f"{origin} names no preset: it is not a resolved configuration")
    return _build(values, tasks)


def flatten(config: RunConfig) -> dict[str, Scalar]:
    """Dotted key -> value of every setting, in the order of the dataclasses."""
    return dict(leaves(_tree(config)))


def _tree(config: RunConfig) -> dict[str, Any]:
    """The settings as nested dicts of plain values: YAML knows no enumerations."""
    return dataclasses.asdict(config, dict_factory=_plain)


def _plain(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Enum) else value for name, value in fields}


def _build(values: Mapping[str, Scalar], tasks: Sequence[str] | None) -> RunConfig:
    if tasks is None:
        from sail_envs.tasks import TASKS  # here, so that who brings names needs no environments

        tasks = list(TASKS)
    config = construct(RunConfig, values)
    if config.task not in tasks:
        raise ConfigError(not_found("task", config.task, tasks))
    return config
