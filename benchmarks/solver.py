"""Deconvolution's solver: what its stopping early changes, and what it saves.

A transfer whose every deconvolution runs for 100 iterations is the reference. The solver's defaults
are to come as near to it as the same 100 iterations from another random seed do. The transfers are
those of the preset `matches`, whose search is held close to its coarse matches: differences are
then the solver's more than the search's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from skimage.metrics import peak_signal_noise_ratio

from analogy import transfer
from analogy.images import matching_shape, read_image, resize
from analogy.model import bundled_path
from analogy.network.layers import Network
from analogy.parameters import PRESETS
from benchmarks.convolution import direct_flops
from benchmarks.images import all_pairs
from benchmarks.table import Figure, at_least, at_most

_ITERATIONS = 100
_WORK = 0.25
_WITHIN = 1.0

_DISTANCES = {"PSNR of A'": "dB", "PSNR of B": "dB", "within 1 px": "%"}


def measure(*, pairs, ratio):
    """Distances from the reference, averaged over pairs shrunk by a ratio.

    Parameters
    ----------
    pairs : int
        How many of those that there are.
    ratio : float

    Returns
    -------
    list of Figure
    """
    named = list(all_pairs().items())[:pairs]
    network = Network.load(bundled_path())
    measured = [_compare(network, *map(_shrink(ratio), paths)) for _, paths in named]
    figures = []
    for (name, _), (distances, share) in zip(named, measured, strict=True):
        figures += _of_pair(name, distances, share)
    gains = np.mean([own - other for (own, other), _ in measured], axis=0)
    figures += [
        Figure("solver", f"mean: {what}, less other's", gain, unit, at_least(0))
        for (what, unit), gain in zip(_DISTANCES.items(), gains, strict=True)
    ]
    work = float(np.mean([share for _, share in measured]))
    return [*figures, Figure("solver", "mean: work / reference's", work, "", at_most(_WORK))]


def _shrink(ratio):
    def read(path):
        image = read_image(path)
        return resize(image, matching_shape(image.shape[:2], ratio, None, str(path)))

    return read


def _compare(network, a, b_prime):
    """Distances of the defaults and of the other seed, and the defaults' share of the work."""
    usual = PRESETS["matches"]
    exhaustive = replace(usual, deconv_iterations=_ITERATIONS, deconv_tolerance=0.0)
    reference = transfer(a, b_prime, exhaustive, device="cpu")
    other = transfer(a, b_prime, replace(exhaustive, seed=1), device="cpu")
    own = transfer(a, b_prime, usual, device="cpu")
    distances = [distance(result, reference) for result in (own, other)]
    own_work, all_work = (work(result, network) for result in (own, reference))
    return distances, own_work / all_work


def _of_pair(name, distances, share):
    own, other = distances
    for (what, unit), ours, theirs in zip(_DISTANCES.items(), own, other, strict=True):
        yield Figure("solver", f"{name}: {what}", ours, unit)
        yield Figure("solver", f"{name}: {what}, other", theirs, unit)
    yield Figure("solver", f"{name}: work / reference's", share)


def distance(result, reference):
    """PSNR of A' and of B in dB, and percentage of the matches of both within a pixel."""
    near = [
        np.linalg.norm(flow - expected, axis=-1).ravel() <= _WITHIN
        for flow, expected in (
            (result.flow_ab, reference.flow_ab),
            (result.flow_ba, reference.flow_ba),
        )
    ]
    # Of images that are the same it is infinite.
    with np.errstate(divide="ignore"):
        psnr_a_prime = peak_signal_noise_ratio(reference.a_prime, result.a_prime)
        psnr_b = peak_signal_noise_ratio(reference.b, result.b)
    return np.array([psnr_a_prime, psnr_b, 100 * np.concatenate(near).mean()])


def work(result, network):
    """Operations of a transfer's deconvolutions: forward and backward in every evaluation."""
    sizes = [dict(zip(("a_prime", "b"), pair, strict=True)) for pair in result.record["sizes"]]
    depth, total = result.record["parameters"]["deconv_depth"], 0
    for run in result.record["deconvolution"]:
        bottom = run["level"] - depth
        layers = network.layers(bottom, run["level"])
        shape = level_shape(sizes[run["scale"]][run["image"]], bottom)
        total += 2 * run["evaluations"] * direct_flops(layers, shape)
    return total


def level_shape(shape, level):
    """Size of an image's features at a level; level 0, the image, has that of level 1."""
    for _ in range(1, level):
        shape = tuple((side + 1) // 2 for side in shape)
    return shape
