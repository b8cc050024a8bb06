import numpy as np
import pytest

from analogy_kernels.device import hash_random
from examples.embed_in_your_kernel import edge_directions, paint_on_cpu, paint_on_cuda
from tests import oracles


def painted(image, directions, length, grain, seed):
    """Oracle: the strokes one by one, in double precision."""
    height, width, _ = image.shape
    out = np.empty(image.shape)
    for y, x in np.ndindex(height, width):
        places, colours = [(y, x)], [image[y, x]]
        for side in (-1, 1):
            at, step = np.array([y, x], float), side * directions[y, x].astype(float)
            for _ in range(length):
                at = np.clip(at + step, 0, (height - 1, width - 1))
                near = tuple(np.floor(at + 0.5).astype(int))
                places.append(near)
                colours.append(oracles.bilinear(image, *at))
                following = directions[near].astype(float)
                step = following if following @ step >= 0 else -following
        noise = [int(hash_random(seed, 0, *place, 0)) / 2**32 - 0.5 for place in places]
        out[y, x] = np.mean(colours, axis=0) + grain * np.mean(noise)
    return out


def test_both_kernels_are_as_the_oracle(target, random):
    image = random.random((6, 7, 3), np.float32)
    angle = random.uniform(0, np.pi, (6, 7))
    directions = np.stack([np.cos(angle), np.sin(angle)], axis=2).astype(np.float32)
    out = target.empty(image.shape)
    arguments = target.asarray(image), target.asarray(directions), 3, np.float32(0.5), 4
    if target.is_cuda:
        paint_on_cuda[(1, 3), (8, 2)](*arguments, out)
    else:
        paint_on_cpu(*arguments, out)

    expected = painted(image, directions, 3, 0.5, 4)
    np.testing.assert_allclose(target.to_host(out), expected, atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2, 2.5])
def test_directions_run_along_edges(angle):
    y, x = np.indices((30, 30))
    edge = np.tanh((np.cos(angle) * (y - 15) + np.sin(angle) * (x - 15)) / 3)
    directions = edge_directions(np.repeat(edge[..., None], 3, axis=2).astype(np.float32))
    across = directions[10:20, 10:20] @ np.array([np.cos(angle), np.sin(angle)])
    assert np.abs(across).max() < 0.05
