"""Graphs in fewer bits compute about the same, and really in fewer bits."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from sail.export.folder import PLAN
from sail.export.graphs import halve, quantise

RNG = np.random.default_rng(0)


def feed() -> dict[str, np.ndarray]:
    return {
        "frames": RNG.integers(0, 256, (1, 64, 64, 3), np.uint8),
        "text": RNG.normal(size=(1, 16, 384)).astype(np.float32),
        "noise": RNG.normal(size=(1, 8, 4, 8, 8)).astype(np.float32),
        "guidance": np.full(1, 2.0, np.float32),
    }


def latents(path: Path, given: dict[str, np.ndarray]) -> np.ndarray:
    found: np.ndarray = onnxruntime.InferenceSession(str(path)).run(["latents"], given)[0]
    return found


def kinds(path: Path) -> Counter[int]:
    """How many weights there are of each type."""
    return Counter(one.data_type for one in onnx.load(path).graph.initializer)


@pytest.fixture
def plan(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(exported / PLAN, tmp_path / PLAN))


def test_half(plan: Path) -> None:
    given, whole = feed(), plan.stat().st_size
    expected = latents(plan, given)
    halve(plan)
    error = np.linalg.norm(latents(plan, given) - expected) / np.linalg.norm(expected)
    assert 0.0 < error < 2e-3
    assert kinds(plan)[onnx.TensorProto.FLOAT16] > 50 and plan.stat().st_size < 0.75 * whole
    products = [node for node in onnx.load(plan).graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    assert all(name.endswith("_half") for node in products for name in node.input if name)


def test_eight_bits(plan: Path) -> None:
    given = feed()
    expected = latents(plan, given)
    quantise(plan, [feed() for _ in range(4)])
    error = np.linalg.norm(latents(plan, given) - expected) / np.linalg.norm(expected)
    assert 0.0 < error < 0.1
    assert kinds(plan)[onnx.TensorProto.INT8] > 10
    assert [path.name for path in plan.parent.iterdir()] == [PLAN]
