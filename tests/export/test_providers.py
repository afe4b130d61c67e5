"""The provider that is chosen and its options, and optimised graphs that are kept for the next process."""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from sail.export import providers
from sail.export.folder import ExportError
from sail.export.providers import ProviderWarning, cache_folder, load_optimised, provider_options
from sail.export.runtime import ExportedPlanner

CPU = [("CPUExecutionProvider", {})]
FRAME = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
INPUT = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """(x + 1) · 2, with a constant that folds, for any batch."""
    nodes = [
        helper.make_node("Add", ["one", "one"], ["two"]),
        helper.make_node("Add", ["x", "one"], ["more"]),
        helper.make_node("Mul", ["more", "two"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in "xy")
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    graph = helper.make_graph(nodes, "test", [x], [y], [one])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def load(path: Path, folder: Path, batch: int | None = None) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    if batch is not None:
        options.add_free_dimension_override_by_name("batch", batch)
    y: np.ndarray = load_optimised(path, options, CPU, folder).run(None, INPUT)[0]
    return y


@pytest.mark.parametrize("batch", [None, 2])
def test_a_kept_graph_computes_the_same_without_its_source(
    model: Path, tmp_path: Path, batch: int | None
) -> None:
    kept = tmp_path / "kept"
    first = load(model, kept, batch)
    np.testing.assert_array_equal(first, 2 * (INPUT["x"] + 1))
    names = sorted(path.name for path in kept.iterdir())
    assert names == ["CPUExecutionProvider.onnx", "CPUExecutionProvider.sha256"]
    folded = onnx.load(kept / "CPUExecutionProvider.onnx").graph.node
    assert [node.op_type for node in folded] == ["Add", "Mul"]
    np.testing.assert_array_equal(load(tmp_path / "gone.onnx", kept, batch), first)


@pytest.mark.parametrize("damage", ["half", "a bit"])
def test_a_damaged_one_is_made_again(model: Path, tmp_path: Path, damage: str) -> None:
    first = load(model, tmp_path / "kept")
    kept = tmp_path / "kept" / "CPUExecutionProvider.onnx"
    whole = kept.read_bytes()
    one = np.float32(1.0).tobytes()  # what is added: a flipped bit makes another number of it
    assert whole.count(one) >= 1
    flipped = whole.replace(one, np.float32(1.5).tobytes())
    kept.write_bytes(whole[: len(whole) // 2] if damage == "half" else flipped)
    np.testing.assert_array_equal(load(model, tmp_path / "kept"), first)
    assert kept.read_bytes() == whole


def test_where_nothing_can_be_written_nothing_is_kept(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    np.testing.assert_array_equal(load(model, tmp_path / "file" / "kept"), 2 * (INPUT["x"] + 1))


def test_what_another_provider_took_over_is_not_kept(model: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        missing = [("CUDAExecutionProvider", {}), *CPU]
        session = load_optimised(model, onnxruntime.SessionOptions(), missing, tmp_path / "kept")
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert not any((tmp_path / "kept").iterdir())


def test_what_belongs_to_another_computer_or_version_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    first = cache_folder("a" * 64, 1)
    assert first == cache_folder("a" * 64, 1)
    others = {cache_folder("b" * 64, 1), cache_folder("a" * 64, 4)}
    monkeypatch.setattr(onnxruntime, "__version__", "9.9")
    others.add(cache_folder("a" * 64, 1))
    for part in ("gpu_name", "processor_name", "processor_features"):
        monkeypatch.setattr(f"sail.system.versions.{part}", lambda: "another")
        others.add(cache_folder("a" * 64, 1))
    assert len(others) == 6 and first not in others


def test_where_no_engine_can_be_kept_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(ProviderWarning, match="every start builds them again"):
        assert provider_options("tensorrt", "a" * 64, 1, True, 1) == {"trt_cuda_graph_enable": True}


def test_providers(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match="nobody knows the provider 'gpu'"):
        ExportedPlanner(exported, "gpu")
    monkeypatch.setattr(providers, "available", lambda: ["cpu"])
    with pytest.raises(ExportError, match=r"has no cuda, only cpu: pip install 'sail-planner\[gpu\]'"):
        ExportedPlanner(exported, "cuda")
    # Built in, but its library is not there: it plans all the same, slower, and says so.
    monkeypatch.setattr(providers, "available", lambda: ["cuda", "cpu"])
    with pytest.warns(ProviderWarning, match="cuda is there but cannot be loaded"):
        planner = ExportedPlanner(exported)
    assert planner.provider == "cpu"
    assert planner.plan(FRAME, ["push the green cup forward"], [0]).frames.shape == (1, 8, 64, 64, 3)


def test_what_a_gpu_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told = providers.provider_options
    assert told("cpu", "a", 1, True, 2) == told("cuda", "a", None, False, 2) == {}
    assert told("cuda", "a", 1, True, 2) == {"enable_cuda_graph": "1"}
    engines = told("tensorrt", "a", 1, True, 2)
    assert engines["trt_cuda_graph_enable"] and engines["trt_engine_cache_enable"]
    assert Path(engines["trt_engine_cache_path"]).is_relative_to(tmp_path)


def test_openvino_is_told_the_precision_and_the_threads() -> None:
    told = providers.provider_options("openvino", "a", 1, False, 3)
    on_cpu = json.loads(told["load_config"])["CPU"]
    assert on_cpu == {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 3}
