"""Models as ONNX, and what runs them without torch."""
