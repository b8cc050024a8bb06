"""Keras weights in HDF5: ``vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5`` and its like."""

from __future__ import annotations

import math
from contextlib import contextmanager
from functools import partial

import h5py

from analogy.model.readers import Tensor, check_numbers

# A chunk is unpacked whole, however little of it belongs to the dataset.
_MOST_CHUNK_BYTES = 2**26


@contextmanager
def open_tensors(path):
    """Open every dataset of an HDF5 file, named by its path in the file."""
    with h5py.File(path, "r") as file:
        datasets = {}

        def collect(name, item):
            if isinstance(item, h5py.Dataset):
                datasets[name] = Tensor(item.shape or (), partial(_load, item))

        file.visititems(collect)
        yield datasets


def _load(dataset):
    check_numbers(dataset.dtype)
    # Either would have HDF5 open other files than this one.
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{dataset.name} lies in another file")
    if math.prod(dataset.chunks or ()) * dataset.dtype.itemsize > _MOST_CHUNK_BYTES:
        raise ValueError(f"{dataset.name} has chunks of shape {dataset.chunks}")
    return dataset[()]
