"""Fill a hole in a picture with patches from the rest of it.

Coarse to fine, in turns: every patch that touches the hole looks for the most similar one that
lies wholly in what is known, and the patches found vote for the pixels of the hole (Wexler,
Shechtman and Irani, "Space-time completion of video", 2007, with the search of Barnes et al.,
"PatchMatch", 2009).

    python examples/inpainting.py examples/castle.png out.jpg --box 15 145 122 55
"""

import argparse

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt
from skimage.io import imread, imsave
from skimage.transform import resize

import analogy_kernels
from analogy_kernels.device import squared_difference

PATCH_SIDE = 7


def inpaint(image, hole, levels=5, iterations=16, seed=0):
    """Return an image, float32 (height, width, 3), with its hole, bool (height, width), filled."""
    sizes = [[side >> level for side in hole.shape] for level in reversed(range(levels))]
    # A map has to have room for patches beside the hole.
    sizes = [size for size in sizes[:-1] if min(size) >= 4 * PATCH_SIDE] + sizes[-1:]
    nnf = filled = None
    for level, shape in enumerate(sizes):
        known, holes = pyramid_level(image, hole, shape)
        # Labelled patches match labelled ones only: those that touch the hole, those that do not.
        touched = binary_dilation(holes, np.ones((PATCH_SIDE, PATCH_SIDE)))
        source_labels = analogy_kernels.label_map(touched.astype(np.int32))
        other_labels = analogy_kernels.label_map((~touched & inside(shape)).astype(np.int32))
        if nnf is None:
            nearest = distance_transform_edt(holes, return_distances=False, return_indices=True)
            filled, nnf = known[tuple(nearest)], analogy_kernels.identity_nnf(shape, shape)
        else:
            scale = tuple(np.divide(shape, sizes[level - 1]))
            nnf = analogy_kernels.upsample_nnf(nnf, shape, shape, scale, scale)
            filled = fill(known, holes, nnf)
        for turn in range(max(iterations >> level, 2)):
            nnf, _ = analogy_kernels.patchmatch(
                filled,
                known,
                PATCH_SIDE,
                start=analogy_kernels.legal_nnf(nnf, source_labels, other_labels, seed + turn),
                iterations=3,
                seed=seed + iterations * level + turn,
                labels=(source_labels.labels, other_labels.labels),
                cost=squared_difference,
            )
            filled = fill(known, holes, nnf)
    return filled


def pyramid_level(image, hole, shape):
    """Shrink what is known, each pixel the mean of those known below it; the rest is a hole."""
    weight = resize((~hole).astype(float), shape, anti_aliasing=True)
    total = resize(np.where(hole[..., None], 0, image), shape, anti_aliasing=True)
    known = np.where(weight[..., None] > 0.5, total / np.maximum(weight[..., None], 0.5), 0)
    return known.astype(np.float32), weight <= 0.5


def inside(shape):
    """Tell whose patch the border of the map does not cut."""
    half = PATCH_SIDE // 2
    return np.pad(np.ones(np.subtract(shape, 2 * half), bool), half)


def fill(known, holes, nnf):
    return np.where(holes[..., None], analogy_kernels.vote(known, nnf, PATCH_SIDE), known)


def main():
    parser = argparse.ArgumentParser(description="Fill a hole in a picture.")
    parser.add_argument("image")
    parser.add_argument("out")
    parser.add_argument(
        "--box", type=int, nargs=4, required=True, metavar=("TOP", "LEFT", "HEIGHT", "WIDTH")
    )
    parser.add_argument("--reach", type=int, default=100, help="of patches from the hole, pixels")
    options = parser.parse_args()
    image = imread(options.image)[..., :3].astype(np.float32) / 255
    top, left, height, width = options.box
    hole = np.zeros(image.shape[:2], bool)
    hole[top : top + height, left : left + width] = True
    # What is near is of the same light and distance, and the less there is the quicker the search.
    near = tuple(
        slice(max(start - options.reach, 0), start + extent + options.reach)
        for start, extent in ((top, height), (left, width))
    )
    filled = image.copy()
    filled[near] = inpaint(image[near], hole[near])
    # What goes in, the hole grey, beside what comes out.
    pair = np.hstack([np.where(hole[..., None], 0.5, image), filled])
    imsave(options.out, (pair * 255).round().clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
