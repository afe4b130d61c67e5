"""The rows of the prior's tables: the in-domain model alone, and every composition rule."""

import json

from common import RESULTS

from sail.config import RunConfig, load_config

NAMES = ("in_domain", "prior", "probabilistic", "inverse_probabilistic", "normalised")


def settings_of(rule: str) -> list[str]:
    """What prior_sweep.py chose for a rule on seen colours: overrides of a configuration."""
    words: list[str] = json.loads((RESULTS / f"prior_sweep_{rule}.json").read_text())["best"]
    return words


def config_of(task: str, rule: str, episodes: int, overrides: list[str]) -> RunConfig:
    """The configuration of one cell."""
    words = [f"task={task}", f"evaluation_episodes={episodes}", *settings_of(rule), *overrides]
    return load_config("quick", None, words)


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The names among a benchmark's words, and the configuration."""
    return [word for word in words if "=" not in word], [word for word in words if "=" in word]
