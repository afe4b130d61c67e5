"""The episode store: a folder with one lossless, checksummed file an episode, and an index of them.

A finished file (see episode_file) never changes. `index.jsonl` has one line an episode and is a
convenience: what it lacks is read back from the files whenever a store is opened, so a kill at any
moment loses no finished episode. Any number of processes may read a store; one at a time may write.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sail.data.episode_file import (
    SCHEMA,
    SUFFIX,
    EpisodeRecord,
    StoreError,
    encode,
    id_of,
    parse_record,
    read_episode,
    read_frames,
    read_record,
    record_of,
)
from sail.embodiment import FILE, Embodiment, EmbodimentError, check_fit, read_embodiment
from sail.system.files import append_line, file_errors, write_atomically
from sail.system.reading import read_file
from sail.types import Episode, Source, UInt8

__all__ = ["INDEX", "EpisodeRecord", "EpisodeStore", "StoreError"]

INDEX = "index.jsonl"


class EpisodeStore:
    """The episodes of one folder, in the order in which they were added.

    Opening repairs a missing, short or torn index; the first `add` makes the folder. Raises StoreError
    where an episode file that the index lacks is damaged, foreign or of a newer schema.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._records: dict[str, EpisodeRecord] = {}
        self._next = 0
        listed, torn = self._read_index()
        found = [read_record(self.folder / name) for name in self._files() if id_of(name) not in listed]
        self._take(_in_order([*listed.values(), *found]))
        if found or torn:
            with suppress(OSError):  # a store that cannot be written can still be read
                write_atomically(self.folder / INDEX, self._index())

    @property
    def embodiment(self) -> Embodiment | None:
        """The embodiment of the episodes; None where nobody has said it. Raises EmbodimentError."""
        return read_embodiment(self.folder) if (self.folder / FILE).exists() else None

    def settle(self, embodiment: Embodiment, name: str) -> None:
        """Say what arm and camera the store's episodes are of; embodiment.json keeps it.

        name: whose embodiment this is, for the message. Raises EmbodimentError where the store's own
        embodiment, which stays, or its episodes do not fit it.
        """
        self.check(embodiment, name)
        if self.embodiment is not None:
            return
        with file_errors(self.folder / FILE, "write", StoreError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / FILE, embodiment.as_json())

    def check(self, embodiment: Embodiment, name: str) -> None:
        """What `settle` refuses, without writing anything. Raises EmbodimentError."""
        cure = "give each arm and camera a store of its own"
        there = self.embodiment
        if there is not None:
            check_fit(there, f"the store {self.folder}", embodiment, name, cure)
            return
        for record in self._records.values():
            sizes = {
                "height": (record.height, embodiment.height),
                "width": (record.width, embodiment.width),
                "the number of actions": (record.actions, len(embodiment.actions)),
                "the number of proprioception": (record.proprioception, len(embodiment.proprioception)),
            }
            for what, (found, wanted) in sizes.items():
                if found != wanted:
                    raise EmbodimentError(
                        f"{what} is {found} in {self.folder / record.file}, {wanted} in {name}: {cure}"
                    )

    def add(self, episode: Episode) -> str:
        """Write `episode` durably and return its id; the same sequence of calls gives the same ids.

        Raises StoreError for arrays that do not fit sail.types.Episode, for another arm's numbers than those
        of the episodes that are there, and where writing fails.
        """
        content = encode(episode)
        number = self._next
        task = re.sub("[^A-Za-z0-9]+", "-", episode.task)[:64]
        name = f"i{episode.iteration:03d}-{episode.source}-{task}-s{episode.seed}-{number:06d}"
        record = record_of(episode, name, content)
        there = next(iter(self._records.values()), record)
        if (there.actions, there.proprioception) != (record.actions, record.proprioception):
            raise StoreError(
                f"{self.folder} holds episodes with {there.actions} numbers an action and "
                f"{there.proprioception} of proprioception, not {record.actions} and "
                f"{record.proprioception}: give each arm a store of its own"
            )
        path = self.folder / record.file
        if path.exists():
            raise StoreError(f"{path} exists already: let only one process write to this store")
        with file_errors(path, "write", StoreError):
            write_atomically(path, content)
        self._records[name], self._next = record, number + 1
        with file_errors(self.folder / INDEX, "write", StoreError):
            append_line(self.folder / INDEX, _index_line(record))
        return name

    def records(
        self,
        task: str | None = None,
        source: Source | None = None,
        success: bool | None = None,
        iteration: int | None = None,
    ) -> list[EpisodeRecord]:
        """The episodes that have every value given, in the order in which they were added."""
        return [
            record
            for record in self._records.values()
            if (task is None or record.task == task)
            and (source is None or record.source == source)
            and (success is None or record.success == success)
            and (iteration is None or record.iteration == iteration)
        ]

    def read(self, id: str) -> Episode:
        """The whole episode as it was added, to the byte. Raises StoreError where the file differs."""
        record = self._find(id)
        return read_episode(self.folder / record.file, record)

    def read_clip(self, id: str, indices: Sequence[int] | NDArray[np.int64]) -> UInt8:
        """The frames at `indices`, which may repeat: uint8 (n, H, W, 3) RGB, 0..255.

        Reads only those frames and checks the CRC-32 of each. Raises IndexError for an index outside
        0..T, StoreError for a damaged file.
        """
        record = self._find(id)
        for index in indices:
            if not 0 <= index <= record.length:
                raise IndexError(f"frame {index} of {id}, which has the frames 0 to {record.length}")
        frames = read_frames(self.folder / record.file, record, {int(index) for index in indices})
        clip: UInt8 = np.empty((len(indices), record.height, record.width, 3), np.uint8)
        for position, index in enumerate(indices):
            clip[position] = frames[int(index)]
        return clip

    def verify(self) -> list[str]:
        """Read every episode whole; one line for each that is missing, damaged or not in the index."""
        problems = []
        for id in self._records:
            try:
                self.read(id)
            except StoreError as error:
                problems.append(str(error))
        unknown = [name for name in self._files() if id_of(name) not in self._records]
        return problems + [f"{self.folder / name} is not in the index: rebuild the index" for name in unknown]

    def discard(self, ids: Iterable[str]) -> None:
        """Remove these episodes for good. After a kill half way those that are left are whole.

        Raises StoreError for an unknown id, before anything is removed, and where removing fails.
        """
        gone = [self._find(id) for id in dict.fromkeys(ids)]
        if not gone:
            return
        lost = {record.id for record in gone}
        self._take({id: record for id, record in self._records.items() if id not in lost})
        # The index first: a file without a line is found again, a line without a file is an error.
        with file_errors(self.folder / INDEX, "write", StoreError):
            write_atomically(self.folder / INDEX, self._index())
        for record in gone:
            path = self.folder / record.file
            with file_errors(path, "remove", StoreError):
                path.unlink(missing_ok=True)

    def rebuild_index(self) -> None:
        """Write the index anew from the files alone; an episode whose file is gone is dropped.

        Raises StoreError where a file is damaged, foreign or of a newer schema.
        """
        self._take(_in_order(read_record(self.folder / name) for name in self._files()))
        with file_errors(self.folder / INDEX, "write", StoreError):
            write_atomically(self.folder / INDEX, self._index())

    def _take(self, records: dict[str, EpisodeRecord]) -> None:
        """Hold these episodes, and know the number of the next one."""
        self._records = records
        self._next = 1 + max((_number(known) for known in records), default=-1)

    def _find(self, id: str) -> EpisodeRecord:
        if id not in self._records:
            raise StoreError(f"no episode {id!r} in {self.folder}: {INDEX} lists those that are there")
        return self._records[id]

    def _files(self) -> list[str]:
        with file_errors(self.folder, "list", StoreError):
            try:
                return sorted(name for name in os.listdir(self.folder) if name.endswith(SUFFIX))
            except FileNotFoundError:
                return []

    def _index(self) -> bytes:
        return b"".join(_index_line(record) for record in self._records.values())

    def _read_index(self) -> tuple[dict[str, EpisodeRecord], bool]:
        """The records of the sound lines, where the last of an id counts, and whether any was not."""
        path = self.folder / INDEX
        lines = read_file(path, StoreError).split(b"\n") if not _gone(path) else []
        records: dict[str, EpisodeRecord] = {}
        torn = False
        for line in filter(None, lines):
            try:
                record = _parse_line(line)
                records[record.id] = record
            except (ValueError, KeyError, RecursionError):
                torn = True
        return records, torn


def _gone(path: Path) -> bool:
    """Whether nothing is there; a path that cannot be looked at is there."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _number(id: str) -> int:
    match = re.search("-([0-9]{1,18})$", id)
    return int(match[1]) if match else -1


def _in_order(records: Iterable[EpisodeRecord]) -> dict[str, EpisodeRecord]:
    return {
        record.id: record for record in sorted(records, key=lambda record: (_number(record.id), record.id))
    }


def _index_line(record: EpisodeRecord) -> bytes:
    return json.dumps({"schema": SCHEMA, "file": record.file, **asdict(record)}).encode() + b"\n"


def _parse_line(line: bytes) -> EpisodeRecord:
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("a line of the index is not a JSON object")
    return parse_record(id_of(str(values["file"])), values)
