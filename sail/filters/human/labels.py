"""What people said of episodes: a line of JSON each, appended, the last one about an episode counting."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from sail.errors import SailError

Label = Literal["success", "failure", "skip"]
LABELS: tuple[Label, ...] = get_args(Label)
FILE = "labels.jsonl"


class LabelsError(SailError):
    """Labels that cannot be read or written."""


def read_labels(path: Path, ids: Iterable[str]) -> dict[str, Label]:
    """The labels of these episodes, as far as there are any; a last line that was cut off is left out.
    Raises LabelsError."""
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise LabelsError(f"cannot read {path}: {error.strerror}") from error
    known, labels = set(ids), dict[str, Label]()
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            said = json.loads(line)
            if said["label"] not in LABELS:
                raise ValueError
        except (ValueError, KeyError, TypeError) as error:
            raise LabelsError(f"{path}, line {number}, is no label: remove that line") from error
        if said["id"] in known:
            labels[said["id"]] = said["label"]
    return labels


def add_label(path: Path, id: str, label: Label) -> None:
    """Write a label down, after cutting off a line that was not finished. Raises LabelsError."""
    line = json.dumps({"id": id, "label": label}) + "\n"
    try:
        content = path.read_bytes() if path.exists() else b""
        if content and not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise LabelsError(f"cannot write {path}: {error.strerror}") from error
