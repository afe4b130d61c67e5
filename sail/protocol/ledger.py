"""The cells that are finished, a line of JSON each: appended, never changed, by one process at a time."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sail.errors import SailError
from sail.loop.run_folder import file_errors
from sail.protocol.grid import Cell

CELLS, LOCK = "cells.jsonl", ".lock"


class LedgerError(SailError):
    """Results that are somebody else's, or are none."""


class Ledger:
    """The results in a folder. Read it whenever; append within `writing`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / CELLS

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within, nobody else writes here; a line that was cut off is removed first. Raises LedgerError."""
        with file_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / LOCK).open("a")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LedgerError(
                    f"another process writes to {self.folder}: let it end, or choose another --out"
                ) from error
            with file_errors(self.path):
                content = self.path.read_bytes() if self.path.exists() else b""
                if content and not content.endswith(b"\n"):
                    os.truncate(self.path, content.rfind(b"\n") + 1)
            yield

    def append(self, cell: Cell, values: Mapping[str, Any]) -> None:
        """Write a finished cell down."""
        line = json.dumps({**asdict(cell), **values}, ensure_ascii=False)
        with file_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> dict[Cell, dict[str, Any]]:
        """What is finished; a last line that was cut off is left out. Raises LedgerError."""
        if not self.path.exists():
            return {}
        with file_errors(self.path, "read"):
            content = self.path.read_bytes()
        rows = {}
        for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
            try:
                row = json.loads(line)
                fields = {name: row[name] for name in Cell.__dataclass_fields__}
                rows[Cell(**fields)] = row
            except (ValueError, KeyError, TypeError) as error:
                raise LedgerError(f"{self.path}, line {number}, is no cell: remove that line") from error
        return rows
