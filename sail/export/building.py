"""What every exported folder is made with: whole or not at all, a text encoder, and who wrote it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from sail.export.folder import TEXT, TOKENIZER, check_empty
from sail.export.graphs import TextGraph
from sail.export.trace import trace
from sail.system.versions import environment_versions, package_version
from sail_models.spaces.text_encoder import load_encoder, model_folder

# Plans, or policies' arms, of one batch, at most.
MOST = 64


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


def write_text_encoder(folder: Path) -> None:
    """The graph and its tokenizer."""
    _, encoder = load_encoder()
    assert isinstance(encoder, nn.Module)
    trace(TextGraph(encoder), {"ids": torch.ones(1, 2).long()}, ("tokens",), folder / TEXT, axis=1)
    shutil.copy(model_folder() / TOKENIZER, folder / TOKENIZER)


def written_by() -> dict[str, str]:
    """The versions of what writes, as far as it is installed."""
    tools = {name: package_version(name) for name in ("onnx", "onnxruntime")}
    return {name: value for name, value in {**environment_versions(), **tools}.items() if value}
