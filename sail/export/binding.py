"""A session with a fixed place for all that goes in and comes out, filled anew for every run.

Nothing is allocated while planning, what one model gives to the next stays on its device, and a provider may
record the run as a CUDA graph, which wants every address to stay the same. Without torch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray


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
