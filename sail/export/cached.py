"""What is worked out once for a model on a computer and kept between processes: TensorRT's engines, and
graphs as ONNX Runtime optimised them, which takes it most of a cold start. Without torch."""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnxruntime


def cache_folder(sha256: str, batch: int | None) -> Path:
    """Where what belongs to a model goes: it fits one model, batch, ONNX Runtime, processor and GPU alone. A
    graph that was laid out for other instruction sets would compute something else."""
    from sail.system.versions import gpu_name, processor_features, processor_name

    computer = [processor_name(), processor_features(), gpu_name()]
    key = json.dumps([sha256, batch, onnxruntime.__version__, *computer])
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "sail" / "engines" / hashlib.sha256(key.encode()).hexdigest()[:16]


def load_optimised(
    path: Path,
    options: onnxruntime.SessionOptions,
    providers: Sequence[tuple[str, dict[str, Any]]],
    folder: Path,
) -> onnxruntime.InferenceSession:
    """A session of the graph as it was optimised for its first provider before, or optimised now and kept in
    `folder`. A kept graph that does not load is made again; where nothing can be written nothing is kept."""
    first = providers[0][0]
    kept = folder / f"{first}.onnx"
    level = options.graph_optimization_level
    if kept.is_file():
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return onnxruntime.InferenceSession(str(kept), options, providers=providers)
        except Exception:  # its own exceptions have no common base but this
            kept.unlink(missing_ok=True)
            options.graph_optimization_level = level
    part = folder / f"{first}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.touch()
    except OSError:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    options.optimized_model_filepath = str(part)
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        if session.get_providers()[0] == first:  # optimised for another, it would stay slow for ever
            os.replace(part, kept)
        return session
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
