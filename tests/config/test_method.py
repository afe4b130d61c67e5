"""What is asked of a method."""

import pytest

from sail.config.method import METHODS, Method, MethodError, find_method
from sail.config.resolution import load_config
from sail.system.plugins import PlugInError

NO_METHOD = 3
QUIET = Method("planner", learns=False)


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
    method = find_method(load_config("smoke", None, [f"method={name}"]).method)
    assert name in METHODS.names()
    assert (method.learns, method.plans, method.joint) == (learns, plans, joint)
    assert method.needs_weights is needs_weights
    assert (method.acts == "policy") is not plans


def test_a_method_of_ones_own_is_found_and_anything_else_is_refused() -> None:
    assert find_method("config.test_method:QUIET").learns is False
    with pytest.raises(PlugInError, match="unknown method 'sial': the nearest is 'sail'"):
        load_config("smoke", None, ["method=sial"])
    with pytest.raises(MethodError, match="NO_METHOD is int, not a Method"):
        find_method("config.test_method:NO_METHOD")
