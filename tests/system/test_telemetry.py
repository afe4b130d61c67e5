"""No library that we start tells anybody of this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNS = """
import {imports}
import numpy, onnx, onnxruntime
from onnx import TensorProto, helper
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString())
assert session.run(None, {{"x": numpy.ones(1, numpy.float32)}})[0] == -1
"""


@pytest.mark.parametrize("imports", ["sail", "sail_robot.acting"])
def test_onnx_runtime_writes_nothing_into_the_users_cache(imports: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ORT_")}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", RUNS.format(imports=imports)]
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert not [path for path in tmp_path.rglob("*") if "icrosoft" in str(path) or "onnxruntime" in str(path)]
