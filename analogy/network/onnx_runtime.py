"""ONNX Runtime, asked not to count its uses; after its import it is too late to ask."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["onnxruntime"]
