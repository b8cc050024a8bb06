"""Compilation of a transfer's kernels ahead of it, so that no stage waits for it unannounced."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from analogy.method.coarse import coarse_matches
from analogy.method.confidence import round_trips
from analogy.method.deconvolution import deconvolve, prepare
from analogy.method.full_size import vote_at_full_size
from analogy.method.reconstruction import blend_with_content
from analogy.method.search import LevelFeatures, initial_matches, search_matches
from analogy.method.subpixel_refinement import refine_matches
from analogy.network.layers import Convolution, MaxPool
from analogy.parameters import LEVELS, Parameters
from analogy.system.compiling import told_of_compiling
from analogy_kernels.imaging.vote import vote, vote_field
from analogy_kernels.imaging.warp import warp
from analogy_kernels.matching.initialize import identity_nnf
from analogy_kernels.matching.sketch import sketches_of
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.solvers.wls import wls
from analogy_kernels.target import CPU

# Large enough that the whole map and the pooled one take both ways through the convolution, on the
# CPU and on a device.
_SIDE, _DEVICE_SIDE = 80, 192

# A search takes the same kernels for maps of any size, and more time for larger ones.
_SEARCHED_SIDE = 16

# A thin first layer, as the network has it, and wide ones.
_CHANNELS = (3, 16, 16, 16)


def warm_up(parameters, target):
    """Run the kernels that `parameters` ask for on small maps.

    The first time on a machine this compiles them, which takes up to two minutes on the CPU; later
    they come out of Numba's cache within a second.
    """
    for step in _WarmUp(parameters, target).steps():
        step()


def warm_up_beside(parameters):
    """The same on the CPU, with another process that compiles as soon as something has to be.

    It begins with what comes last here. What it has compiled by the time this process comes to it
    is read from Numba's cache.
    """
    with _Helper(parameters) as helper, told_of_compiling(helper.start):
        warm_up(parameters, CPU)


class _Helper:
    """Another process that warms up from the last step to the first, once it is started."""

    def __init__(self, parameters):
        self._parameters, self._process = parameters, None

    def __enter__(self):
        return self

    def start(self):
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, pickle.dumps(self._parameters).hex()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Where this process imports from, however it was started.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def __exit__(self, *_):
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


@dataclass(frozen=True)
class _WarmUp:
    """Steps of a warm-up, each of which needs nothing of the others."""

    parameters: Parameters
    target: Any

    def steps(self):
        """In an order in which both ends take about as long to compile."""
        return (
            self.search,
            self.pose_votes,
            self.results,
            self.refinement,
            self.blending,
            self.deconvolution,
        )

    def search(self):
        shape = (_SEARCHED_SIDE,) * 2
        matches = initial_matches(shape, shape, self.parameters, self.target)
        features = self._array(*shape, 16)
        colours = (self._array(*shape, 3),) * 2 if self.parameters.colour_weight > 0 else None
        # What any level charges for is charged for here.
        evenness = (max(self.parameters.evenness),) * len(LEVELS)
        charging = replace(self.parameters, evenness=evenness)
        maps = LevelFeatures(*[features] * 4)
        round_trips(search_matches(maps, matches, 5, charging, reach=1, colours=colours))
        # Maps of as many channels as have sketches.
        sketches_of(*[self._array(8, 8, 128)] * 2)

    def pose_votes(self):
        # Copies of B' are held against A by votes, too.
        if self.parameters.coarse_matching == "hough" or self.parameters.pose != "none":
            coarse = {level: self._array(side, side, 16) for level, side in ((4, 8), (5, 4))}
            coarse_matches(coarse, coarse)

    def results(self):
        host, nnf = self._image(), upsample_nnf(self._matches(), self._shape, self._shape)
        votes = self.parameters.vote_side, self.parameters.vote_width
        # Where an image is larger than it was matched, matches follow its edges.
        for times in (1, 2):
            larger = host.repeat(times, axis=0).repeat(times, axis=1)
            vote_at_full_size(nnf, larger, host, (times, times), (1, 1), *votes)

    def refinement(self):
        if self.parameters.refines_matches:
            host, nnf = self._image(), self._matches()
            field, _ = refine_matches(host, host, nnf, nnf, self.parameters)
            vote_field(self.target.asarray(host), field, self.parameters.vote_side)
        if self.parameters.refine:
            wls(self._map(3), self._array(*self._shape))

    def blending(self):
        features, nnf = self._map(16), self._matches()
        blend_with_content(features, vote(warp(features, nnf), nnf, 3), 1, self.parameters)

    def deconvolution(self):
        layers = prepare(_layers(np.random.default_rng(0)), 1, self.target)
        half = self._array(*(side // 2 for side in self._shape), 16)
        deconvolve(layers, half, self._map(3), iterations=2, tolerance=0.0)

    @property
    def _shape(self):
        return (_DEVICE_SIDE if self.target.is_cuda else _SIDE,) * 2

    def _matches(self):
        return identity_nnf(self._shape, self._shape, self.target)

    def _map(self, channels):
        return self._array(*self._shape, channels)

    def _array(self, *shape):
        return self.target.asarray(np.random.default_rng(0).random(shape, np.float32))

    def _image(self):
        return np.random.default_rng(0).integers(0, 256, (*self._shape, 3), np.uint8)


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


if __name__ == "__main__":
    for last in reversed(_WarmUp(pickle.loads(bytes.fromhex(sys.argv[1])), CPU).steps()):
        last()
