"""ONNX Runtime's execution providers: the fastest that there is, and what each is told. Without torch."""

import hashlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sail.export.folder import ExportError

# The fastest first.
PROVIDERS: Mapping[str, str] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
# Those that run on the GPU, and can record a run as a CUDA graph.
RECORDING = ("tensorrt", "cuda")
# Those for which ONNX Runtime's own optimisations make the graph, and can be kept.
_OPTIMISING = ("cuda", "cpu")
# What brings them.
_PACKAGES = {
    "tensorrt": "sail-planner[tensorrt]",
    "cuda": "sail-planner[gpu]",
    "openvino": "sail-planner[openvino]",
}
# ONNX Runtime's: errors alone. What it warns of is told in our own words.
_SEVERITY = 3


class ProviderWarning(UserWarning):
    """A slower provider takes over."""


def available() -> list[str]:
    """The providers that this ONNX Runtime was built with, the fastest first; they may lack a library yet."""
    built = set(onnxruntime.get_available_providers())
    return [name for name, theirs in PROVIDERS.items() if theirs in built]


def open_session(
    path: Path,
    sha256: str,
    provider: str | None,
    threads: int | None,
    batch: int | None,
    recorded: bool = False,
    large: bool = False,
) -> onnxruntime.InferenceSession:
    """A model, ready to run.

    provider: one of `PROVIDERS`, the fastest where None. threads: on the CPU; as many as it has cores where
    None. batch: the only batch size, which the graph is then optimised for. recorded: as a CUDA graph, where
    the provider can; whoever runs it then keeps inputs and outputs where they are. large: worth keeping
    as it was optimised, for the next process. Raises ExportError; warns where a provider is there but cannot
    be loaded, and a slower one takes over.
    """
    there = available()
    if provider is not None and provider not in PROVIDERS:
        raise ExportError(f"nobody knows the provider '{provider}': choose one of {', '.join(PROVIDERS)}")
    if provider is not None and provider not in there:
        cure = f": pip install '{_PACKAGES[provider]}'" if provider in _PACKAGES else ""
        raise ExportError(f"this ONNX Runtime has no {provider}, only {', '.join(there)}{cure}")
    wanted = there[there.index(provider) :] if provider is not None else there
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SEVERITY
    threads = threads or os.cpu_count() or 1
    options.intra_op_num_threads = threads
    # Several small models wait for each other: threads that spin between two runs take the others' time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if batch is not None:
        options.add_free_dimension_override_by_name("batch", batch)
    providers = [(PROVIDERS[name], options_of(name, sha256, batch, recorded, threads)) for name in wanted]
    try:
        if large and wanted[0] in _OPTIMISING:
            session = load_optimised(path, options, providers, cache_folder(sha256, batch))
        else:
            session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # its own exceptions have no common base but this
        raise ExportError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {path} ({_first_line(error)}): "
            "export again, or try another provider"
        ) from error
    taken = name_of(session)
    if taken != wanted[0]:
        warnings.warn(
            f"{wanted[0]} is there but cannot be loaded (a library is missing?): {taken} plans, slower",
            ProviderWarning,
            stacklevel=3,
        )
    return session


def loadable(path: Path) -> list[str]:
    """The providers that really run this model here, the fastest first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProviderWarning)
        return [name for name in available() if name_of(open_session(path, "", name, 1, None)) == name]


def name_of(session: onnxruntime.InferenceSession) -> str:
    """The provider that a session runs on."""
    first = session.get_providers()[0]
    return next(name for name, theirs in PROVIDERS.items() if theirs == first)


def device_of(provider: str) -> str:
    """Where a provider keeps its values, as ONNX Runtime calls it."""
    return "cuda" if provider in RECORDING else "cpu"


def options_of(name: str, sha256: str, batch: int | None, recorded: bool, threads: int) -> dict[str, Any]:
    """What a provider is told, in ONNX Runtime's words; see `open_session`."""
    if name == "cuda" and recorded:
        return {"enable_cuda_graph": "1"}
    if name == "openvino":
        # Left alone it may compute in bfloat16, where the processor has that, whatever was exported.
        told = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        return {"device_type": "CPU", "load_config": json.dumps({"CPU": told})}
    if name != "tensorrt":
        return {}
    folder = cache_folder(sha256, batch)
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "trt_cuda_graph_enable": recorded,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(folder),
    }


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]


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


class Placed:
    """inputs: arrays like those of every later run. outputs: shapes of what comes out, float32. device: "cpu"
    or "cuda"."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        device: str,
        inputs: Mapping[str, NDArray[Any]],
        outputs: Mapping[str, Sequence[int]],
    ) -> None:
        value = onnxruntime.OrtValue
        self._session, self._binding = session, session.io_binding()
        # On the CPU a value made of an array is that array: not the caller's.
        self._inputs = {
            name: value.ortvalue_from_numpy(np.array(array, order="C"), device)
            for name, array in inputs.items()
        }
        self._outputs = {
            name: value.ortvalue_from_shape_and_type(shape, np.float32, device)
            for name, shape in outputs.items()
        }
        for name, place in self._inputs.items():
            self._binding.bind_ortvalue_input(name, place)
        for name, place in self._outputs.items():
            self._binding.bind_ortvalue_output(name, place)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """What comes out, as ONNX Runtime's values: good until the next run."""
        for name, array in inputs.items():
            self._inputs[name].update_inplace(np.ascontiguousarray(array))
        self._session.run_with_iobinding(self._binding)
        return self._outputs
