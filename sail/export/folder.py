"""A folder of exported models: what lies in it, and whether all of it is there and whole. Without torch."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from sail.embodiment import Embodiment
from sail.errors import SailError
from sail_models.interfaces import Sampling

FORMAT = 2
CONFIG, TOKENIZER, SAMPLES = "config.json", "tokenizer.json", "samples.safetensors"
PLAN, DECODE, TEXT, DYNAMICS = "plan.onnx", "decode.onnx", "text.onnx", "inverse_dynamics.onnx"
DECIDE = "policy.onnx"
MODELS = (PLAN, DECODE, TEXT, DYNAMICS)
Kind = Literal["planner", "policy"]
KINDS: tuple[Kind, ...] = ("planner", "policy")
Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


class ExportError(SailError):
    """A model that cannot be exported, or a folder that does not hold what was exported."""


@dataclass(frozen=True)
class CommonConfig:
    """What config.json says of whatever was exported.

    text_shape: (L, D) of a prompt. chunk: actions decided at once. most: plans, or arms, of one batch.
    identity: of the planner or policy, the first digits of the SHA-256 of its weights. sha256: of each file.
    versions: of what wrote it. parity: how far from the source, and what was allowed (see `parity`).
    """

    frame_size: int
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
class PolicyExportConfig(CommonConfig):
    """Of a policy: nothing more."""


@dataclass(frozen=True)
class ExportConfig(CommonConfig):
    """Of a planner: sampling, what was unrolled into its graph; latent_shape, (F, C, h, w) of a plan;
    sources, of every network the first digits of the SHA-256 of its weights."""

    precision: Precision
    sampling: Sampling
    latent_shape: tuple[int, int, int, int]
    sources: Mapping[str, str]


Config = TypeVar("Config", ExportConfig, PolicyExportConfig)


def check_empty(out: Path) -> None:
    """Refuse to write into a folder that holds something. Raises ExportError."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExportError(f"{out} is not empty: name another folder, or empty it")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill, that becomes `out` where nothing fails, and else leaves nothing. Raises ExportError
    where `out` is not empty."""
    check_empty(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        folder = Path(temporary) / out.name
        folder.mkdir()
        yield folder
        if out.exists():
            out.rmdir()
        folder.rename(out)


def write_config(folder: Path, config: CommonConfig) -> None:
    """Write config.json."""
    kind: Kind = "planner" if isinstance(config, ExportConfig) else "policy"
    text = json.dumps({"format": FORMAT, "kind": kind, **asdict(config)}, indent=2)
    (folder / CONFIG).write_text(text + "\n")


def kind_of(folder: Path) -> Kind:
    """What was exported there. Raises ExportError."""
    kind: Kind = _read(folder)["kind"]
    return kind


def read_config(folder: Path) -> ExportConfig:
    """What config.json says of a planner, once every file is the one that it names. Raises ExportError."""
    return _read_as(
        folder,
        "planner",
        lambda content: ExportConfig(
            **content
            | _shapes(content)
            | {
                "sampling": Sampling(**content["sampling"]),
                "latent_shape": tuple(content["latent_shape"]),
            }
        ),
    )


def read_policy_config(folder: Path) -> PolicyExportConfig:
    """The same of a policy. Raises ExportError."""
    return _read_as(folder, "policy", lambda content: PolicyExportConfig(**content | _shapes(content)))


def _shapes(content: dict[str, Any]) -> dict[str, Any]:
    return {"embodiment": Embodiment(**content["embodiment"]), "text_shape": tuple(content["text_shape"])}


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
    """The content of config.json, its kind a known one. Raises ExportError."""
    path = folder / CONFIG
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except OSError as error:
        raise ExportError(
            f"{path} cannot be read ({error.strerror}): name a folder that sail export wrote"
        ) from error
    except ValueError as error:
        raise ExportError(f"{path} is damaged ({error}): export again") from error
    found = content.pop("format", None) if isinstance(content, dict) else None
    if found != FORMAT:
        raise ExportError(
            f"{path} has format {found}, this version of sail reads {FORMAT}: "
            "export again, or install the version that wrote it"
        )
    if content.get("kind") not in KINDS:
        raise ExportError(f"{path} lacks something (the kind of what was exported): export again")
    return content


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises ExportError where it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ExportError(f"{path} cannot be read ({error.strerror}): copy the whole folder again") from error
