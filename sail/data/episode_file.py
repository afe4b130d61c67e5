"""One episode as one file: the zip container, and what is read back from it.

The container is stored, not compressed, and deterministic: the same episode gives the same bytes.
It holds `episode.json` (the metadata), `proprioception.npy`, `actions.npy` and `frames/00000.png`,
`frames/00001.png`, ... so that any unzip and any image viewer opens it, and zipfile checks the
CRC-32 of every member that is read.
"""

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np

from sail.errors import SailError
from sail.system.files import file_errors
from sail.system.reading import check_regular
from sail.types import SOURCES, Episode, Float32, Source, UInt8

SCHEMA = 2
# Schema 1 does not say how many numbers an action and proprioception have: all of its episodes have so many.
_FIRST_SIZE = 4
SUFFIX = ".episode.zip"
PNG_LEVEL = 1  # zlib's fastest: collecting never waits for the store

# What zipfile, json, numpy and OpenCV raise on bytes that are not what the file says they are.
_DAMAGE = (zipfile.BadZipFile, KeyError, ValueError, EOFError, RuntimeError, struct.error, cv2.error)

# What a PNG file begins with.
_PNG = b"\x89PNG\r\n\x1a\n"
_MISSING = "restore it from a copy, or rebuild the index to go on without it"

T = TypeVar("T", str, int, bool)


class StoreError(SailError):
    """An episode or its folder cannot be read or written: one line with the cause and the cure."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


@dataclass(frozen=True)
class EpisodeRecord:
    """What the store knows of an episode without opening it.

    length: control steps T. height, width: frame size in pixels. actions, proprioception: how many numbers
    each of them has at a control step. sha256: hexadecimal, of the file.
    """

    id: str
    task: str
    prompt: str
    seed: int
    iteration: int
    source: Source
    success: bool
    model: str
    length: int
    height: int
    width: int
    actions: int
    proprioception: int
    sha256: str

    @property
    def file(self) -> str:
        """Name of the episode's file inside the store's folder."""
        return self.id + SUFFIX


def encode(episode: Episode) -> bytes:
    """The content of the episode's file. Raises StoreError where arrays do not fit sail.types.Episode."""
    _check(episode)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _put(archive, "episode.json", json.dumps(_metadata(episode), indent=1).encode())
        _put(archive, "proprioception.npy", _encode_array(episode.proprioception))
        _put(archive, "actions.npy", _encode_array(episode.actions))
        for index, frame in enumerate(episode.frames):
            _put(archive, _frame_name(index), _encode_frame(frame))
    return buffer.getvalue()


def record_of(episode: Episode, record_id: str, content: bytes) -> EpisodeRecord:
    """The record of an episode whose file has this content."""
    return parse_record(record_id, {**_metadata(episode), "sha256": hashlib.sha256(content).hexdigest()})


def read_episode(path: Path, record: EpisodeRecord) -> Episode:
    """The episode in the file at `path`. Raises StoreError unless all of it is as `record` says."""
    with _reading(path):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != record.sha256:
            raise StoreError(f"{path} is damaged (wrong SHA-256): restore it from a copy, or discard it")
        if _parse_metadata(content, record.id) != record:
            raise StoreError(f"{path} is not what the index says of it: rebuild the index")
        return _decode(content, record)


def read_frames(path: Path, record: EpisodeRecord, indices: set[int]) -> dict[int, UInt8]:
    """Only these frames, and of the file only their bytes. Raises StoreError where one is damaged."""
    with _reading(path), zipfile.ZipFile(path) as archive:
        return {index: _decode_frame(archive, index, record) for index in indices}


def read_record(path: Path) -> EpisodeRecord:
    """The record of a file that no index knows. Raises StoreError unless the whole file is sound."""
    with _reading(path):
        content = path.read_bytes()
        record = _parse_metadata(content, id_of(path.name))
        _decode(content, record)  # from now on its SHA-256 vouches for it, so all of it must be right now
        return record


def parse_record(record_id: str, values: Mapping[str, object]) -> EpisodeRecord:
    """A record from JSON values. Raises ValueError for a wrong one, StoreError for a newer schema."""
    schema = _value(values, "schema", int)
    if schema > SCHEMA:
        raise StoreError(
            f"episode {record_id} has schema {schema}, this version reads up to {SCHEMA}: upgrade sail"
        )
    record = EpisodeRecord(
        id=record_id,
        task=_value(values, "task", str),
        prompt=_value(values, "prompt", str),
        seed=_value(values, "seed", int),
        iteration=_value(values, "iteration", int),
        source=cast(Source, _value(values, "source", str)),
        success=_value(values, "success", bool),
        model=_value(values, "model", str),
        length=_value(values, "length", int),
        height=_value(values, "height", int),
        width=_value(values, "width", int),
        actions=_FIRST_SIZE if schema == 1 else _value(values, "actions", int),
        proprioception=_FIRST_SIZE if schema == 1 else _value(values, "proprioception", int),
        sha256=_value(values, "sha256", str),
    )
    sizes = schema, record.length, record.height, record.width, record.actions
    if record.source not in SOURCES or min(sizes) < 1 or record.proprioception < 0:
        raise ValueError("its metadata has an unknown source, or a size below 1")
    return record


