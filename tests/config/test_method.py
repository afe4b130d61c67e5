"""What is asked of a method."""

import pytest

from sail.config.method import Method
from sail.config.overrides import ConfigError
from sail.config.resolution import load_config
from sail.config.schema import RunConfig


@pytest.mark.parametrize(
    ("name", "learns", "plans", "joint", "needs_weights"),
    [
        ("sail", True, True, False, True),
        ("frozen", False, True, False, True),
        ("random", False, True, False, False),
        ("bc-loop", True, False, False, True),
        ("sail-joint", True, True, True, True),
        ("bc-joint", True, False, True, True),
    ],
)
def test_every_method_says_what_it_does(
    name: str, learns: bool, plans: bool, joint: bool, needs_weights: bool
) -> None:
    method = load_config("smoke", None, [f"method={name}"]).method
    assert method is Method(name)
    assert (method.learns, method.plans, method.joint) == (learns, plans, joint)
    assert method.needs_weights is needs_weights
    assert method.part == ("planner" if plans else "policy")


def test_a_method_that_is_none_is_refused_in_python_too() -> None:
    with pytest.raises(ConfigError, match="nearest is 'sail'"):
        RunConfig(preset="smoke", method="sial")  # type: ignore[arg-type]
