"""A lock on a folder that one process works on; a crash leaves none behind."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sail.errors import SailError
from sail.system.files import FileError, file_errors

LOCK = ".lock"
# What file systems answer that know no locks.
_UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def locked(folder: Path, kind: type[SailError] = FileError) -> Iterator[None]:
    """Within, no other process works on the folder, which is made. Raises `kind` where one does.

    The system ends the lock with the process. On a file system without locks two processes are not told
    apart.
    """
    with file_errors(folder, kind=kind):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise kind(
                f"another process works on {folder}: let it end, or choose another folder (--out)"
            ) from error
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise kind(f"cannot lock {folder}: {error.strerror}") from error
        yield
