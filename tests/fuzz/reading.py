"""What `analogy.model.conversion.convert` does with a file, but for asking whether it is VGG."""

import math
from importlib import import_module

import numpy as np

from analogy.model import conversion

# Larger tensors are never loaded: their shapes are not the network's.
LARGEST = 512 * 512 * 9


def read_every_tensor(path):
    """Read all tensors of another program's weights."""
    reader = import_module(f"analogy.model.readers.{conversion._READERS[path.suffix]}")
    with conversion._malformed_told(path), reader.open_tensors(path) as tensors:
        for tensor in tensors.values():
            if math.prod(tensor.shape) <= LARGEST:
                np.asarray(tensor.load())
