"""The rows of the prior's tables: the in-domain model alone, and every composition rule."""

from sail.config import RunConfig, load_config

# γ, w and the composed share, from seen tasks alone but with unequal care: see docs/prior.md.
RULES: dict[str, list[str]] = {
    "in_domain": [],
    "prior": ["prior.kind=compact", "prior.rule=prior", "planner.guidance=4"],
    "probabilistic": [
        "prior.kind=compact",
        "prior.rule=probabilistic",
        "planner.guidance=4",
        "prior.strength=0.1",
        "prior.until=0.25",
    ],
    "inverse_probabilistic": [
        "prior.kind=compact",
        "prior.rule=inverse_probabilistic",
        "planner.guidance=4",
        "prior.strength=0.2",
        "prior.until=0.5",
    ],
    "normalised": [
        "prior.kind=compact",
        "prior.rule=normalised",
        "planner.guidance=6",
        "prior.strength=0.2",
        "prior.until=0.125",
    ],
}


def config_of(task: str, rule: str, episodes: int, overrides: list[str]) -> RunConfig:
    """The configuration of one cell."""
    words = [f"task={task}", f"evaluation_episodes={episodes}", *RULES[rule], *overrides]
    return load_config("quick", None, words)


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The names among a benchmark's words, and the configuration."""
    return [word for word in words if "=" not in word], [word for word in words if "=" in word]
