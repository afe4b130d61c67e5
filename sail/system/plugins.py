"""Finds what users bring by name: built in, an installed entry point, or `package.module:NAME`."""

import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sail.errors import SailError, not_found, show


class PlugInError(SailError):
    """A name that nothing is installed under, or a module that cannot be imported."""


def find_plugin(kind: str, name: str, group: str, built_in: Mapping[str, str]) -> Any:
    """The object of a name.

    kind: what messages call it. name: a key of `built_in`, the name of an entry point of `group`, or
    `package.module:NAME`; a module may lie in the current folder. built_in: names and their
    `package.module:NAME`. Raises PlugInError.
    """
    if ":" in name:
        return _imported(kind, name)
    if name in built_in:
        return _imported(kind, built_in[name])
    installed = {point.name: point for point in entry_points(group=group)}
    if name not in installed:
        known = [*built_in, *installed]
        raise PlugInError(f"{not_found(kind, name, known)}, or bring your own: package.module:NAME")
    return _imported(kind, installed[name].value)


def plugin_names(group: str, built_in: Mapping[str, str]) -> list[str]:
    """The names that are built in or installed."""
    return [*built_in, *(point.name for point in entry_points(group=group) if point.name not in built_in)]


def _imported(kind: str, name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # a console script does not look there
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError, TypeError) as error:
        raise PlugInError(
            f"cannot import {show(module_name)} for the {kind} ({error}): install it, or begin in its folder"
        ) from error
    if not hasattr(module, attribute):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise PlugInError(not_found(f"name in {module_name}", attribute, public))
    return getattr(module, attribute)
