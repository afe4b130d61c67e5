"""Files as strangers write them: regular and of a bounded size, JSON and YAML, or one line that says what is
wrong.

A leaf: this module imports nothing of ours but leaves.
"""

import json
import stat
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from sail.errors import SailError
from sail.system.files import file_errors

# Bytes of a text that is read: settings and lists. What holds arrays has its own checks.
LARGEST = 2**30
# Bytes of a file of arrays: weights, or a training's state.
LARGEST_ARRAYS = 2**36
# Characters of YAML. Its reader takes a second for each 200 kB.
LARGEST_YAML = 200_000


def read_file(
    path: Path, kind: type[SailError], doing: str = "read", missing: str = "", largest: int = LARGEST
) -> bytes:
    """The content of a regular file of at most so many bytes. Raises `kind`; see `file_errors`."""
    check_regular(path, kind, doing, missing, largest)
    with file_errors(path, doing, kind, missing):
        return path.read_bytes()


def check_regular(
    path: Path, kind: type[SailError], doing: str = "read", missing: str = "", largest: int = LARGEST
) -> None:
    """Refuse a pipe, a device, a folder, and a file that is too large: reading them may never end. Raises
    `kind`."""
    with file_errors(path, doing, kind, missing):
        status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise kind(f"cannot {doing} {path}: Is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise kind(f"cannot {doing} {path}: it is a pipe or a device; name a file")
    if status.st_size > largest:
        raise kind(f"cannot {doing} {path}: {status.st_size >> 20} MiB are too many")


def parse_json(content: bytes | str, origin: object, kind: type[SailError], cure: str) -> Any:
    """The value of a JSON text. origin: what messages call the text. Raises `kind`."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise kind(f"{origin} is damaged, no JSON ({_short(error)}): {cure}") from error


def parse_yaml(content: bytes | str, origin: object, kind: type[SailError]) -> Any:
    """The value of a YAML text without aliases and without a key twice in one mapping. origin: what messages
    call the text. Raises `kind`."""
    if len(content) > LARGEST_YAML:
        raise kind(f"{origin} is no settings file: it has more than {LARGEST_YAML} characters")
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "characters that YAML does not allow"
        raise kind(f"{origin} is not valid YAML{where}: {problem}") from error
    except UnicodeDecodeError as error:
        raise kind(f"{origin} is not a UTF-8 text: save it as one") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise kind(f"{origin} is not valid YAML: {_short(error)}") from error


class _Loader(yaml.SafeLoader):
    """Plain values alone. Aliases are refused: a few lines of them make gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "an alias (*name): write the value itself", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for name, count in names.items():
            if count > 1:
                problem = f"the key '{name}' stands twice in one mapping"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)


def _short(error: BaseException) -> str:
    return " ".join(f"{error or type(error).__name__}".split())[:200]
