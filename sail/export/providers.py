"""Sessions of ONNX Runtime: which execution provider runs a graph, with which options, caches and buffers.

Imports no torch.
"""

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
from sail.system import versions
from sail.system.cores import permitted_cores
from sail.system.files import write_atomically

# Our name and ONNX Runtime's name of each provider, the fastest first.
PROVIDERS: Mapping[str, str] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
# Providers on a GPU. They can record a run as a CUDA graph.
RECORDING = ("tensorrt", "cuda")
# Providers that run the graph as ONNX Runtime optimised it. That graph can be kept on disk.
_OPTIMISING = ("cuda", "cpu")
# The package that installs each provider.
_PACKAGES = {
    "tensorrt": "sail-planner[tensorrt]",
    "cuda": "sail-planner[gpu]",
    "openvino": "sail-planner[openvino]",
}
# ONNX Runtime logs errors only; we warn in our own words.
_SEVERITY = 3


class ProviderWarning(UserWarning):
    """A slower provider, or a slower way to run, replaces the one that was asked for."""


def available() -> list[str]:
    """Providers that this ONNX Runtime was built with, the fastest first. A library may still be missing."""
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
    """Load a graph.

    sha256: hash of the file. provider: one of `PROVIDERS`; None takes the fastest. threads: CPU threads; None
    takes one a core. batch: the only batch size that will be used, for which the graph is then optimised.
    recorded: record the run as a CUDA graph, where the provider can; inputs and outputs must then stay at
    their addresses (`BoundSession`). large: keep the optimised graph on disk for the next process. Raises
    ExportError. Warns with ProviderWarning where the provider cannot be loaded and a slower one replaces it.
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
    threads = threads or permitted_cores()
    options.intra_op_num_threads = threads
    # Several sessions take turns. Threads that spin between two runs would take time from the other sessions.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if batch is not None:
        options.add_free_dimension_override_by_name("batch", batch)
    providers = [
        (PROVIDERS[name], provider_options(name, sha256, batch, recorded, threads)) for name in wanted
    ]
    try:
        if large and wanted[0] in _OPTIMISING:
            session = load_optimised(path, options, providers, cache_folder(sha256, batch))
        else:
            session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no other base class
        raise ExportError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {path} ({first_line(error)}): "
            "export again, or try another provider"
        ) from error
    taken = provider_of(session)
    if taken != wanted[0]:
        warnings.warn(
            f"{wanted[0]} is there but cannot be loaded (a library is missing?): {taken} plans, slower",
            ProviderWarning,
            stacklevel=3,
        )
    return session


def loadable(path: Path) -> list[str]:
    """The providers that can load this graph on this machine, the fastest first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProviderWarning)
        return [name for name in available() if provider_of(open_session(path, "", name, 1, None)) == name]


def provider_of(session: onnxruntime.InferenceSession) -> str:
    """Our name of the provider on which a session runs."""
    first = session.get_providers()[0]
    return next(name for name, theirs in PROVIDERS.items() if theirs == first)


def device_of(provider: str) -> str:
    """The device of a provider's inputs and outputs: "cuda" or "cpu"."""
    return "cuda" if provider in RECORDING else "cpu"


def provider_options(
    name: str, sha256: str, batch: int | None, recorded: bool, threads: int
) -> dict[str, Any]:
    """ONNX Runtime's options for a provider. Arguments as of `open_session`."""
    if name == "cuda" and recorded:
        return {"enable_cuda_graph": "1"}
    if name == "openvino":
        # Its default is bfloat16 where the processor has it, whatever precision was exported.
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        return {"device_type": "CPU", "load_config": json.dumps({"CPU": options})}
    if name != "tensorrt":
        return {}
    folder = cache_folder(sha256, batch)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"TensorRT's engines are not kept ({folder}: {error.strerror}): every start builds them again"
        warnings.warn(told, ProviderWarning, stacklevel=2)
        return {"trt_cuda_graph_enable": recorded}
    return {
        "trt_cuda_graph_enable": recorded,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(folder),
    }


def cache_folder(sha256: str, batch: int | None) -> Path:
    """The folder of TensorRT's engines and optimised graphs for one model, batch, ONNX Runtime and machine.

    The key holds the processor's features: a graph that was optimised for other instruction sets computes
    other numbers.
    """
    computer = [versions.processor_name(), versions.processor_features(), versions.gpu_name()]
    key = json.dumps([sha256, batch, onnxruntime.__version__, *computer])
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "sail" / "engines" / hashlib.sha256(key.encode()).hexdigest()[:16]


def load_optimised(
    path: Path,
    options: onnxruntime.SessionOptions,
    providers: Sequence[tuple[str, dict[str, Any]]],
    folder: Path,
) -> onnxruntime.InferenceSession:
    """Load a graph as it was optimised for the first provider, from `folder`, or optimise and keep it there.

    To optimise a large graph takes most of a cold start. A kept graph that is damaged or does not load is
    made again. Where `folder` cannot be written, nothing is kept.
    """
    first = providers[0][0]
    kept, written = folder / f"{first}.onnx", folder / f"{first}.sha256"
    level = options.graph_optimization_level
    if kept.is_file() and written.is_file() and written.read_text() == _hash(kept):
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return onnxruntime.InferenceSession(str(kept), options, providers=providers)
        except Exception:  # ONNX Runtime's exceptions share no other base class
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
        # A graph that was optimised for a slower provider must not be found in the place of a faster one's.
        if session.get_providers()[0] == first:
            found = _hash(part)
            os.replace(part, kept)
            write_atomically(written, found.encode())
        return session
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class BoundSession:
    """A session whose inputs and outputs stay at fixed addresses, filled anew for every run.

    Nothing is allocated while planning. The output of one model can feed the next without leaving the device.
    A CUDA graph needs fixed addresses.

    inputs: arrays of the shapes and dtypes of every later run. outputs: shapes of the float32 outputs.
    device: "cpu" or "cuda".
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        device: str,
        inputs: Mapping[str, NDArray[Any]],
        outputs: Mapping[str, Sequence[int]],
    ) -> None:
        value = onnxruntime.OrtValue
        self._session, self._binding = session, session.io_binding()
        # On the CPU an OrtValue shares memory with its array: give it a copy of the caller's.
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
        """Run the graph. The outputs, as OrtValues by name, hold until the next run."""
        for name, array in inputs.items():
            self._inputs[name].update_inplace(np.ascontiguousarray(array))
        self._session.run_with_iobinding(self._binding)
        return self._outputs


def first_line(error: Exception) -> str:
    """The first line of an error's message, at most 200 characters."""
    return str(error).strip().splitlines()[0][:200]
