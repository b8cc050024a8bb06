"""Deep image analogy, algorithm 1 of the paper: two images in, two images and two flows out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analogy.coarse import coarse_matches, hold_to
from analogy.deconvolution import prepare
from analogy.device import resolve
from analogy.features import FeatureExtractor
from analogy.images import as_image, matching_shape, resize
from analogy.memory import check_memory
from analogy.model import bundled_path
from analogy.network import Network
from analogy.parameters import LEVELS, Parameters
from analogy.progress import Progress
from analogy.reconstruction import blend_with_content, deconvolve_detail, resample_detail
from analogy.record import run_record
from analogy.search import Matches, initial_matches, search_matches
from analogy.warm_up import warm_up
from kernels.target import target_of
from kernels.upsample import upsample_nnf
from kernels.vote import vote

_PREPARATION = "preparing kernels (compiling, the first time)"

# Seconds at 448x448 on two CPU cores: what the progress bar expects of each stage.
_SEARCH_SHARES = {5: 0.1, 4: 0.2, 3: 0.4, 2: 1.8, 1: 5.2}
_RECONSTRUCTION_SHARES = {5: 24.0, 4: 16.0, 3: 16.0, 2: 7.0}


@dataclass(frozen=True)
class Analogy:
    """Result of a transfer.

    Attributes
    ----------
    a_prime : uint8 array, (height of A, width of A, 3)
        A in the look of B'.
    b : uint8 array, (height of B', width of B', 3)
        B' in the look of A.
    flow_ab, flow_ba : float32 arrays, (height, width, 2)
        From each pixel of A to its match in B' and the reverse, (dx, dy) in pixels.
    record : dict
        What was run, on what, and how long it took; ready for JSON.
    """

    a_prime: np.ndarray
    b: np.ndarray
    flow_ab: np.ndarray
    flow_ba: np.ndarray
    record: dict


@dataclass(frozen=True)
class LevelState:
    """What a transfer knows when it has searched a level; arrays lie where it computes.

    Attributes
    ----------
    level : int
    matches : Matches
    a_prime, b : float32 arrays, (height, width, channels)
        Features of A' and B that were matched.
    """

    level: int
    matches: Matches
    a_prime: Any
    b: Any


def transfer(
    a, b_prime, parameters=None, *, model=None, device="auto", progress=None, on_level=None
):
    """Exchange the looks of two images that show the same kind of thing.

    Parameters
    ----------
    a, b_prime : arrays, (height, width, 3)
        RGB images, uint8 or floats in [0, 1]; grey and RGBA images are understood too.
    parameters : Parameters, optional
    model : path, optional
        ONNX weights, by default the bundled ones.
    device : "auto", "cuda" or "cpu"
    progress : callable, (fraction in [0, 1], text) -> None, optional
    on_level : callable, LevelState -> None, optional
        Told of each level when it has been searched.

    Returns
    -------
    Analogy

    Raises
    ------
    AnalogyError
        If an image, the model or the device cannot be used; the message says what to do.
    """
    parameters = parameters or Parameters()
    a, b_prime = as_image(a, "a"), as_image(b_prime, "b_prime")
    small_a, small_b_prime = (
        resize(image, matching_shape(image.shape[:2], parameters.ratio, parameters.max_side, name))
        for image, name in ((a, "a"), (b_prime, "b_prime"))
    )
    target = resolve(device)
    available = target.free_memory() if target.is_cuda else None
    check_memory(a.shape[:2], b_prime.shape[:2], parameters.ratio, parameters.max_side, available)
    progress = Progress(progress, _expected_shares(parameters))
    model = bundled_path() if model is None else model

    with progress.stage("features"):
        network = Network.load(model)
        features, used = _extract(model, device, small_a, small_b_prime)
    with progress.stage(_PREPARATION):
        warm_up(parameters, target)
    matches, deconvolutions = match_features(*features, network, parameters, progress, on_level)
    with progress.stage("vote"):
        level = parameters.finest_level
        nnf_ab = _at_full_size(matches.ab, level, small_a, a, small_b_prime, b_prime)
        nnf_ba = _at_full_size(matches.ba, level, small_b_prime, b_prime, small_a, a)
        put, fetch = target.asarray, target.to_host
        a_prime = fetch(vote(put(b_prime), nnf_ab, parameters.vote_side))
        b = fetch(vote(put(a), nnf_ba, parameters.vote_side))
        flows = [_flow(fetch(nnf)) for nnf in (nnf_ab, nnf_ba)]

    record = run_record(parameters, network, used, progress, deconvolutions)
    return Analogy(a_prime, b, *flows, record)


def _extract(model, device, *images):
    """Features of images, and what computed them; the network's own memory is free again."""
    extractor = FeatureExtractor(model, device)
    used = {"device": extractor.device, "providers": list(extractor.providers)}
    return [extractor(image) for image in images], used


