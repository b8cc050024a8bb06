"""Filling holes in a photograph whose content is known.

This project's own belongs at the head of the contenders, as soon as it has one.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.peers.contest import Contender, Contest

PATCH_SIDE = 7

_WARM_UP_SIDE = 48

# Of the blocks, as a share of the image's side, and of the scratches, in pixels.
_BLOCK = 0.12
_SCRATCH = 3

_BLOCKS, _SCRATCHES = 4, 8


def contests(side):
    """The example photograph at `side` pixels, with blocks and with scratches missing."""
    return tuple(
        _contest(side, kind, holes)
        for kind, holes in (("blocks", blocks), ("scratches", scratches))
    )


def _contest(side, kind, holes):
    problem, image = _problem(side, holes)
    return Contest(
        f"Inpainting, {kind}, {side}x{side} pixels",
        (
            Contender("PyPatchMatch", by_pypatchmatch, "pypatchmatch"),
            Contender("patchmatch-cython", by_patchmatch_cython, "patchmatch-cython"),
            Contender("scikit-image biharmonic", by_biharmonic, "scikit-image"),
            Contender(
                "OpenCV Telea",
                by_opencv,
                "opencv-contrib-python-headless",
                {"method": "INPAINT_TELEA"},
            ),
            Contender(
                "OpenCV Navier-Stokes",
                by_opencv,
                "opencv-contrib-python-headless",
                {"method": "INPAINT_NS"},
            ),
            Contender("OpenCV shift map", by_shift_map, "opencv-contrib-python-headless"),
        ),
        problem,
        _problem(_WARM_UP_SIDE, holes)[0],
        partial(_judge, image, problem["holes"]),
        {"dB": max, "SSIM": max},
        (
            "dB: PSNR of the holes alone. SSIM: mean over the holes' pixels. A hole has many "
            "good fillings, and both measures favour blurred ones: look at the pictures.",
        ),
        _as_is,
    )


def by_pypatchmatch(image, holes, threads):
    import patchmatch

    patchmatch.set_random_seed(0)
    # It asks for the radius.
    return lambda: patchmatch.inpaint(image, holes, patch_size=PATCH_SIDE // 2)


def by_patchmatch_cython(image, holes, threads):
    from patchmatch_cython import inpaint_pyramid

    return lambda: inpaint_pyramid(image, holes, patch_size=PATCH_SIDE, seed=1)


def by_biharmonic(image, holes, threads):
    from skimage.restoration import inpaint_biharmonic

    def work():
        filled = inpaint_biharmonic(image, holes, split_into_regions=True, channel_axis=-1)
        return np.uint8(np.clip(np.round(255 * filled), 0, 255))

    return work


def by_opencv(image, holes, threads, method):
    import cv2

    cv2.setNumThreads(threads)
    mask = holes.astype(np.uint8)
    # Pixels around a hole's border that it looks at; its own examples' 3.
    return lambda: cv2.inpaint(image, mask, 3, getattr(cv2, method))


def by_shift_map(image, holes, threads):
    import cv2

    cv2.setNumThreads(threads)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2Lab)
    known = np.uint8(255 * ~holes)

    def work():
        filled = np.empty_like(lab)
        cv2.xphoto.inpaint(lab, known, filled, cv2.xphoto.INPAINT_SHIFTMAP)
        return cv2.cvtColor(filled, cv2.COLOR_Lab2RGB)

    return work


def blocks(side):
    """Square holes, bool (side, side)."""
    random, holes = np.random.default_rng(0), np.zeros((side, side), bool)
    width = round(_BLOCK * side)
    for y, x in random.integers(width, side - 2 * width, (_BLOCKS, 2)):
        holes[y : y + width, x : x + width] = True
    return holes


def scratches(side):
    """Straight strokes across the image, bool (side, side)."""
    from skimage.draw import line

    random, holes = np.random.default_rng(1), np.zeros((side, side), bool)
    for top, bottom in random.integers(side // 8, side - side // 8, (_SCRATCHES, 2)):
        ys, xs = line(side // 8, top, side - side // 8, bottom)
        for shift in range(_SCRATCH):
            holes[ys, xs + shift] = True
    return holes


def psnr_inside(image, filled, holes):
    """PSNR of the holes' pixels alone, in dB."""
    error = image[holes].astype(np.float64) - filled[holes]
    return float(20 * np.log10(255 / np.sqrt(np.mean(np.square(error)))))


def _judge(image, holes, filled):
    from skimage.metrics import structural_similarity

    _, likeness = structural_similarity(image, filled, channel_axis=-1, full=True)
    return {"dB": psnr_inside(image, filled, holes), "SSIM": float(likeness[holes].mean())}


def _problem(side, make_holes):
    from benchmarks.images import example_pair

    image, holes = example_pair(side, side)[0], make_holes(side)
    damaged = np.where(holes[..., None], np.uint8(0), image)
    return {"image": damaged, "holes": holes}, image


def _as_is(image):
    return image
