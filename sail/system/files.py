"""Writing a file so that no kill and no power cut leaves half of it."""

import os
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write the file so that it is there whole or not at all, power cuts included. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Named after the file: what a kill leaves behind is taken over when the file is written again.
    temporary = path.parent / f".{path.name}.tmp"
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
