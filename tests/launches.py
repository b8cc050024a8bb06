"""The argument types with which the package launches its CUDA kernels.

The types decide what a device runs: a Python float would be a float64 there. Tests in the
simulator check that kernels are launched with these types and no others; the compilation test
compiles each kernel for each of them.
"""

import functools

from numba import boolean, float32, float64, int32, int64, types, uint8, uint32

from analogy_kernels import reduction
from analogy_kernels.imaging import blend, interpolate, vote, warp
from analogy_kernels.matching import (
    colour,
    consistency,
    correlation,
    displacements,
    exchange,
    guided,
    hough,
    initialize,
    labels,
    nearest,
    normalize,
    occurrence,
    patch_cost,
    patchmatch,
    restrain,
    smooth,
    subpixel,
    upsample,
)
from analogy_kernels.network import implicit_gemm, pooling
from analogy_kernels.solvers import elimination, vectors, wls

LINE, PLANE, MAP = float32[::1], float32[:, ::1], float32[:, :, ::1]
HALF_LINE, HALF_MAP = types.float16[::1], types.float16[:, :, ::1]
IMAGE, NNF, STAMPS = uint8[:, :, ::1], int32[:, :, ::1], int32[:, ::1]
OFFERS = int64[:, ::1]
LABELS, PLACES, BOUNDS = int32[:, ::1], int32[::1], types.UniTuple(int64, 4)

# A layer's source and mask, its channels, filters, bias and result, run together, and its shape.
CONVOLUTION = (LINE, LINE, int64, LINE, LINE, LINE, int64, int64, int64)


def matching(map_, pairs):
    """Maps, their channels, and what goes with them: sketches, labels and the patch."""
    maps, channels = types.UniTuple(map_, pairs), types.UniTuple(int64, pairs)
    fields = (LINE, LINE, int64, LABELS, LABELS, *[int64] * 5, float32, PLANE, PLANE)
    fields += (PLANE, MAP, NNF, float32, float32, *[int64] * 4)
    return maps, maps, channels, types.NamedTuple(fields, patchmatch.Problem)


def searches():
    """Kernels of the search: by inner products of a pair and of two, of float16, by a cost."""
    for maps, kernels in (
        (matching(LINE, 1), patchmatch.search_kernels()),
        (matching(LINE, 2), patchmatch.search_kernels(2)),
        (matching(HALF_LINE, 1), patchmatch.search_kernels()),
        (matching(MAP, 1), patchmatch.search_kernels(1, patch_cost.squared_difference)),
        (matching(MAP, 1), patchmatch.search_kernels(1, patch_cost.normalised_correlation)),
    ):
        fields = NNF, STAMPS
        yield kernels.start.cuda, (*maps, NNF, *fields, PLANE)
        yield kernels.propagate.cuda, (*maps, *fields, *fields, PLANE, int64, int64, int64)
        yield kernels.search.cuda, (*maps, *fields, PLANE, int64, int64, int64)
    for maps, cost in (
        (matching(LINE, 2), None),
        (matching(MAP, 1), patch_cost.squared_difference),
    ):
        confined = patchmatch.search_kernels(len(maps[0]), cost, is_confined=True).search
        yield confined.cuda, (*maps, NNF, STAMPS, PLANE, int64, int64, int64)


def nearest_patches():
    """Kernels of the nearest patches: as those of the search."""
    found = int32[:, :, :, ::1], MAP
    for maps, kernel in (
        (matching(LINE, 1), nearest.nearest_kernel()),
        (matching(LINE, 2), nearest.nearest_kernel(2)),
        (matching(HALF_LINE, 1), nearest.nearest_kernel()),
        (matching(MAP, 1), nearest.nearest_kernel(1, patch_cost.squared_difference)),
        (matching(MAP, 2), nearest.nearest_kernel(2, patch_cost.squared_difference)),
    ):
        yield kernel.cuda, (*maps, *found)


