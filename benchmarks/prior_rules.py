"""The composition rules that the prior's benchmarks compare, with the settings that prior_sweep.py chose."""

import json

from common import RESULTS

from sail.config.resolution import load_config
from sail.config.schema import RunConfig
from sail.loop.agent import load_agent
from sail_models.prior.compact import CompactPrior
from sail_models.saving import model_identity

NAMES = ("in_domain", "prior", "probabilistic", "inverse_probabilistic", "normalised")


def settings_of(rule: str) -> list[str]:
    """What prior_sweep.py chose for a rule on seen colours: overrides of a configuration."""
    words: list[str] = json.loads((RESULTS / f"prior_sweep_{rule}.json").read_text())["best"]
    return words


def config_of(task: str, words: list[str]) -> RunConfig:
    """The quick preset's configuration with a task and overrides."""
    return load_config("quick", None, [f"task={task}", *words])


def weights_of(config: RunConfig) -> str:
    """Planner and prior, told apart from all others."""
    agent = load_agent(config)
    prior = f"+{model_identity(agent.prior)}" if isinstance(agent.prior, CompactPrior) else ""
    return agent.identity + prior


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The names among a benchmark's words, and the configuration."""
    return [word for word in words if "=" not in word], [word for word in words if "=" in word]
