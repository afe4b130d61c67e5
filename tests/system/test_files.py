"""The one atomic write, on file systems that can less than most."""

import errno
import os
import stat
from pathlib import Path

import pytest

from sail.system import files
from sail.system.files import write_atomically


@pytest.fixture
def folders_do_not_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some network file systems."""
    flush = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(files, "_told", False)


@pytest.mark.usefixtures("folders_do_not_flush")
def test_a_folder_that_cannot_be_flushed_is_told_once(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match="a power cut may cost the last step") as warned:
        for content in (b"one", b"two"):
            write_atomically(tmp_path / "file", content)
    assert len(warned) == 1 and (tmp_path / "file").read_bytes() == b"two"


def test_a_disk_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_atomically(tmp_path / "file", b"one")
    assert not list(tmp_path.iterdir())
