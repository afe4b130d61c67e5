"""The labels of episodes on disk: a line of JSON each, appended. An episode's last line counts."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from sail.errors import SailError
from sail.system.files import append_line, file_errors
from sail.system.reading import read_file

Label = Literal["success", "failure", "skip"]
LABELS: tuple[Label, ...] = get_args(Label)
FILE = "labels.jsonl"


class LabelsError(SailError):
    """Labels that cannot be read or written."""


def read_labels(path: Path, ids: Iterable[str]) -> dict[str, Label]:
    """Episode id -> label of those of these episodes that have one; an unfinished last line is left out.
    Raises LabelsError."""
    content = read_file(path, LabelsError) if path.exists() else b""
    known, labels = set(ids), dict[str, Label]()
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            said = json.loads(line)
            if said["label"] not in LABELS:
                raise ValueError
            id = str(said["id"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LabelsError(f"{path}, line {number}, is no label: remove that line") from error
        if id in known:
            labels[id] = said["label"]
    return labels


def add_label(path: Path, id: str, label: Label) -> None:
    """Append a label durably. Raises LabelsError."""
    line = json.dumps({"id": id, "label": label}) + "\n"
    with file_errors(path, kind=LabelsError):
        append_line(path, line.encode())
