"""Keras weights in HDF5: ``vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5`` and its like."""

from __future__ import annotations

from contextlib import contextmanager

import h5py

from analogy.model.readers import Tensor


@contextmanager
def open_tensors(path):
    """Open every dataset of an HDF5 file, named by its path in the file."""
    with h5py.File(path, "r") as file:
        datasets = {}

        def collect(name, item):
            if isinstance(item, h5py.Dataset):
                datasets[name] = Tensor(item.shape, lambda: item[()])

        file.visititems(collect)
        yield datasets
