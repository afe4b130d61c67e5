"""Export to ONNX, and inference with exported models without torch."""
