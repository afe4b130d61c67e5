"""What users bring by name is found, and what it raises is told in one line."""

from pathlib import Path

import pytest

from sail.config.overrides import ConfigError
from sail.config.resolution import load_config
from sail.errors import SailError
from sail.filters.selection import find_filter
from sail.loop.priors import find_prior
from sail.system.plugins import PlugInError, PlugIns

from helpers import assert_one_line

BROUGHT = """
def stubborn(config):
    raise RuntimeError("no\\nfilter")


def alone(config):
    return None


def nothing(config, agent):
    return 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "brought_plugins.py").write_text(BROUGHT)
    monkeypatch.syspath_prepend(tmp_path)
    return "brought_plugins"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("stubborn", ("raises RuntimeError: no filter", "mend it")),
        ("alone", ("makes no filter",)),
        ("nothing", ("raises TypeError",)),
        ("missing", ("unknown name in brought_plugins",)),
    ],
)
def test_a_filter_that_is_none_is_one_line(module: str, name: str, says: tuple[str, ...]) -> None:
    config = load_config("smoke", None, ["task=door-close", f"filter={module}:{name}"])
    with pytest.raises(SailError) as error:
        find_filter(config)
    assert_one_line(error, *says)


@pytest.mark.parametrize(
    ("name", "says"), [("alone", ("raises TypeError", "mend it")), ("nothing", ("makes no prior", "lacks"))]
)
def test_a_prior_that_is_none_is_one_line(module: str, name: str, says: tuple[str, ...]) -> None:
    config = load_config("smoke", None, ["task=door-close", f"prior.kind={module}:{name}"])
    with pytest.raises(SailError) as error:
        find_prior(config, None)  # type: ignore[arg-type]
    assert_one_line(error, *says)


def test_faults_of_our_own_are_not_blamed_on_anybody() -> None:
    plugins = PlugIns("filter", "sail.nobody", {"ours": "sail.types:Episode"})
    with pytest.raises(ZeroDivisionError), plugins.blamed("ours"):
        1 / 0  # noqa: B018
    with pytest.raises(PlugInError), plugins.blamed("theirs:NAME"):
        1 / 0  # noqa: B018


@pytest.mark.parametrize("prompt", ["  ", "a\nb", "a" * 501, "\t"])
def test_a_prompt_is_one_line_of_words(prompt: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("smoke", None, ["task=door-close", f"prompt={prompt}"])
    assert_one_line(error, "prompt is", "at most 500 characters")
