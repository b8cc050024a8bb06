"""Slow, obvious NumPy versions of the kernels, to compare against."""

import numpy as np


def warp(source, nnf):
    out = np.empty((*nnf.shape[:2], source.shape[2]), source.dtype)
    for y, x in np.ndindex(nnf.shape[:2]):
        out[y, x] = source[nnf[y, x, 0], nnf[y, x, 1]]
    return out


def hash_random(seed, stream, y, x, k):
    bits = 0x9E3779B9
    for value in (seed, stream, y, x, k):
        bits ^= value & 0xFFFFFFFF
        bits ^= bits >> 16
        bits = bits * 0x7FEB352D % 2**32
        bits ^= bits >> 15
        bits = bits * 0x846CA68B % 2**32
        bits ^= bits >> 16
    return bits


def conv3x3(source, weights, bias):
    """Correlation with zeros around the map, in float64."""
    height, width = source.shape[:2]
    padded = np.pad(source.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((height, width, weights.shape[3])) + bias
    for i, j in np.ndindex(3, 3):
        out += padded[i : i + height, j : j + width] @ weights[i, j].astype(np.float64)
    return out


def conv3x3_relu_backward(gradient, activation, weights):
    turned = weights[::-1, ::-1].transpose(0, 1, 3, 2)
    return conv3x3(np.where(activation > 0, gradient, 0), turned, np.zeros(weights.shape[2]))


def maxpool2x2(source):
    height, width, channels = source.shape
    out = np.empty((-(-height // 2), -(-width // 2), channels), source.dtype)
    for y, x in np.ndindex(out.shape[:2]):
        out[y, x] = source[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max(axis=(0, 1))
    return out


def maxpool2x2_backward(gradient, source):
    """Send each gradient to the first maximum of its window."""
    out = np.zeros_like(source)
    for y, x, c in np.ndindex(gradient.shape):
        window = source[2 * y : 2 * y + 2, 2 * x : 2 * x + 2, c]
        i, j = np.unravel_index(window.argmax(), window.shape)
        out[2 * y + i, 2 * x + j, c] = gradient[y, x, c]
    return out


def vote(source, nnf, patch_side):
    height, width = nnf.shape[:2]
    radius = patch_side // 2
    out = np.empty((height, width, source.shape[2]), source.dtype)
    for p in np.ndindex(height, width):
        votes = []
        for offset in np.ndindex(patch_side, patch_side):
            near = np.add(p, offset) - radius
            if (near < 0).any() or (near >= (height, width)).any():
                continue
            position = nnf[tuple(near)] + p - near
            if (position < 0).any() or (position >= source.shape[:2]).any():
                continue
            votes.append(source[tuple(position)].astype(np.float64))
        mean = np.mean(votes, axis=0)
        out[p] = np.floor(mean + 0.5) if source.dtype == np.uint8 else mean
    return out


def upsample_nnf(nnf, shape, other_shape, scale, other_scale):
    out = np.empty((*shape, 2), np.int32)
    for y, x in np.ndindex(*shape):
        centre = (np.array([y, x]) + 0.5) / scale
        coarse = np.minimum(np.floor(centre).astype(int), np.subtract(nnf.shape[:2], 1))
        match = np.floor((nnf[tuple(coarse)] + centre - coarse) * other_scale)
        out[y, x] = np.minimum(match, np.subtract(other_shape, 1))
    return out


def round_trip(nnf, reverse):
    out = np.empty(nnf.shape[:2], np.float32)
    for p in np.ndindex(nnf.shape[:2]):
        out[p] = np.linalg.norm(reverse[tuple(nnf[p])] - p)
    return out


def identity_nnf(shape, other_shape):
    out = np.empty((*shape, 2), np.int32)
    for y, x in np.ndindex(*shape):
        out[y, x] = [
            (2 * y + 1) * other_shape[0] // (2 * shape[0]),
            (2 * x + 1) * other_shape[1] // (2 * shape[1]),
        ]
    return out


def random_nnf(shape, other_shape, seed):
    out = np.empty((*shape, 2), np.int32)
    for y, x, axis in np.ndindex(*shape, 2):
        bits = hash_random(seed, 0xFFFFFFFF, y, x, axis)
        out[y, x, axis] = bits * other_shape[axis] >> 32
    return out


def inner_products(rows, vectors):
    return np.array([[np.dot(np.float64(row), np.float64(v)) for v in vectors] for row in rows])


def normalize(features):
    lengths = np.linalg.norm(features.astype(np.float64), axis=2, keepdims=True)
    return np.divide(features, lengths, where=lengths > 0, out=np.zeros_like(features))


def response(features):
    return np.sum(features.astype(np.float64) ** 2, axis=2).astype(np.float32)


def sigmoid_weight(level, alpha):
    return alpha / (1 + np.exp(-300 * (level - 0.05)))


def hard_weight(level, alpha):
    return alpha * (level >= np.float32(0.05))


def weight_map(response, alpha, weight):
    level = response.astype(np.float64) - response.min()
    if level.max() > 0:
        level = level / level.max()
    return weight(level, alpha).astype(np.float32)


def blend(content, detail, weights):
    w = weights.astype(np.float64)[..., np.newaxis]
    return (content * w + detail * (1 - w)).astype(np.float32)


def patch_cost(source, target, position, match, half):
    """Minus the mean inner product over the patch positions inside both maps."""
    products = []
    for dy, dx in np.ndindex(2 * half + 1, 2 * half + 1):
        y, x = position[0] + dy - half, position[1] + dx - half
        match_y, match_x = match[0] + dy - half, match[1] + dx - half
        inside = 0 <= y < source.shape[0] and 0 <= x < source.shape[1]
        if inside and 0 <= match_y < target.shape[0] and 0 <= match_x < target.shape[1]:
            products.append(np.dot(source[y, x].astype(np.float64), target[match_y, match_x]))
    return -np.mean(products)


def cost_of_nnf(source, target, nnf, half):
    cost = np.empty(nnf.shape[:2])
    for position in np.ndindex(nnf.shape[:2]):
        cost[position] = patch_cost(source, target, position, nnf[position], half)
    return cost


def is_allowed(labels, position, match):
    """Labels of both maps, or None: a pixel's label is 0 or that of its match."""
    if labels is None:
        return True
    own, other = labels
    return own[tuple(position)] in (0, other[tuple(match)])


def patchmatch(source, target, nnf, patch_side, radius, iterations, seed, labels=None):
    """Jump flooding and random search, pixel by pixel, without any shortcut."""
    nnf = nnf.copy()
    cost = _first_cost(source, target, nnf, patch_side // 2, labels)
    for iteration in range(iterations):
        _improve(source, target, nnf, cost, patch_side // 2, radius, iteration, seed, labels)
    return nnf, cost


def patchmatch_both_ways(first, second, nnfs, patch_side, radii, iterations, seeds, labels=None):
    """Two searches that, after each iteration, try every match of the other one."""
    half = patch_side // 2
    maps = (first, second), (second, first)
    labels = (labels, labels and labels[::-1])
    nnfs = [nnf.copy() for nnf in nnfs]
    costs = [
        _first_cost(*pair, nnf, half, own)
        for pair, nnf, own in zip(maps, nnfs, labels, strict=True)
    ]
    for iteration in range(iterations):
        for pair, nnf, cost, radius, seed, own in zip(
            maps, nnfs, costs, radii, seeds, labels, strict=True
        ):
            _improve(*pair, nnf, cost, half, radius, iteration, seed, own)
        take_offers(*nnfs, *costs, labels[0])
        take_offers(*nnfs[::-1], *costs[::-1], labels[1])
    return list(zip(nnfs, costs, strict=True))


def take_offers(nnf, other_nnf, cost, other_cost, labels=None):
    """Give every pixel the cheapest match that a pixel of the other map has with it, if cheaper."""
    for position in np.ndindex(other_cost.shape):
        match = tuple(other_nnf[position])
        if other_cost[position] < cost[match] and is_allowed(labels, match, position):
            cost[match], nnf[match] = other_cost[position], position


def legal_nnf(nnf, labels, other_labels, seed):
    """Draw anew what labels forbid, among the pixels of the right label in the order of rows."""
    out = nnf.copy()
    for position in np.ndindex(labels.shape):
        if not is_allowed((labels, other_labels), position, nnf[position]):
            places = np.argwhere(other_labels == labels[position])
            bits = hash_random(seed, 0xFFFFFFFE, *position, 0)
            out[position] = places[bits * len(places) >> 32]
    return out


def _first_cost(source, target, nnf, half, labels):
    cost = cost_of_nnf(source, target, nnf, half)
    for position in np.ndindex(cost.shape):
        if not is_allowed(labels, position, nnf[position]):
            cost[position] = 1e30
    return cost


def _improve(source, target, nnf, cost, half, radius, iteration, seed, labels):
    for jump in (8, 4, 2, 1):
        before = nnf.copy()
        for y, x in np.ndindex(nnf.shape[:2]):
            for dy, dx in ((-jump, 0), (0, -jump), (0, jump), (jump, 0)):
                if 0 <= y + dy < nnf.shape[0] and 0 <= x + dx < nnf.shape[1]:
                    match = before[y + dy, x + dx] - (dy, dx)
                    _try_match(source, target, nnf, cost, (y, x), match, half, labels)
    launch = 6 * iteration + 5
    for y, x in np.ndindex(nnf.shape[:2]):
        window, attempt = radius, 0
        while window >= 1:
            match = []
            for axis in range(2):
                low = max(int(nnf[y, x, axis]) - window, 0)
                high = min(int(nnf[y, x, axis]) + window, target.shape[axis] - 1)
                bits = hash_random(seed, launch, y, x, 2 * attempt + axis)
                match.append(low + (bits * (high - low + 1) >> 32))
            _try_match(source, target, nnf, cost, (y, x), match, half, labels)
            window, attempt = window // 2, attempt + 1


def _try_match(source, target, nnf, cost, position, match, half, labels):
    if not (0 <= match[0] < target.shape[0] and 0 <= match[1] < target.shape[1]):
        return
    if not is_allowed(labels, position, match):
        return
    new_cost = patch_cost(source, target, position, match, half)
    if new_cost < cost[position]:
        cost[position], nnf[position] = new_cost, match


def random_map(shape, strength, seed):
    out = np.empty(shape, np.float32)
    for y, x, c in np.ndindex(shape):
        out[y, x, c] = hash_random(seed, 0xFFFFFFFF, y, x, c) / 2**32 * strength * 3**0.5
    return out
