"""Features by ONNX Runtime, which is what computes them on a device."""

from __future__ import annotations

import contextlib
import io
import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from analogy.errors import AnalogyError
from analogy.model.architecture import LEVELS, OUTPUTS, REMEDY, channels_at
from analogy.network.onnx_runtime import onnxruntime
from analogy_kernels.target import CPU

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"

_CUDA_OPTIONS = {
    # TF32 keeps ten bits: matches would differ from the CPU's.
    "use_tf32": "0",
    # Trying every algorithm pays over many runs; there are two.
    "cudnn_conv_algo_search": "HEURISTIC",
    # The rest of the memory is for the matching.
    "arena_extend_strategy": "kSameAsRequested",
}

# ONNX Runtime's scale of severities.
_FATAL_ONLY = 4


class OnnxFeatures:
    """The network in ONNX Runtime.

    Parameters
    ----------
    path : path-like
        ONNX file of this project's form.
    target : CPU or CUDA of `analogy_kernels.target`
        Where the features are put.

    Attributes
    ----------
    providers : tuple of str
        What ONNX Runtime really runs on, in its order of preference.

    Raises
    ------
    AnalogyError
        If the model cannot be used, or ONNX Runtime is installed twice.
    """

    def __init__(self, path: str | os.PathLike, target: Any) -> None:
        _check_installation()
        self._target, self._session = target, _session(path, target)
        self.providers = tuple(self._session.get_providers())

    def __call__(self, image: np.ndarray) -> tuple[Any, ...]:
        """Maps of an image; as :meth:`analogy.network.features.FeatureExtractor.__call__`."""
        on_cuda = _CUDA in self.providers
        maps = _empty_maps(image.shape[:2], self._target if on_cuda else CPU)
        planes = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)
        binding = self._session.io_binding()
        binding.bind_cpu_input("image", planes)
        for name, features in zip(OUTPUTS, maps, strict=True):
            binding.bind_output(
                name,
                "cuda" if on_cuda else "cpu",
                element_type=np.float32,
                shape=(1, *features.shape),
                buffer_ptr=_address(features),
            )
        # On CUDA: the image's copy runs on a stream of its own, and so do Numba's kernels.
        binding.synchronize_inputs()
        self._session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return maps if on_cuda else tuple(map(self._target.asarray, maps))

    def release(self) -> None:
        """Give back nothing: a session takes long to make."""


def _check_installation():
    installed = []
    for package in ("onnxruntime", "onnxruntime-gpu"):
        with contextlib.suppress(PackageNotFoundError):
            version(package)
            installed.append(package)
    if len(installed) > 1:
        raise AnalogyError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite one another; run: "
            "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"
        )


def _session(path, target):
    providers: list[Any] = [_CPU]
    # A build without CUDA would warn of a provider that it does not have.
    if target.is_cuda and _CUDA in onnxruntime.get_available_providers():
        _load_cuda_libraries()
        providers.insert(0, (_CUDA, _CUDA_OPTIONS))
    # Which providers loaded is asked of the session; ONNX Runtime need not tell it as well.
    onnxruntime.set_default_logger_severity(_FATAL_ONLY)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    # The arena would keep what a run took (180 MiB at 448x448) while the matching that follows
    # needs it, and two runs are too few for it to save time.
    options.enable_cpu_mem_arena = False
    # Where several processes share the cores, Numba is told how many are this one's; 0 is all.
    options.intra_op_num_threads = int(os.environ.get("NUMBA_NUM_THREADS") or 0)
    # They would poll for work while the kernels want the cores, which other programs want as well.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    # Its exceptions have nothing in common but this.
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise AnalogyError(f"{path}: ONNX Runtime cannot load it ({reason}); {REMEDY}") from error
    if tuple(output.name for output in session.get_outputs()) != OUTPUTS:
        raise AnalogyError(f"{path}: not VGG-19 in this program's form; {REMEDY}")
    return session


def _load_cuda_libraries():
    """Find CUDA and cuDNN where pip put them; what is missing shows in the session's providers."""
    with contextlib.suppress(AttributeError), contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()


def _empty_maps(shape, target):
    height, width = shape
    maps = [target.empty((height, width, channels_at(0)))]
    for level in LEVELS:
        maps.append(target.empty((height, width, channels_at(level))))
        height, width = (height + 1) // 2, (width + 1) // 2
    return tuple(maps)


def _address(array):
    interface = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    return interface["data"][0]
