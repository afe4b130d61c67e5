"""The broad corpus on disk: shards of clips, and a manifest with one JSON line a clip.

A shard is a safetensors file with the frames of one scene's clips, one after another. The manifest says where
each clip's frames are and what they show. A shard counts when all of its lines are in the manifest.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from sail.errors import SailError
from sail.system.checksums import sha256
from sail.system.files import append_line, file_errors, write_atomically
from sail.system.reading import read_file
from sail.types import UInt8
from sail_envs.broad.clip import Clip

MANIFEST = "manifest.jsonl"


class CorpusError(SailError):
    """A corpus that is missing or damaged."""


class Corpus:
    """A folder of shards. Raises CorpusError where the manifest or a shard cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / MANIFEST
        lines = read_file(path, CorpusError).splitlines() if path.exists() else []
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                if not re.fullmatch(r"[\w-]+", row["shard"]) or not isinstance(row["of"], int):
                    raise ValueError("no name of a shard, or no number")
                rows.append((row["shard"], row["of"], row))
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                if number < len(lines):
                    raise CorpusError(f"{path} is damaged in line {number}: remove that line") from error
        # A process that is killed may leave some lines of a shard. The shard is then made again.
        there = Counter(shard for shard, _, _ in rows)
        self.rows: list[dict[str, Any]] = [row for shard, of, row in rows if there[shard] == of]
        self._torn = len(self.rows) < len(lines)
        if any("at" not in row for row in self.rows):
            raise CorpusError(f"{path} does not say where objects are: collect the corpus again")

    def shards(self) -> set[str]:
        """The names of the shards that are there."""
        return {row["shard"] for row in self.rows}

    def add(self, shard: str, clips: Sequence[Clip]) -> None:
        """Write a shard, then its lines of the manifest."""
        if not clips:
            return
        frames = np.concatenate([clip.frames for clip in clips])
        first = np.cumsum([0, *(len(clip.frames) for clip in clips)])
        content = safetensors.numpy.save({"frames": frames})
        rows = [
            {
                "shard": shard,
                "of": len(clips),
                "sha256": sha256(content),
                "first": int(start),
                "frames": len(clip.frames),
                **clip.row(),
            }
            for start, clip in zip(first, clips, strict=False)
        ]
        with file_errors(self.folder, "write to", CorpusError):
            if self._torn:
                write_atomically(self.folder / MANIFEST, _lines(self.rows))
                self._torn = False
            write_atomically(self._path(shard), content)
            append_line(self.folder / MANIFEST, _lines(rows))
        self.rows += rows

    def frames(self, shard: str) -> UInt8:
        """All frames of a shard: uint8 (N, H, W, 3). Raises CorpusError where the shard is not as it was
        written."""
        path = self._path(shard)
        content = read_file(path, CorpusError, missing="collect the corpus again")
        damaged = f"{path} is damaged: remove its lines from {MANIFEST} and collect again"
        # Corpora of earlier versions have no checksums.
        written = {row["sha256"] for row in self.rows if row["shard"] == shard and "sha256" in row}
        if written and written != {sha256(content)}:
            raise CorpusError(damaged)
        try:
            frames: UInt8 = safetensors.numpy.load(content)["frames"]
        except (SafetensorError, KeyError) as error:
            raise CorpusError(damaged) from error
        return frames

    def _path(self, shard: str) -> Path:
        return self.folder / f"{shard}.safetensors"


def _lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
