"""What transfers share: the network on a device, and kernels that are compiled."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analogy.network.features import FeatureExtractor
    from analogy.network.layers import Network
    from analogy.parameters import Parameters


class Session:
    """A network on a device, loaded once for any number of transfers.

    Hand it to :func:`analogy.transfer` and the others as `session`. Nothing is loaded before the
    first transfer asks for it.

    Parameters
    ----------
    model : path, optional
        ONNX weights, by default the bundled ones.
    device : "auto", "cuda" or "cpu"
    memory : int, optional
        Bytes that a transfer on the CPU may take, all that the process holds included; by default
        what the machine has free.

    Raises
    ------
    AnalogyError
        When first used, if the model or the device cannot be.
    """

    def __init__(
        self,
        model: str | os.PathLike | None = None,
        device: str = "auto",
        memory: int | None = None,
        compiles_beside: bool = False,
    ) -> None:
        self._model, self._device, self._memory = model, device, memory
        self._compiles_beside = compiles_beside
        self._warm: set[Parameters] = set()

    @cached_property
    def target(self) -> Any:
        """Where it computes: `CPU` or `CUDA` of `analogy_kernels.target`."""
        # Numba takes a second to import, and bad input should not wait for it.
        from analogy.system.device import resolve

        return resolve(self._device)

    @cached_property
    def network(self) -> Network:
        """Layers that deconvolution passes through, a `Network`."""
        from analogy.network.layers import Network

        return Network.load(self._path)

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """What takes images to features, a `FeatureExtractor`."""
        from analogy.network.features import FeatureExtractor

        # On a device it is ONNX Runtime that loads it.
        network = None if self.target.is_cuda else self.network
        return FeatureExtractor(self._path, self._device, network)

    @property
    def free_memory(self) -> int | None:
        """Bytes that a transfer may take, or None for what the machine has free."""
        return self.target.free_memory() if self.target.is_cuda else self._memory

    def warm_up(self, parameters: Parameters) -> None:
        """Have the kernels compiled that `parameters` ask for; only the first time takes time."""
        from numba import config

        from analogy.method.warm_up import warm_up, warm_up_beside

        if parameters in self._warm:
            return
        if self._compiles_beside and not self.target.is_cuda and config.NUMBA_NUM_THREADS > 1:
            warm_up_beside(parameters)
        else:
            warm_up(parameters, self.target)
        self._warm.add(parameters)

    @property
    def _path(self):
        from analogy.model import bundled_path

        return bundled_path() if self._model is None else self._model
