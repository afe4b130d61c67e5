"""The one atomic write, the one durable append, and the one table of what went wrong with a file.

A leaf: this module imports nothing of ours but `sail.errors`, so that `sail_models` may import it.
"""

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sail.errors import SailError

# errno -> cause and cure.
_FULL = ("the disk is full", "free some space and go on (sail run: with --resume)")
_DENIED = ("no permission to {doing}", "change the permissions, or choose a folder that can be written to")
_FILE_IN_THE_WAY = ("a file stands where a folder is needed", "choose another folder")
_CAUSES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: _DENIED,
    errno.EEXIST: _FILE_IN_THE_WAY,
    errno.ENOTDIR: _FILE_IN_THE_WAY,
}


_told = False


class FileError(SailError):
    """A file or folder that cannot be read, written or removed."""


@contextmanager
def file_errors(
    path: Path, doing: str = "write", kind: type[SailError] = FileError, missing: str = ""
) -> Iterator[None]:
    """Within, an OSError becomes an error of this kind: one line with cause and cure.

    doing: what is done to `path`, as "read" or "read the image". missing: the cure where `path` is missing.
    """
    try:
        yield
    except OSError as error:
        raise kind(_line(path, doing, missing, error)) from error


def _line(path: Path, doing: str, missing: str, error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in _CAUSES:
        cause, cure = _CAUSES[error.errno]
        return f"{cause.format(doing=doing)} ({reason}): cannot {doing} {path}; {cure}"
    if error.errno == errno.ENOENT and doing == "write":
        missing = missing or "choose a folder that exists"
    cure = f"; {missing}" if missing and error.errno == errno.ENOENT else ""
    return f"cannot {doing} {path}: {reason}{cure}"


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
    _flush_folder(path.parent)


def _flush_folder(path: Path) -> None:
    """Make what was renamed in a folder last through a power cut. A file system that cannot goes on without:
    told once."""
    global _told
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
        if not _told:
            _told = True
            warnings.warn(
                f"{path} is on a file system that flushes no folders: a power cut may cost the last step",
                RuntimeWarning,
                stacklevel=3,
            )
    finally:
        os.close(folder)


def append_line(path: Path, line: bytes) -> None:
    """Append a line, which ends with its line break, durably; an unfinished one before it is cut off first.
    Raises OSError."""
    cut_unfinished_line(path)
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def cut_unfinished_line(path: Path) -> None:
    """Cut off a last line that an interruption left without its line break. Raises OSError."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        if file.read(1) in (b"", b"\n"):
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
