"""The picture of a suite's tasks: each one's first frame and last under its prompt."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sail.system.files import FileError, file_errors, write_atomically
from sail.system.suite_checks import Pair
from sail.types import UInt8
from sail_envs.suite import TaskSuite

# Pixels: a frame's least height, the gap between frames, a line of text, and a letter of it at most.
_HEIGHT, _GAP, _LINE, _LETTER = 224, 8, 18, 8
_COLUMNS = 3
_WHITE = 255


def write_picture(path: Path, suite: TaskSuite, pairs: Sequence[Pair]) -> None:
    """Write the picture, three tasks a row. path: ends in .png or .jpg. Raises FileError."""
    tiles = [_tile(pair, suite.tasks[pair.task]) for pair in pairs]
    tiles += [np.full_like(tiles[0], _WHITE)] * (-len(tiles) % min(_COLUMNS, len(tiles)))
    columns = min(_COLUMNS, len(tiles))
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    try:
        written, content = cv2.imencode(path.suffix, np.vstack(rows)[..., ::-1])
    except cv2.error:
        written = False
    if not written:
        raise FileError(f"cannot write a picture into {path}: give a name that ends in .png or .jpg")
    with file_errors(path):
        write_atomically(path, content.tobytes())


def _tile(pair: Pair, prompt: str) -> UInt8:
    """One task: its name, its prompt, and two frames, uint8 (h, w, 3) RGB. Of one size in a suite."""
    factor = -(-_HEIGHT // pair.first.shape[0])
    shown = [frame.repeat(factor, 0).repeat(factor, 1) for frame in (pair.first, pair.last)]
    gap = np.full((len(shown[0]), _GAP, 3), _WHITE, np.uint8)
    frames = np.hstack([gap, shown[0], gap, shown[1], gap])
    words = textwrap.wrap(prompt, max(20, (frames.shape[1] - 2 * _GAP) // _LETTER))[:2]
    text = np.full((4 * _LINE, frames.shape[1], 3), _WHITE, np.uint8)
    for line, words_of_line in enumerate([f"{pair.task} ({pair.whose}: first frame, last frame)", *words]):
        letters = words_of_line.encode("ascii", "replace").decode()
        place = (_GAP, (line + 1) * _LINE)
        cv2.putText(text, letters, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([text, frames])