def id_of(file_name: str) -> str:
    """The id of the episode in a file of this name. Raises ValueError for any other name."""
    if not file_name.endswith(SUFFIX) or Path(file_name).name != file_name:
        raise ValueError(f"{file_name!r} is not the name of an episode file")
    return file_name.removesuffix(SUFFIX)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    check_regular(path, StoreError, missing=_MISSING)
    try:
        with file_errors(path, "read", StoreError, _MISSING):
            yield
    except _DAMAGE as error:
        cure = f"restore it from a copy, or move it out of {path.parent}"
        raise StoreError(f"{path} is damaged or no episode ({error}): {cure}") from error


def _value(values: Mapping[str, object], key: str, kind: type[T]) -> T:
    value = values.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"its metadata has a wrong {key}")
    return value


def _check(episode: Episode) -> None:
    steps = len(episode.actions)
    frames, proprioception, actions = episode.frames, episode.proprioception, episode.actions
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or frames.size == 0:
        raise StoreError(f"frames are {frames.dtype} {frames.shape}: make them uint8 (T+1, H, W, 3)")
    for name, array, length in (("proprioception", proprioception, "T+1"), ("actions", actions, "T")):
        if array.dtype != np.float32 or array.ndim != 2:
            raise StoreError(f"{name} is {array.dtype} {array.shape}: make it float32 ({length}, numbers)")
    if actions.shape[1] < 1 or len(proprioception) != steps + 1:
        raise StoreError(
            f"{steps} actions of {actions.shape[1]} numbers, {len(proprioception)} rows of proprioception: "
            "record T+1 rows for T actions of at least one number"
        )
    if steps < 1 or len(frames) != steps + 1:
        raise StoreError(f"{len(frames)} frames and {steps} actions: record T+1 frames for T >= 1 actions")
    if episode.source not in SOURCES:
        raise StoreError(f"unknown source {episode.source!r}: choose one of {', '.join(SOURCES)}")


def _metadata(episode: Episode) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "task": episode.task,
        "prompt": episode.prompt,
        "seed": int(episode.seed),
        "iteration": int(episode.iteration),
        "source": episode.source,
        "success": bool(episode.success),
        "model": episode.model,
        "length": len(episode),
        "height": episode.frames.shape[1],
        "width": episode.frames.shape[2],
        "actions": episode.actions.shape[1],
        "proprioception": episode.proprioception.shape[1],
    }


def _parse_metadata(content: bytes, record_id: str) -> EpisodeRecord:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        values = json.loads(_member(archive, "episode.json"))
    if not isinstance(values, dict):
        raise ValueError("its metadata is not a JSON object")
    return parse_record(record_id, {**values, "sha256": hashlib.sha256(content).hexdigest()})


def _decode(content: bytes, record: EpisodeRecord) -> Episode:
    steps = record.length
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return Episode(
            frames=np.stack([_decode_frame(archive, index, record) for index in range(steps + 1)]),
            proprioception=_decode_array(archive, "proprioception.npy", (steps + 1, record.proprioception)),
            actions=_decode_array(archive, "actions.npy", (steps, record.actions)),
            success=record.success,
            prompt=record.prompt,
            task=record.task,
            seed=record.seed,
            iteration=record.iteration,
            source=record.source,
            model=record.model,
        )


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name)  # dated 1980: the same episode gives the same bytes
    member.create_system = 3
    member.external_attr = 0o644 << 16
    archive.writestr(member, content)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
        raise ValueError(f"{name} is compressed")
    return archive.read(member)


def _frame_name(index: int) -> str:
    return f"frames/{index:05d}.png"


def _encode_frame(frame: UInt8) -> bytes:
    bgr = np.ascontiguousarray(frame[..., ::-1])
    done, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not done:
        raise StoreError(f"OpenCV cannot write a frame of shape {frame.shape} as PNG: use smaller frames")
    return png.tobytes()


def _decode_frame(archive: zipfile.ZipFile, index: int, record: EpisodeRecord) -> UInt8:
    content = _member(archive, _frame_name(index))
    if content[:8] != _PNG or struct.unpack(">II", content[16:24]) != (record.width, record.height):
        raise ValueError(f"{_frame_name(index)} is not a frame of {record.width}x{record.height} pixels")
    png = np.frombuffer(content, np.uint8)
    bgr = cv2.imdecode(png, cv2.IMREAD_COLOR)
    if bgr is None or bgr.dtype != np.uint8 or bgr.shape != (record.height, record.width, 3):
        raise ValueError(f"{_frame_name(index)} is not a frame of {record.width}x{record.height} pixels")
    return np.ascontiguousarray(bgr[..., ::-1], dtype=np.uint8)


def _encode_array(array: Float32) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _decode_array(archive: zipfile.ZipFile, name: str, shape: tuple[int, int]) -> Float32:
    content = _member(archive, name)
    # A header may claim gigabytes: the memory is what the record says, and what is there.
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name} is an array of another format")
    claimed, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    numbers = content[stream.tell() :]
    if dtype != np.float32 or claimed != shape or fortran or len(numbers) != 4 * shape[0] * shape[1]:
        raise ValueError(f"{name} is not a float32 array of shape {shape}")
    return np.frombuffer(numbers, dtype).reshape(shape).copy()