def convolutions():
    """Kernels forward and backward: channels in fours or not, small maps, and down to an image."""
    gemm = implicit_gemm
    aligned, other = (gemm._read_four, gemm._write_four), (gemm._read_some, gemm._write_some)
    for tile, (read, write) in (
        (gemm.LARGE, aligned),
        (gemm.LARGE, other),
        (gemm.SMALL, aligned),
        (gemm.THIN, (gemm._read_four, gemm._write_some)),
    ):
        yield gemm._convolution(tile, gemm._unmasked(read), gemm._bias, gemm._relu, write)
        yield gemm._convolution(tile, gemm._masked(read), gemm._no_bias, gemm._linear, write)
    # Without ReLU.
    for read, write in (aligned, other):
        plain = gemm._unmasked(read)
        yield gemm._convolution(gemm.LARGE, plain, gemm._bias, gemm._linear, write)
        yield gemm._convolution(gemm.LARGE, plain, gemm._no_bias, gemm._linear, write)


# Every value that a map of an elimination is filled with.
ELIMINATION = (
    elimination._shares_of_colour,
    elimination._system_of_colour,
    elimination._shares_of_rows,
    elimination._system_of_rows,
    elimination._inverse_coefficient,
    elimination._restricted_to_colour,
    elimination._interpolated_to_colour,
    elimination._restricted_to_rows,
    elimination._corrected_by_rows,
    elimination._left_side,
    elimination._residual,
    elimination._first_step,
    elimination._step,
    elimination._divided,
)


