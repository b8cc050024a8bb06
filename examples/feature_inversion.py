"""See what a network sees: an image from nothing but its features.

Features of VGG-19 are taken of a picture, the picture is forgotten, and an image is sought whose
features come nearest, from plain grey (Mahendran and Vedaldi, "Understanding deep image
representations by inverting them", 2015). The gradient is propagated back through the layers by
the project's own kernels and L-BFGS goes down it: no framework takes part.

    python examples/feature_inversion.py examples/castle.png out.jpg --levels 2 3 4
"""

import argparse

import numpy as np
from skimage.io import imread, imsave
from skimage.transform import resize

import analogy_kernels
from analogy.method.deconvolution import SubNet, prepare
from analogy.model import bundled_path
from analogy.network.layers import Network


def invert(network, image, level, iterations=80, smoothness=1e-3):
    """Rebuild an image from its features.

    Parameters
    ----------
    network : Network
    image : float32 array, (height, width, 3)
        RGB on the scale 0-255.
    level : int
        1 ... 5: features of relu{level}_1.
    iterations : int
        At most.
    smoothness : float
        Weight of the differences between neighbouring pixels.

    Returns
    -------
    image : float32 array, (height, width, 3)
    residual : float
        ``|CNN(x) - wanted|^2 / |wanted|^2``.
    """
    layers = prepare(network.layers(0, level), 0, analogy_kernels.CPU)
    objective = Objective(layers, image - network.mean, smoothness)
    grey = np.full(image.size, 1e-2, np.float32)
    minimum = analogy_kernels.lbfgs(
        objective,
        grey,
        first_step=100,
        history=8,
        iterations=iterations,
        tolerance=1e-3,
    )
    found = minimum.x.reshape(image.shape)
    return found + network.mean, objective.residual(found)


class Objective:
    """Half the squared distance of an image's features from those wanted, and its roughness.

    Both are shares of what the picture itself has, so that one weight suits every level.
    """

    def __init__(self, layers, image, smoothness):
        self._net = SubNet(layers, image.shape, analogy_kernels.CPU)
        self._wanted = self._net.forward(image).copy()
        self._square = analogy_kernels.inner_product(self._wanted.ravel(), self._wanted.ravel())
        self._smoothness = np.float32(smoothness / np.square(image).sum())

    def residual(self, image):
        difference = (self._net.forward(image) - self._wanted).ravel()
        return analogy_kernels.inner_product(difference, difference) / self._square

    def value(self, x):
        self._image = x.reshape(self._net.input_shape)
        self._difference = (self._net.forward(self._image) - self._wanted) / self._square
        down, across = np.diff(self._image, axis=0), np.diff(self._image, axis=1)
        roughness = np.square(down).sum() + np.square(across).sum()
        square = analogy_kernels.inner_product(self._difference.ravel(), self._difference.ravel())
        return 0.5 * (square * self._square + self._smoothness * roughness)

    def gradient(self, x, out):
        """Write the gradient at `x`, of whose features the last value was."""
        gradient = out.reshape(self._net.input_shape)
        self._net.backward(self._difference, gradient)
        for axis in (0, 1):
            steps = self._smoothness * np.diff(self._image, axis=axis)
            ends = [[(0, 0)] * 3, [(0, 0)] * 3]
            ends[0][axis], ends[1][axis] = (1, 0), (0, 1)
            gradient += np.pad(steps, ends[0]) - np.pad(steps, ends[1])


def main():
    parser = argparse.ArgumentParser(description="Rebuild a picture from features of VGG-19.")
    parser.add_argument("image")
    parser.add_argument("out")
    parser.add_argument("--levels", type=int, nargs="+", default=[2, 3, 4], metavar="LEVEL")
    parser.add_argument("--side", type=int, default=160, help="longest, in pixels")
    parser.add_argument("--iterations", type=int, default=80)
    options = parser.parse_args()
    image = imread(options.image)[..., :3]
    shape = [round(side * options.side / max(image.shape[:2])) for side in image.shape[:2]]
    image = resize(image, shape, anti_aliasing=True, preserve_range=True).astype(np.float32)
    network = Network.load(bundled_path())
    row = [image]
    for level in options.levels:
        found, residual = invert(network, image, level, options.iterations)
        print(f"relu{level}_1: residual {residual:.4f}")
        row.append(found)
    imsave(options.out, np.hstack(row).round().clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
