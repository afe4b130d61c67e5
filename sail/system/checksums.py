"""SHA-256 of what results depend on, and files that carry their own.

A leaf: this module imports nothing of ours but leaves.
"""

import hashlib
from pathlib import Path

from sail.errors import SailError
from sail.system.files import write_atomically
from sail.system.reading import LARGEST_ARRAYS, read_file

# The first line of a checked file is this and 64 hexadecimal digits.
_HEAD = b"sha256 "
_LINE = len(_HEAD) + 64 + 1


def sha256(content: bytes) -> str:
    """The SHA-256 of a content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_checked(path: Path, content: bytes) -> None:
    """Write a file atomically, its content's SHA-256 in the first line. Raises OSError."""
    write_atomically(path, _HEAD + sha256(content).encode() + b"\n" + content)


def read_checked(path: Path, kind: type[SailError], cure: str) -> bytes:
    """The content of a file that `write_checked` wrote. Raises `kind` where it is not whole."""
    whole = read_file(path, kind, missing=cure, largest=LARGEST_ARRAYS)
    content = whole[_LINE:]
    if whole[:_LINE] != _HEAD + sha256(content).encode() + b"\n":
        raise kind(f"{path} is damaged (wrong SHA-256): {cure}")
    return content