LAUNCHES = [
    (blend._response_cuda, (MAP, PLANE)),
    (blend.weight_map_kernel(blend.sigmoid_weight).cuda, (PLANE, LINE, float32, PLANE)),
    (blend.weight_map_kernel(blend.hard_weight).cuda, (PLANE, LINE, float32, PLANE)),
    (blend._keep_content_cuda, (PLANE, PLANE)),
    (blend._blend_cuda, (MAP, MAP, PLANE, MAP)),
    (blend._blend_cuda, (HALF_MAP, HALF_MAP, PLANE, HALF_MAP)),
    (colour._append_colour_cuda, (MAP, float32, float32, boolean, int64, MAP)),
    *((kernel, CONVOLUTION) for kernel in convolutions()),
    (consistency._round_trip_cuda, (NNF, NNF, PLANE)),
    (exchange._clear_cuda, (OFFERS,)),
    (exchange._offer_cuda, (NNF, PLANE, LABELS, LABELS, PLANE, OFFERS)),
    (exchange._take_cuda, (NNF, PLANE, STAMPS, PLANE, int64, OFFERS)),
    (correlation._correlate_cuda, (PLANE, PLANE, PLANE)),
    (correlation._best_of_rows_cuda, (PLANE, LINE, int32[::1])),
    (correlation._best_of_columns_cuda, (PLANE, LINE, int32[::1])),
    (displacements._confine_cuda, (NNF, BOUNDS, int64, int64, NNF)),
    (guided._guided_cuda, (NNF, IMAGE, IMAGE, *[int64] * 3, *[float32] * 4, NNF)),
    (hough._sharpen_cuda, (PLANE, float32, PLANE)),
    (hough._balance_cuda, (PLANE, LINE, LINE, PLANE)),
    (hough._gather_cuda, (PLANE, LINE, *[types.UniTuple(int64, 4)] * 2, PLANE)),
    (hough._believe_cuda, (PLANE, PLANE, PLANE)),
    (hough._field_cuda, (int32[::1], int64, NNF)),
    *((elimination._fill_kernel(value).cuda, (MAP,) * 5) for value in ELIMINATION),
    (initialize._random_map_cuda, (uint32, float32, MAP)),
    (initialize._random_nnf_cuda, (uint32, BOUNDS, int64, int64, NNF)),
    (initialize._identity_nnf_cuda, (int64, int64, NNF)),
    (interpolate._interpolate_cuda, (MAP, float32, MAP)),
    (occurrence._matches_cuda, (NNF, STAMPS)),
    (occurrence._uses_cuda, (STAMPS, int64, STAMPS)),
    (occurrence._occurrence_cuda, (STAMPS, int64, float32, PLANE)),
    (occurrence._row_means_cuda, (PLANE, int64, PLANE)),
    (occurrence._less_means_cuda, (PLANE, int64, PLANE)),
    (occurrence._charge_cuda, (NNF, PLANE, PLANE, PLANE)),
    (normalize._normalize_cuda, (MAP, int64, float32, MAP)),
    (labels._legal_nnf_cuda, (NNF, LABELS, LABELS, PLACES, PLACES, uint32, NNF)),
    *searches(),
    *nearest_patches(),
    (pooling._maxpool_cuda, (MAP, MAP, IMAGE)),
    (pooling._maxpool_backward_cuda, (MAP, IMAGE, MAP)),
    (pooling._relu_maxpool_backward_cuda, (MAP, MAP, IMAGE, MAP)),
    (reduction._inner_products_cuda(9, 1), (PLANE, PLANE, float64[:, ::1])),
    (reduction._inner_products_cuda(1, 1), (PLANE, PLANE, float64[:, ::1])),
    (reduction._difference_cuda, (LINE, LINE, LINE, float64[:, ::1])),
    (reduction._sum_rows_cuda, (float64[:, ::1], float64[::1])),
    (reduction._minmax_cuda, (LINE, LINE, LINE, LINE)),
    (restrain._restrain_cuda, (NNF, NNF, int64, NNF)),
    (smooth._reliability_cuda, (NNF, NNF, PLANE)),
    (smooth._smooth_cuda, (MAP, PLANE, MAP, MAP)),
    (subpixel._as_field_cuda, (NNF, MAP)),
    (subpixel._linearise_cuda, (MAP, MAP, MAP, MAP)),
    (subpixel._solve_cuda, (MAP, MAP, MAP, MAP)),
    (subpixel._keep_better_cuda, (MAP, MAP, MAP, NNF, int64, float32, float32, MAP)),
    (upsample._upsample_nnf_cuda, (NNF, int64, int64, int64, *[float32] * 4, NNF)),
    (vectors._add_scaled_cuda, (LINE, float32, LINE, LINE)),
    (vectors.combine_kernel(9).cuda, (PLANE, types.UniTuple(float32, 9), int64)),
    (
        vectors.combine_and_step_cuda(9),
        (PLANE, types.UniTuple(float32, 9), int64, LINE, LINE),
    ),
    (vote._vote_cuda, (MAP, NNF, int64, float32, MAP)),
    (vote._vote_cuda, (IMAGE, NNF, int64, float32, IMAGE)),
    (vote._vote_cuda, (HALF_MAP, NNF, int64, float32, HALF_MAP)),
    *(
        (vote._weighted_vote_cuda, (map_, NNF, int64, PLANE, float32, map_))
        for map_ in (MAP, IMAGE, HALF_MAP)
    ),
    *(
        (vote._vote_alike_cuda, (map_, NNF, int64, float32, float32, map_))
        for map_ in (MAP, IMAGE, HALF_MAP)
    ),
    (vote._vote_field_cuda, (MAP, MAP, int64, float32, MAP)),
    (vote._vote_field_cuda, (IMAGE, MAP, int64, float32, IMAGE)),
    (warp._warp_cuda, (MAP, NNF, MAP)),
    (warp._warp_cuda, (IMAGE, NNF, IMAGE)),
    (warp._warp_cuda, (HALF_MAP, NNF, HALF_MAP)),
    (wls._system_cuda, (PLANE, float32, float32, float32, MAP)),
    (wls._planes_cuda, (MAP, MAP)),
    (wls._image_cuda, (MAP, MAP)),
]

# Kernels that work in float64 on the device, and why; all others must not.
DOUBLE_PRECISION = {
    "analogy_kernels.reduction._inner_products_cuda.<locals>.kernel": "adds a block's sums once",
    "analogy_kernels.reduction._difference_cuda": "adds a block's sums once",
    "analogy_kernels.reduction._sum_rows_cuda": "adds the blocks' sums",
}


def is_declared(kernel, signature):
    """Tell whether a kernel is declared with these types, or is none of the package's."""
    return not has_declared(kernel) or _any_length(signature) in _declared()[name(kernel)]


def has_declared(kernel):
    """Tell whether it is a kernel of the package, and no device function or one of a test."""
    return name(kernel) in _declared()


@functools.cache
def _declared():
    """Signatures by the names of their kernels."""
    found = {}
    for kernel, signature in LAUNCHES:
        found.setdefault(name(kernel), []).append(_any_length(signature))
    return found


def _any_length(signature):
    return [kind.dtype if isinstance(kind, types.UniTuple) else kind for kind in signature]


def name(kernel):
    """Give the module and qualified name of a kernel, in the simulator and out of it."""
    function = getattr(kernel, "py_func", None) or kernel.fn
    return f"{function.__module__}.{function.__qualname__}"
