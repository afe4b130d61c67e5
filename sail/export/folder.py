"""The exported folder: names of its files, config.json, and a check that every file is whole.

Imports no torch: a robot's computer reads such a folder without it.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from sail.embodiment import Embodiment, embodiment_of
from sail.errors import SailError
from sail.system.checksums import sha256
from sail.system.files import file_errors
from sail.system.reading import parse_json, read_file
from sail_models.interfaces import Sampling

# Version of config.json. Version 2 also has `frame_size`, which the embodiment says; from version 4 on
# config.json has the SHA-256 of all else in it.
FORMAT, CHECKED = 4, 4
_READ = (2, 3, FORMAT)
CONFIG, TOKENIZER, SAMPLES = "config.json", "tokenizer.json", "samples.safetensors"
PLAN, DECODE, TEXT, DYNAMICS = "plan.onnx", "decode.onnx", "text.onnx", "inverse_dynamics.onnx"
POLICY = "policy.onnx"
# Begins the name of the folder, within the exported one, that is being filled.
PART = ".part-"
MODELS = (PLAN, DECODE, TEXT, DYNAMICS)
Kind = Literal["planner", "policy"]
KINDS: tuple[Kind, ...] = ("planner", "policy")
Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


class ExportError(SailError):
    """A model cannot be exported, or an exported folder is damaged or asked for something else."""


@dataclass(frozen=True)
class ExportedConfig:
    """The part of config.json that planners and policies share.

    text_shape: (L, D), tokens and width of a prompt's embedding. chunk: K, actions per decision. most: the
    largest batch. identity: first digits of the SHA-256 of the weights of the planner or policy. embodiment:
    says the height and width of frames. opset: version of ONNX's operators. sha256: hash of each file, by
    name. versions: packages and machine that wrote the folder. parity: error of each output, see
    `parity.check_folder`.
    """

    text_shape: tuple[int, int]
    chunk: int
    most: int
    identity: str
    embodiment: Embodiment
    opset: int
    sha256: Mapping[str, str]
    versions: Mapping[str, str]
    parity: Mapping[str, float]


@dataclass(frozen=True)
class ExportedPolicyConfig(ExportedConfig):
    """config.json of a policy."""


@dataclass(frozen=True)
class ExportedPlannerConfig(ExportedConfig):
    """config.json of a planner.

    sampling: the settings that are fixed in the graph, and the defaults of guidance and temperature.
    latent_shape: (F, C, h, w) of a plan. sources: first digits of the SHA-256 of each network's weights.
    """

    precision: Precision
    sampling: Sampling
    latent_shape: tuple[int, int, int, int]
    sources: Mapping[str, str]


Config = TypeVar("Config", ExportedPlannerConfig, ExportedPolicyConfig)


def check_empty(out: Path) -> None:
    """Check that `out` is a new or empty folder; what a killed export left does not count. Raises
    ExportError."""
    with file_errors(out, "look into", ExportError):
        if out.exists() and (not out.is_dir() or not all(map(_is_part, out.iterdir()))):
            raise ExportError(f"{out} is not empty: name another folder, or empty it")


def _is_part(path: Path) -> bool:
    return path.name.startswith(PART)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder to fill, whose files are moved into `out` at the end, config.json last; after an
    exception nothing is left.

    `out` may be a link, a mount point or the current folder. Raises ExportError where `out` is not empty or
    cannot be written, before anything is made.
    """
    check_empty(out)
    there = out.exists()
    with file_errors(out, "write to", ExportError):
        out.mkdir(parents=True, exist_ok=True)
        for part in out.iterdir():
            shutil.rmtree(part)
        folder = Path(tempfile.mkdtemp(dir=out, prefix=PART))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if not there:
            with suppress(OSError):
                out.rmdir()
        raise
    with file_errors(out, f"move the finished export from {folder} to", ExportError):
        for file in sorted(folder.iterdir(), key=lambda file: file.name == CONFIG):
            os.replace(file, out / file.name)
        folder.rmdir()


def write_config(folder: Path, config: ExportedConfig) -> None:
    """Write config.json."""
    kind: Kind = "planner" if isinstance(config, ExportedPlannerConfig) else "policy"
    content = {"format": FORMAT, "kind": kind, **asdict(config), "embodiment": config.embodiment.as_dict()}
    content["checksum"] = checksum_of(content)
    text = json.dumps(content, indent=2)
    (folder / CONFIG).write_text(text + "\n")


def checksum_of(content: Mapping[str, Any]) -> str:
    """The SHA-256 of all entries of a config.json but the one that keeps it."""
    others = {name: value for name, value in content.items() if name != "checksum"}
    return sha256(json.dumps(others, sort_keys=True).encode())


def kind_of(folder: Path) -> Kind:
    """Whether the folder holds a planner or a policy. Raises ExportError."""
    kind: Kind = _read(folder)["kind"]
    return kind


def read_planner_config(folder: Path) -> ExportedPlannerConfig:
    """Read config.json of a planner and check every file's SHA-256. Raises ExportError."""
    return _read_as(
        folder,
        "planner",
        lambda content: ExportedPlannerConfig(
            **content
            | _shapes(content)
            | {
                "sampling": Sampling(**content["sampling"]),
                "latent_shape": tuple(content["latent_shape"]),
            }
        ),
    )


def read_policy_config(folder: Path) -> ExportedPolicyConfig:
    """Read config.json of a policy and check every file's SHA-256. Raises ExportError."""
    return _read_as(folder, "policy", lambda content: ExportedPolicyConfig(**content | _shapes(content)))


def _shapes(content: dict[str, Any]) -> dict[str, Any]:
    return {"embodiment": embodiment_of(content["embodiment"]), "text_shape": tuple(content["text_shape"])}


def _read_as(folder: Path, wanted: Kind, parse: Callable[[dict[str, Any]], Config]) -> Config:
    content = _read(folder)
    kind = content.pop("kind")
    if kind != wanted:
        raise ExportError(f"{folder} holds a {kind}: name a folder with an exported {wanted}")
    try:
        config = parse(content)
    except (TypeError, KeyError) as error:
        raise ExportError(f"{folder / CONFIG} lacks something ({error}): export again") from error
    for name, expected in config.sha256.items():
        if file_hash(folder / name) != expected:
            raise ExportError(f"{folder / name} is damaged (wrong SHA-256): copy it again, or export again")
    return config


def _read(folder: Path) -> dict[str, Any]:
    """The content of config.json, with a known format and kind. Raises ExportError."""
    path = folder / CONFIG
    text = read_file(path, ExportError, missing="name a folder that sail export wrote")
    content: dict[str, Any] = parse_json(text, path, ExportError, "export again")
    found = content.get("format") if isinstance(content, dict) else None
    if found not in _READ:
        raise ExportError(
            f"{path} has format {found}, this version of sail reads {_READ[0]} to {_READ[-1]}: "
            "export again, or install the version that wrote it"
        )
    if found >= CHECKED and content.pop("checksum", None) != checksum_of(content):
        raise ExportError(
            f"{path} is not as it was exported (wrong SHA-256): copy it again, or change the settings and "
            "export again"
        )
    content.pop("format")
    content.pop("frame_size", None)
    if content.get("kind") not in KINDS:
        raise ExportError(f"{path} lacks something (the kind of what was exported): export again")
    return content


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits. Raises ExportError where the file cannot be read."""
    with file_errors(path, "read", ExportError, "copy the whole folder again"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
