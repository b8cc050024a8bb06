"""Kernels with their launch geometry.

A :class:`Kernel` has a CPU dispatcher, a CUDA dispatcher of the same arguments, and the launch for
work of some extents, which each says in its module. On a device:

    blocks, threads = warp_kernel.launch(height, width * channels)
    warp_kernel.cuda[blocks, threads, stream](source, nnf, out)

and on the CPU:

>>> import numpy as np
>>> from analogy_kernels.launches import warp_kernel
>>> source = np.arange(4, dtype=np.float32).reshape(2, 2, 1)
>>> nnf, out = np.ones((2, 2, 2), np.int32), np.empty_like(source)
>>> warp_kernel.cpu(source, nnf, out)
>>> out.ravel().tolist()
[3.0, 3.0, 3.0, 3.0]

They check nothing: arrays have to fit each other, as the public functions ask of them. On a device
those that follow a field stay inside the map that it leads to.

Those whose name ends on ``kernel`` or ``kernels`` without being one are functions that make it.
"""

from analogy_kernels.imaging.blend import (
    blend_kernel,
    keep_content_kernel,
    response_kernel,
    weight_map_kernel,
)
from analogy_kernels.imaging.interpolate import interpolate_kernel
from analogy_kernels.imaging.vote import (
    vote_alike_colours_kernel,
    vote_alike_kernel,
    vote_field_kernel,
    vote_kernel,
    weighted_vote_kernel,
)
from analogy_kernels.imaging.warp import warp_kernel
from analogy_kernels.matching.colour import append_colour_kernel
from analogy_kernels.matching.consistency import round_trip_kernel
from analogy_kernels.matching.correlation import (
    best_of_columns_kernel,
    best_of_rows_kernel,
    correlate_kernel,
)
from analogy_kernels.matching.guided import guided_kernel
from analogy_kernels.matching.initialize import (
    identity_nnf_kernel,
    random_map_kernel,
    random_nnf_kernel,
)
from analogy_kernels.matching.labels import legal_nnf_kernel
from analogy_kernels.matching.normalize import normalize_kernel
from analogy_kernels.matching.restrain import restrain_kernel
from analogy_kernels.matching.search_kernels import search_kernels
from analogy_kernels.matching.smooth import reliability_kernel, smooth_kernel
from analogy_kernels.matching.subpixel import (
    as_field_kernel,
    keep_better_kernel,
)
from analogy_kernels.matching.upsample import upsample_nnf_kernel
from analogy_kernels.network.pooling import (
    maxpool2x2_backward_kernel,
    maxpool2x2_kernel,
    relu_maxpool2x2_backward_kernel,
)
from analogy_kernels.solvers.vectors import add_scaled_kernel, combine_kernel
from analogy_kernels.target import (
    Kernel,
    element_launch,
    launch_bounds,
    pixel_launch,
    vector_launch,
)

__all__ = [
    "Kernel",
    "add_scaled_kernel",
    "append_colour_kernel",
    "as_field_kernel",
    "best_of_columns_kernel",
    "best_of_rows_kernel",
    "blend_kernel",
    "combine_kernel",
    "correlate_kernel",
    "element_launch",
    "guided_kernel",
    "identity_nnf_kernel",
    "interpolate_kernel",
    "keep_better_kernel",
    "keep_content_kernel",
    "launch_bounds",
    "legal_nnf_kernel",
    "maxpool2x2_backward_kernel",
    "maxpool2x2_kernel",
    "normalize_kernel",
    "pixel_launch",
    "random_map_kernel",
    "random_nnf_kernel",
    "reliability_kernel",
    "relu_maxpool2x2_backward_kernel",
    "response_kernel",
    "restrain_kernel",
    "round_trip_kernel",
    "search_kernels",
    "smooth_kernel",
    "upsample_nnf_kernel",
    "vector_launch",
    "vote_alike_colours_kernel",
    "vote_alike_kernel",
    "vote_field_kernel",
    "vote_kernel",
    "warp_kernel",
    "weight_map_kernel",
    "weighted_vote_kernel",
]
