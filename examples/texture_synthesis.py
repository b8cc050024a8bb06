"""Grow a large texture out of a small sample.

Every patch of the result is to look like one of the sample. Coarse to fine, in turns: each patch
looks for its most similar one in the sample, and the patches found vote for the pixels (Kwatra,
Essa, Bobick and Kwatra, "Texture optimization for example-based synthesis", 2005, with PatchMatch
for the search).

    python examples/texture_synthesis.py examples/church.png out.jpg --box 20 10 110 160
"""

import argparse

import numpy as np
from skimage.io import imread, imsave
from skimage.transform import resize

import analogy_kernels
from analogy_kernels.device import squared_difference

# Side, in coarsest pixels, of the pieces that the result starts from: large enough to hold what
# makes the texture, small enough that the sample is not copied as a whole.
TILE = 6


def synthesize(sample, shape, levels=3, patch_sides=(11, 7, 5), iterations=6, seed=0):
    """Make a texture.

    Parameters
    ----------
    sample : float32 array, (height, width, channels)
    shape : (int, int)
        Height and width of the result.
    levels : int
        Of the pyramid; each has half the resolution of the next.
    patch_sides : sequence of int
        Odd, in pixels; used one after the other at every level. Large ones keep the texture's
        order, small ones leave its pixels sharp.
    iterations : int
        Of search and vote, for each level and patch side.
    seed : int

    Returns
    -------
    float32 array, (*shape, channels)
    """
    nnf, coarser, other_coarser = None, None, None
    for level in reversed(range(levels)):
        size, other_size = (tuple(side >> level for side in of) for of in (shape, sample.shape[:2]))
        source = resize(sample, other_size, anti_aliasing=level > 0).astype(np.float32)
        if nnf is None:
            nnf = random_tiles(size, other_size, TILE, seed)
        else:
            scales = np.divide(size, coarser), np.divide(other_size, other_coarser)
            nnf = analogy_kernels.upsample_nnf(nnf, size, other_size, *map(tuple, scales))
        for patch_side in patch_sides:
            for turn in range(iterations):
                result = analogy_kernels.vote(source, nnf, patch_side)
                nnf, _ = analogy_kernels.patchmatch(
                    result,
                    source,
                    patch_side,
                    start=nnf,
                    iterations=2,
                    seed=seed + turn,
                    cost=squared_difference,
                )
        coarser, other_coarser = size, other_size
    return analogy_kernels.vote(sample, nnf, 3)


def random_tiles(shape, other_shape, side, seed):
    """Match tile by tile with random pieces of the other map."""
    side = min(side, *other_shape)
    y, x = np.indices(shape)
    rows, columns = (-(-extent // side) for extent in shape)
    corners = np.random.default_rng(seed).integers(
        0, np.subtract(other_shape, side) + 1, (rows, columns, 2)
    )
    within = np.stack([y % side, x % side], axis=2)
    return (corners[y // side, x // side] + within).astype(np.int32)


def main():
    parser = argparse.ArgumentParser(description="Grow a texture out of a piece of a picture.")
    parser.add_argument("image")
    parser.add_argument("out")
    parser.add_argument("--box", type=int, nargs=4, metavar=("TOP", "LEFT", "HEIGHT", "WIDTH"))
    parser.add_argument("--scale", type=int, default=2, help="sides of the result, in samples")
    options = parser.parse_args()
    image = imread(options.image)[..., :3].astype(np.float32) / 255
    top, left, height, width = options.box or (0, 0, *image.shape[:2])
    sample = np.ascontiguousarray(image[top : top + height, left : left + width])
    result = synthesize(sample, (options.scale * height, options.scale * width))
    # The sample stands to the left of what was grown from it.
    framed = np.ones((result.shape[0], width + 8, 3), np.float32)
    framed[:height, :width] = sample
    imsave(options.out, (np.hstack([framed, result]) * 255).round().astype(np.uint8))


if __name__ == "__main__":
    main()