def match_features(features_a, features_b_prime, network, parameters, progress, on_level=None):
    """Match the features of two images from level 5 down to 1.

    Parameters
    ----------
    features_a, features_b_prime : sequences of six float32 arrays, (height, width, channels)
        By level; the image as the network's first layer takes it is level 0.
    network : Network
    parameters : Parameters
    progress : Progress
    on_level : callable, LevelState -> None, optional

    Returns
    -------
    matches : Matches
        At the finest level of `parameters`.
    deconvolutions : dict, (level, "a_prime" or "b") -> Deconvolution
    """
    a, b_prime = features_a, features_b_prime
    a_prime, b = a[5], b_prime[5]
    on = target_of(a_prime, b)
    matches = initial_matches(a_prime.shape[:2], b.shape[:2], parameters, on)
    deconvolutions = {}
    coarse = {}
    for level in LEVELS:
        if parameters.independent_levels:
            matches = initial_matches(a[level].shape[:2], b_prime[level].shape[:2], parameters, on)
        with progress.stage("search", level):
            if level == 5 and _is_matched_by_votes(parameters):
                coarse = coarse_matches(a, b_prime)
            if level in coarse or parameters.independent_levels:
                a_prime, b = a[level], b_prime[level]
            start = coarse.get(level, matches)
            sides = a[level], a_prime, b, b_prime[level]
            if level in coarse:
                matches = search_matches(*sides, start, level, parameters, iterations=0)
            else:
                matches = search_matches(*sides, start, level, parameters)
                if coarse and parameters.reach is not None:
                    held = hold_to(start, matches, parameters.reach)
                    matches = search_matches(*sides, held, level, parameters, iterations=0)
        if on_level:
            on_level(LevelState(level, matches, a_prime, b))
        if level == parameters.finest_level:
            break
        if _is_reconstructed(level, parameters):
            with progress.stage("reconstruction", level) as tick:
                a_prime, b, found = _reconstruct_both(
                    a, b_prime, matches, network, level, parameters, tick
                )
            deconvolutions |= found
        shape_a, shape_b = a[level - 1].shape[:2], b_prime[level - 1].shape[:2]
        matches = Matches(
            upsample_nnf(matches.ab, shape_a, shape_b), upsample_nnf(matches.ba, shape_b, shape_a)
        )
    return matches, deconvolutions


def _is_matched_by_votes(parameters):
    return parameters.coarse_matching == "hough" and not parameters.independent_levels


def _is_reconstructed(level, parameters):
    """Tell whether the level below asks for features of A' and B made from this one's matches."""
    if parameters.independent_levels or level <= parameters.finest_level:
        return False
    return level < 5 or not _is_matched_by_votes(parameters)


def _reconstruct_both(a, b_prime, matches, network, level, parameters, tick):
    """Features of A' and B one level below `level`, and how their deconvolutions went."""
    if parameters.reconstruction == "resampling":
        detail_of_b_prime = resample_detail(a, b_prime, matches.ab, level)
        detail_of_a = resample_detail(b_prime, a, matches.ba, level)
        found = {}
    else:
        layers = _layers_below(network, level, parameters.deconv_depth, target_of(a[level]))
        forward = deconvolve_detail(
            a, b_prime, matches.ab, level, layers, parameters, lambda part: tick(part / 2)
        )
        reverse = deconvolve_detail(
            b_prime, a, matches.ba, level, layers, parameters, lambda part: tick((1 + part) / 2)
        )
        detail_of_b_prime, detail_of_a = forward.features, reverse.features
        found = {(level, "a_prime"): forward, (level, "b"): reverse}
    return (
        blend_with_content(a[level - 1], detail_of_b_prime, level - 1, parameters),
        blend_with_content(b_prime[level - 1], detail_of_a, level - 1, parameters),
        found,
    )


def _layers_below(network, level, depth, target):
    kept = len(network.layers(level - depth, level - 1)) if depth > 1 else 0
    return prepare(network.layers(level - depth, level), kept, target)


def _at_full_size(nnf, level, small, image, other_small, other_image):
    """Matches between the images themselves, of those at a level of smaller ones."""
    return upsample_nnf(
        nnf,
        image.shape[:2],
        other_image.shape[:2],
        scale=_scale(level, small, image),
        other_scale=_scale(level, other_small, other_image),
    )


def _scale(level, small, image):
    stride = 2 ** (level - 1)
    return tuple(stride * image.shape[axis] / small.shape[axis] for axis in range(2))


def _flow(nnf):
    """Displacements (dx, dy) of a field of positions (y, x)."""
    height, width = nnf.shape[:2]
    y, x = np.mgrid[:height, :width]
    return np.stack([nnf[..., 1] - x, nnf[..., 0] - y], axis=-1).astype(np.float32)


def _expected_shares(parameters):
    """What each stage costs of a whole run, measured on two CPU cores."""
    shares = {("features", None): 2.0, (_PREPARATION, None): 0.5, ("vote", None): 0.1}
    finest = parameters.finest_level
    shares |= {("search", level): _SEARCH_SHARES[level] for level in LEVELS if level >= finest}
    return shares | {
        ("reconstruction", level): cost
        for level, cost in _RECONSTRUCTION_SHARES.items()
        if _is_reconstructed(level, parameters)
    }
