"""Finds what users bring by name: built in, an installed entry point, or `package.module:NAME`."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sail.errors import SailError, not_found, one_line, show


class PlugInError(SailError):
    """A name that nothing is installed under, or a module that cannot be imported."""


@dataclass(frozen=True)
class PlugIns:
    """Everything of one kind that has a name.

    kind: what messages call it. group: the entry points' group. built_in: names and their
    `package.module:NAME`.
    """

    kind: str
    group: str
    built_in: Mapping[str, str]

    def names(self) -> list[str]:
        """What is built in, then what is installed."""
        return list({**self.built_in, **_installed(self.group)})

    def check(self, name: str) -> None:
        """Refuse a name that nothing has, without importing anything. Raises PlugInError."""
        if ":" not in name and name not in self.names():
            line = not_found(self.kind, name, self.names())
            raise PlugInError(f"{line}, or bring your own: package.module:NAME")

    def find(self, name: str) -> Any:
        """The object of a name; a module may lie in the current folder. Raises PlugInError."""
        self.check(name)
        if ":" in name:
            return _imported(self.kind, name)
        return _imported(self.kind, {**_installed(self.group), **self.built_in}[name])

    @contextmanager
    def blamed(self, name: str) -> Iterator[None]:
        """Within, what an object that somebody else wrote raises is its own fault, told in one line. Raises
        PlugInError."""
        try:
            yield
        except SailError:
            raise
        except Exception as error:
            if name in self.built_in:
                raise
            raise PlugInError(f"the {self.kind} {show(name)} raises {one_line(error)}: mend it") from error


@cache  # every installed distribution is looked at: 40 ms
def _installed(group: str) -> Mapping[str, str]:
    """Names of a group's entry points and their `package.module:NAME`."""
    return {point.name: point.value for point in entry_points(group=group)}


def _imported(kind: str, name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # a console script does not look there
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except SailError:
        raise
    except (ImportError, ValueError) as error:
        cause = " ".join(str(error).split())
        raise PlugInError(
            f"cannot import {show(module_name)} for the {kind} ({cause}): install it, or begin in its folder"
        ) from error
    except (Exception, SystemExit) as error:  # whatever a module of somebody else's raises
        raise PlugInError(
            f"importing {show(module_name)} for the {kind} raises {one_line(error)}: mend the module"
        ) from error
    if not hasattr(module, attribute):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise PlugInError(not_found(f"name in {module_name}", attribute, public))
    return getattr(module, attribute)
