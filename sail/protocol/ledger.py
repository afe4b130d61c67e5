"""The ledger: finished cells on disk, a line of JSON each. One process at a time appends; no line changes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sail.errors import SailError
from sail.protocol.grid import Cell
from sail.system.files import append_line, cut_unfinished_line, file_errors
from sail.system.locks import locked
from sail.system.reading import read_file

CELLS = "cells.jsonl"


class LedgerError(SailError):
    """A ledger that another process writes, that has other settings, or that is damaged."""


class Ledger:
    """The results in a folder. Read it whenever; append within `writing`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / CELLS

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within, no other process writes here; an unfinished last line is cut off first. Raises
        LedgerError."""
        with locked(self.folder, LedgerError):
            with file_errors(self.path):
                cut_unfinished_line(self.path)
            yield

    def append(self, cell: Cell, values: Mapping[str, Any]) -> None:
        """Append a finished cell durably."""
        line = json.dumps({**asdict(cell), **values}, ensure_ascii=False)
        with file_errors(self.path):
            append_line(self.path, (line + "\n").encode())

    def rows(self) -> dict[Cell, dict[str, Any]]:
        """The finished cells; an unfinished last line is left out. Raises LedgerError."""
        if not self.path.exists():
            return {}
        content = read_file(self.path, LedgerError)
        rows = {}
        for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
            try:
                row = json.loads(line)
                fields = {name: row[name] for name in Cell.__dataclass_fields__}
                rows[Cell(**fields)] = row
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise LedgerError(f"{self.path}, line {number}, is no cell: remove that line") from error
        return rows
