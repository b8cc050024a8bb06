"""Compilation of a transfer's kernels ahead of it, so that no stage waits for it unannounced."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from analogy.method.coarse import coarse_matches
from analogy.method.confidence import round_trips
from analogy.method.deconvolution import deconvolve, prepare
from analogy.method.full_size import vote_at_full_size
from analogy.method.reconstruction import blend_with_content
from analogy.method.search import LevelFeatures, initial_matches, search_matches
from analogy.method.subpixel_refinement import refine_matches
from analogy.network.layers import Convolution, MaxPool
from analogy.parameters import LEVELS
from analogy_kernels.imaging.vote import vote, vote_field
from analogy_kernels.imaging.warp import warp
from analogy_kernels.matching.sketch import sketches_of
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.solvers.wls import wls

# Large enough that the whole map and the pooled one take both ways through the convolution, on the
# CPU and on a device.
_SIDE, _DEVICE_SIDE = 80, 192

# A thin first layer, as the network has it, and wide ones.
_CHANNELS = (3, 16, 16, 16)


def warm_up(parameters, target):
    """Run the kernels that `parameters` ask for on small maps.

    The first time on a machine this compiles them, which takes up to a minute on the CPU; later
    they come out of Numba's cache within a second.
    """
    generator = np.random.default_rng(0)
    side = _DEVICE_SIDE if target.is_cuda else _SIDE
    shape = side, side
    image = target.asarray(generator.integers(0, 256, (*shape, 3)).astype(np.uint8))
    thin, features = (
        target.asarray(generator.random((*shape, channels), np.float32)) for channels in (3, 16)
    )

    # Copies of B' are held against A by votes, too.
    if parameters.coarse_matching == "hough" or parameters.pose != "none":
        coarse = {
            level: target.asarray(generator.random((side, side, 16), np.float32))
            for level, side in ((4, 8), (5, 4))
        }
        coarse_matches(coarse, coarse)
    matches = initial_matches(shape, shape, parameters, target)
    colours = (thin, thin) if parameters.colour_weight > 0 else None
    # What any level charges for is charged for here.
    charging = replace(parameters, evenness=(max(parameters.evenness),) * len(LEVELS))
    matches = search_matches(
        LevelFeatures(*[features] * 4), matches, 5, charging, reach=1, colours=colours
    )
    # Maps of as many channels as have sketches.
    sketches_of(*[target.asarray(generator.random((8, 8, 128), np.float32))] * 2)
    round_trips(matches)
    nnf = upsample_nnf(matches.ab, shape, shape)
    host, votes = target.to_host(image), (parameters.vote_side, parameters.vote_width)
    # Where an image is larger than it was matched, matches follow its edges.
    for times in (1, 2):
        larger = host.repeat(times, axis=0).repeat(times, axis=1)
        vote_at_full_size(nnf, larger, host, (times, times), (1, 1), *votes)
    if parameters.refines_matches:
        field, _ = refine_matches(host, host, nnf, nnf, parameters)
        vote_field(image, field, parameters.vote_side)
    blend_with_content(features, vote(warp(features, nnf), nnf, 3), 1, parameters)
    half = target.asarray(generator.random((side // 2, side // 2, 16), np.float32))
    deconvolve(prepare(_layers(generator), 1, target), half, thin, iterations=2, tolerance=0.0)
    if parameters.refine:
        wls(thin, target.asarray(generator.random(shape, np.float32)))


def _layers(generator):
    convolutions = [
        Convolution(
            "convolution",
            generator.random((3, 3, *channels), np.float32),
            np.zeros(channels[1], np.float32),
        )
        for channels in pairwise(_CHANNELS)
    ]
    return [*convolutions[:-1], MaxPool("pool"), convolutions[-1]]
