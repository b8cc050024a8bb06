"""Device functions of the kernels in a kernel of one's own: a photograph in strokes of a brush.

Every pixel becomes the mean of the colours along a stroke that follows the picture's edges
(line integral convolution: Cabral and Leedom, 1993; along edges: Kang, Lee and Chui, "Coherent
line drawing", 2007), and the mean of a noise along the same stroke gives it the grain of bristles.

What a pixel does is written once, in `painted`; a CPU kernel and a CUDA kernel call it, each of a
few lines. The colours between pixels come from `analogy_kernels.device.bilinear`, the noise, the
same on every target, from `analogy_kernels.device.hash_random`.

    python examples/embed_in_your_kernel.py examples/castle.png out.jpg
    NUMBA_ENABLE_CUDASIM=1 python examples/embed_in_your_kernel.py small.png out.jpg
"""

import argparse

import numpy as np
from numba import config, cuda, njit, prange
from numba.extending import register_jitable
from skimage.feature import structure_tensor
from skimage.io import imread, imsave

from analogy_kernels.device import bilinear, hash_random

BLOCK = (16, 8)


def paint(image, length=12, grain=0.5, seed=0):
    """Paint an image.

    Parameters
    ----------
    image : float32 array, (height, width, channels)
    length : int
        Of a stroke, in pixels to either side.
    grain : float
        How far the noise changes the colours.
    seed : int

    Returns
    -------
    float32 array, (height, width, channels)
    """
    arguments = np.ascontiguousarray(image), edge_directions(image), length, np.float32(grain), seed
    if not (config.ENABLE_CUDASIM or cuda.is_available()):
        out = np.empty_like(arguments[0])
        paint_on_cpu(*arguments, out)
        return out
    height, width, _ = image.shape
    blocks = -(-width // BLOCK[0]), -(-height // BLOCK[1])
    image, directions, *others = arguments
    out = cuda.device_array(image.shape, np.float32)
    paint_on_cuda[blocks, BLOCK](cuda.to_device(image), cuda.to_device(directions), *others, out)
    return out.copy_to_host()


@njit(parallel=True)
def paint_on_cpu(image, directions, length, grain, seed, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            for c in range(out.shape[2]):
                out[y, x, c] = painted(image, directions, length, grain, seed, y, x, c)


@cuda.jit
def paint_on_cuda(image, directions, length, grain, seed, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        for c in range(out.shape[2]):
            out[y, x, c] = painted(image, directions, length, grain, seed, y, x, c)


@register_jitable
def painted(image, directions, length, grain, seed, y, x, c):
    """Value of a pixel: the stroke's mean, walked to both sides a pixel at a time."""
    colour, noise = image[y, x, c], noise_at(seed, y, x)
    for side in (np.float32(-1), np.float32(1)):
        at_y, at_x = np.float32(y), np.float32(x)
        step_y, step_x = side * directions[y, x, 0], side * directions[y, x, 1]
        for _ in range(length):
            at_y = min(max(at_y + step_y, np.float32(0)), np.float32(image.shape[0] - 1))
            at_x = min(max(at_x + step_x, np.float32(0)), np.float32(image.shape[1] - 1))
            near_y, near_x = int(at_y + np.float32(0.5)), int(at_x + np.float32(0.5))
            colour += bilinear(image, at_y, at_x, c)
            noise += noise_at(seed, near_y, near_x)
            next_y, next_x = directions[near_y, near_x, 0], directions[near_y, near_x, 1]
            # An edge has no sense of direction; a stroke does not turn back.
            ahead = next_y * step_y + next_x * step_x
            step_y, step_x = (next_y, next_x) if ahead >= 0 else (-next_y, -next_x)
    return colour / np.float32(2 * length + 1) + grain * noise / np.float32(2 * length + 1)


@register_jitable
def noise_at(seed, y, x):
    """Uniform noise of a pixel, from -1/2 to 1/2."""
    return np.float32(hash_random(seed, 0, y, x, 0)) / np.float32(2**32) - np.float32(0.5)


def edge_directions(image, sigma=2.0):
    """Unit vectors (y, x) along the edges, float32 (height, width, 2), of the structure tensor."""
    yy, yx, xx = structure_tensor(image.mean(axis=2), sigma, mode="nearest", order="rc")
    # Across the edge at half the angle of (yy - xx, 2 yx); along it a right angle further.
    angle = 0.5 * np.arctan2(2 * yx, yy - xx) + np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], axis=2).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description="Paint a photograph in strokes of a brush.")
    parser.add_argument("image")
    parser.add_argument("out")
    parser.add_argument("--length", type=int, default=12, help="of strokes to either side, pixels")
    parser.add_argument("--grain", type=float, default=0.5)
    options = parser.parse_args()
    image = imread(options.image)[..., :3].astype(np.float32) / 255
    pair = np.hstack([image, paint(image, options.length, options.grain)])
    imsave(options.out, (pair * 255).round().clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
