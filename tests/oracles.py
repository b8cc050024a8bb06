"""Slow, obvious NumPy versions of the kernels, to compare against."""

import functools

import numpy as np
import scipy.sparse
import scipy.sparse.linalg


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


def vote(source, nnf, patch_side, weights=None):
    height, width = nnf.shape[:2]
    radius = patch_side // 2
    out = np.empty((height, width, source.shape[2]), source.dtype)
    for p in np.ndindex(height, width):
        votes, counts = [], []
        for offset in np.ndindex(patch_side, patch_side):
            near = np.add(p, offset) - radius
            if (near < 0).any() or (near >= (height, width)).any():
                continue
            position = nnf[tuple(near)] + p - near
            if (position < 0).any() or (position >= source.shape[:2]).any():
                continue
            votes.append(source[tuple(position)].astype(np.float64))
            counts.append(1.0 if weights is None else float(weights[tuple(near)]))
        mean = np.average(votes, axis=0, weights=counts if any(counts) else None)
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


def upsample_nnf_guided(nnf, guide, image, other_shape, scale, other_scale):
    out = np.empty((*image.shape[:2], 2), np.int32)
    for y, x in np.ndindex(*image.shape[:2]):
        centre = (np.array([y, x]) + 0.5) / scale
        own = np.minimum(np.floor(centre).astype(int), np.subtract(nnf.shape[:2], 1))
        near = [
            (near_y, near_x)
            for near_y in range(max(own[0] - 1, 0), min(own[0] + 2, nnf.shape[0]))
            for near_x in range(max(own[1] - 1, 0), min(own[1] + 2, nnf.shape[1]))
        ]
        colours = image[y, x].astype(np.float64) - np.array([guide[place] for place in near])
        away = centre - (np.array(near) + 0.5)
        # 24 grey levels in each channel count as much as a coarse pixel of distance.
        unlikeness = (away**2).sum(axis=1) + (colours**2).sum(axis=1) / (3 * 24**2)
        place = near[int(np.argmin(np.float32(unlikeness)))]
        match = np.floor((nnf[place] + centre - place) * other_scale)
        out[y, x] = np.clip(match, 0, np.subtract(other_shape, 1))
    return out


def occurrence(nnf, other_shape, patch_side):
    half = patch_side // 2
    matches, uses = np.zeros(other_shape), np.zeros(other_shape)
    for match in nnf.reshape(-1, 2):
        matches[tuple(match)] += 1
    for q in np.ndindex(*other_shape):
        uses[q] = _patch(matches, q, half).sum()
    fair = patch_side**2 * nnf.shape[0] * nnf.shape[1] / np.prod(other_shape)
    return np.array(
        [
            [_patch(uses, (y, x), half).mean() / fair for x in range(other_shape[1])]
            for y in range(other_shape[0])
        ]
    )


def _patch(values, q, half):
    y, x = q
    return values[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1]


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


def random_nnf(shape, other_shape, seed, displacements=None):
    out = np.empty((*shape, 2), np.int32)
    for y, x, axis in np.ndindex(*shape, 2):
        bits = hash_random(seed, 0xFFFFFFFF, y, x, axis)
        places = _places(displacements, (y, x)[axis], axis, other_shape)
        out[y, x, axis] = places[bits * len(places) >> 32]
    return out


def _places(displacements, position, axis, other_shape):
    """All places along an axis of the other map that a pixel's match may have."""
    places = np.arange(other_shape[axis])
    if displacements is None:
        return places
    low, high = displacements[axis]
    return places[(places - position >= low) & (places - position <= high)]


def confine(nnf, displacements, other_shape):
    """The nearest place to each match that it may have."""
    out = np.empty_like(nnf)
    for y, x, axis in np.ndindex(nnf.shape):
        places = _places(displacements, (y, x)[axis], axis, other_shape)
        out[y, x, axis] = places[np.abs(places - nnf[y, x, axis]).argmin()]
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


def patch_costs(source, target, half):
    """Costs of every patch of one map with every patch of the other: of (y, x, y, x)."""
    products = np.tensordot(source.astype(np.float64), target.astype(np.float64), axes=(2, 2))
    total, count = np.zeros(products.shape), np.zeros(products.shape)
    for offset in np.ndindex(2 * half + 1, 2 * half + 1):
        middles, places = _a_step_on(products.shape, (*np.subtract(offset, half),) * 2)
        total[middles] += products[places]
        count[middles] += 1
    return -total / count


def _a_step_on(shape, step):
    """Slices of the places of an array from which a step leads inside it, and where it leads."""
    steps = list(zip(step, shape, strict=True))
    starts = tuple(slice(max(-along, 0), max(size - along, 0)) for along, size in steps)
    return starts, tuple(slice(max(along, 0), max(size + along, 0)) for along, size in steps)


def patch_offsets(position, match, shape, other_shape, half):
    """Offsets from two patches' middles to the positions that are inside both maps."""
    offsets = [np.array(offset) - half for offset in np.ndindex(2 * half + 1, 2 * half + 1)]
    return [
        offset
        for offset in offsets
        if all(
            0 <= place[axis] + offset[axis] < size[axis]
            for place, size in ((position, shape), (match, other_shape))
            for axis in range(2)
        )
    ]


def nearest_patches(source, other, patch_side, k, displacements):
    def cost(position, match):
        return patch_cost(source, other, position, match, patch_side // 2)

    return nearest_by(cost, source.shape[:2], other.shape[:2], k, displacements)


def nearest_by(cost, shape, other_shape, k, displacements):
    """Sort all places that a pixel's match may have by their costs; fill up with its own place."""
    nnfs, costs = np.empty((k, *shape, 2), np.int32), np.full((k, *shape), 1e30, np.float32)
    own = np.moveaxis(np.indices(shape, np.int32), 0, -1)
    nnfs[:] = confine(own, displacements, other_shape)
    for position in np.ndindex(shape):
        places = [_places(displacements, position[axis], axis, other_shape) for axis in range(2)]
        matches = [(y, x) for y in places[0] for x in places[1]]
        found = [cost(position, match) for match in matches]
        order = np.argsort(found, kind="stable")[:k]
        for rank, index in enumerate(order):
            nnfs[(rank, *position)], costs[(rank, *position)] = matches[index], found[index]
    return nnfs, costs


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


def patchmatch(
    source,
    other,
    nnf,
    patch_side,
    radius,
    iterations,
    seed,
    labels=None,
    anchors=None,
    evenness=0.0,
    displacements=None,
    turns=1,
):
    """Jump flooding and random search, pixel by pixel, without any shortcut.

    `anchors` are a field, the cost of straying from it, and the distance at which that is whole.
    """
    nnf, costs = (
        confine(nnf, displacements, other.shape),
        patch_costs(source, other, patch_side // 2),
    )
    charges = np.zeros(other.shape[:2])
    charge = functools.partial(_charge, charges, anchors)
    for iteration in range(iterations):
        charges += evenness * _above_surroundings(nnf, other.shape[:2], patch_side)
        cost = _first_cost(costs, nnf, labels)
        for p in np.ndindex(cost.shape):
            cost[p] += charge(p, nnf[p])
        by = labels, charge, displacements
        _improve(costs, nnf, cost, radius, iteration, seed, turns, *by)
    return nnf, _first_cost(costs, nnf, labels)


def _above_surroundings(nnf, other_shape, patch_side):
    """How much more each patch is used than those around it."""
    used, reach = occurrence(nnf, other_shape, patch_side), max(max(other_shape) // 8, patch_side)
    return np.array([[used[q] - _patch(used, q, reach).mean() for q in row] for row in _rows(used)])


def _rows(values):
    return [[(y, x) for x in range(values.shape[1])] for y in range(values.shape[0])]


def _charge(charges, anchors, p, q):
    """What it costs to match p with q, whatever their patches look like."""
    total = charges[tuple(q)]
    if anchors is not None:
        field, whole, reach = anchors
        total += whole * min(np.square(np.subtract(q, field[p])).sum() / reach**2, 1.0)
    return total


def patchmatch_both_ways(
    first,
    second,
    nnfs,
    patch_side,
    radii,
    iterations,
    seeds,
    labels=None,
    displacements=None,
    turns=1,
):
    """Two searches that, after each iteration, try every match of the other one."""
    maps = (first, second), (second, first)
    labels = (labels, labels and labels[::-1])
    bounds = (displacements, displacements and [(-high, -low) for low, high in displacements])
    tables = [patch_costs(*pair, patch_side // 2) for pair in maps]
    nnfs = [
        confine(nnf, within, other.shape)
        for nnf, within, (_, other) in zip(nnfs, bounds, maps, strict=True)
    ]
    costs = [
        _first_cost(table, nnf, own) for table, nnf, own in zip(tables, nnfs, labels, strict=True)
    ]
    for iteration in range(iterations):
        for table, nnf, cost, radius, seed, own, within in zip(
            tables, nnfs, costs, radii, seeds, labels, bounds, strict=True
        ):
            _improve(table, nnf, cost, radius, iteration, seed, turns, own, None, within)
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


def _first_cost(costs, nnf, labels):
    cost = np.empty(nnf.shape[:2])
    for position in np.ndindex(cost.shape):
        is_free = is_allowed(labels, position, nnf[position])
        cost[position] = costs[(*position, *nnf[position])] if is_free else 1e30
    return cost


def _improve(costs, nnf, cost, radius, iteration, seed, turns, labels, charge, displacements):
    other_shape = costs.shape[2:]
    for jump in (8, 4, 2, 1)[iteration % turns :: turns]:
        before = nnf.copy()
        for y, x in np.ndindex(nnf.shape[:2]):
            for dy, dx in ((-jump, 0), (0, -jump), (0, jump), (jump, 0)):
                if 0 <= y + dy < nnf.shape[0] and 0 <= x + dx < nnf.shape[1]:
                    match = before[y + dy, x + dx] - (dy, dx)
                    if _is_within(displacements, (y, x), match, other_shape):
                        _try_match(costs, nnf, cost, (y, x), match, labels, charge)
    launch = 6 * iteration + 5
    for y, x in np.ndindex(nnf.shape[:2]):
        window, attempt = radius, 0
        while window >= 1:
            match = []
            for axis in range(2):
                places = _places(displacements, (y, x)[axis], axis, other_shape)
                near = places[np.abs(places - nnf[y, x, axis]) <= window]
                bits = hash_random(seed, launch, y, x, 2 * attempt + axis)
                match.append(near[bits * len(near) >> 32])
            _try_match(costs, nnf, cost, (y, x), match, labels, charge)
            window, attempt = window // 2, attempt + 1


def _is_within(displacements, position, match, other_shape):
    if not all(0 <= match[axis] < other_shape[axis] for axis in range(2)):
        return False
    away = np.subtract(match, position)
    return displacements is None or all(
        low <= step <= high for step, (low, high) in zip(away, displacements, strict=True)
    )


def _try_match(costs, nnf, cost, position, match, labels, charge):
    if not is_allowed(labels, position, match):
        return
    new_cost = costs[(*position, *match)]
    if charge is not None:
        new_cost += charge(position, match)
    if new_cost < cost[position]:
        cost[position], nnf[position] = new_cost, match


def random_map(shape, strength, seed):
    out = np.empty(shape, np.float32)
    for y, x, c in np.ndindex(shape):
        out[y, x, c] = hash_random(seed, 0xFFFFFFFF, y, x, c) / 2**32 * strength * 3**0.5
    return out


def bilinear(source, y, x):
    """Value of each channel at a fractional position, that of the border outside."""
    y, x = np.clip([y, x], 0, np.subtract(source.shape[:2], 1))
    top, left = int(y), int(x)
    total = np.zeros(source.shape[2])
    for row, weight_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, weight_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            if weight_y * weight_x > 0:
                total += weight_y * weight_x * source[row, column].astype(np.float64)
    return total


def vote_alike(source, nnf, patch_side, width):
    radius = patch_side // 2
    out = np.empty((*nnf.shape[:2], source.shape[2]), source.dtype)
    for p in np.ndindex(nnf.shape[:2]):
        own = source[tuple(nnf[p])].astype(np.float64)
        total, weights = np.zeros(source.shape[2]), 0.0
        for offset in np.ndindex(patch_side, patch_side):
            near = np.add(p, offset) - radius
            if (near < 0).any() or (near >= nnf.shape[:2]).any():
                continue
            position = nnf[tuple(near)] + p - near
            if (position < 0).any() or (position >= source.shape[:2]).any():
                continue
            value = source[tuple(position)].astype(np.float64)
            weight = max(1 - np.square(value - own).sum() / width**2, 0.0) ** 2
            total, weights = total + weight * value, weights + weight
        mean = total / weights
        out[p] = np.floor(mean + 0.5) if source.dtype == np.uint8 else mean
    return out


def vote_field(source, field, patch_side):
    height, width = field.shape[:2]
    radius = patch_side // 2
    out = np.empty((height, width, source.shape[2]), source.dtype)
    for p in np.ndindex(height, width):
        votes = []
        for offset in np.ndindex(patch_side, patch_side):
            near = np.add(p, offset) - radius
            if (near < 0).any() or (near >= (height, width)).any():
                continue
            position = field[tuple(near)] + (p - near).astype(np.float32)
            if (position < 0).any() or (position > np.subtract(source.shape[:2], 1)).any():
                continue
            votes.append(bilinear(source, *position))
        mean = np.mean(votes or [bilinear(source, *field[p])], axis=0)
        out[p] = np.floor(mean + 0.5) if source.dtype == np.uint8 else mean
    return out


def reliability(nnf, reverse):
    out = np.empty(nnf.shape[:2], np.float32)
    for p in np.ndindex(out.shape):
        back = reverse[tuple(nnf[p])]
        out[p] = max(np.exp(-0.5 * np.sum(np.subtract(back, p) ** 2)), 1e-4)
    return out


def affinity(guide, p, near, distance_width, colour_width):
    distance = np.sum(np.subtract(near, p) ** 2) / distance_width**2
    difference = np.sum((guide[near].astype(np.float64) - guide[p]) ** 2) / colour_width**2
    return np.exp(-0.5 * (distance + difference))


def smooth(field, weights, guide):
    """Weighted geometric medians over every second pixel of windows of 21x21."""
    shape = field.shape[:2]
    out = np.empty(field.shape, np.float32)
    for p in np.ndindex(shape):
        near = [(p[0] + dy, p[1] + dx) for dy in range(-10, 11, 2) for dx in range(-10, 11, 2)]
        near = [q for q in near if 0 <= q[0] < shape[0] and 0 <= q[1] < shape[1]]
        weight = np.array([weights[q] * affinity(guide, p, q, 8, 0.06) for q in near])
        flow = np.array([field[q] - np.float64(q) for q in near])
        median = np.average(flow, axis=0, weights=weight)
        for _ in range(5):
            length = np.sqrt(np.sum((flow - median) ** 2, axis=1) + 0.01)
            median = np.average(flow, axis=0, weights=weight / length)
        out[p] = p + median
    return out


def refine_field(source, target, field, iterations):
    shape = field.shape[:2]
    gradients = image_gradients(source.astype(np.float64))
    flow = field - np.moveaxis(np.indices(shape), 0, -1).astype(np.float64)
    for _ in range(iterations):
        H, v = np.zeros((*shape, 2, 2)), np.zeros((*shape, 2))
        for p in np.ndindex(shape):
            position = p + flow[p]
            if (position < 0).any() or (position > np.subtract(target.shape[:2], 1)).any():
                continue
            residual = bilinear(target, *position) - source[p]
            weight = 0.02 / np.sqrt(np.sum(residual**2) + 0.02**2)
            J = gradients[p]
            H[p] = weight * J @ J.T
            v[p] = H[p] @ flow[p] - weight * J @ residual
        new = np.empty_like(flow)
        for p in np.ndindex(shape):
            left, right = np.zeros((2, 2)), np.zeros(2)
            for offset in np.ndindex(7, 7):
                q = tuple(np.add(p, offset) - 3)
                if min(q) < 0 or q[0] >= shape[0] or q[1] >= shape[1]:
                    continue
                weight = affinity(source, p, q, 2, 0.06)
                weight *= 0.25 / (0.25 + np.sum((flow[q] - flow[p]) ** 2))
                left += weight * (H[q] + 0.002 * np.eye(2))
                right += weight * (v[q] + 0.002 * flow[q])
            new[p] = np.linalg.solve(left, right)
        flow = new
    return flow + np.moveaxis(np.indices(shape), 0, -1)


def image_gradients(source):
    """Of each pixel, (2, channels): along y and x, one-sided at the border."""
    return np.stack(
        [
            np.gradient(source, axis=axis) if source.shape[axis] > 1 else np.zeros(source.shape)
            for axis in (0, 1)
        ],
        axis=2,
    )


def patch_distance(source, target, p, match, half):
    distances = []
    for offset in np.ndindex(2 * half + 1, 2 * half + 1):
        q = tuple(np.add(p, offset) - half)
        if min(q) < 0 or q[0] >= source.shape[0] or q[1] >= source.shape[1]:
            continue
        difference = bilinear(target, *(match + np.subtract(q, p))) - source[q]
        distances.append(np.sum(difference**2))
    return np.mean(distances)


def interpolate(source, shape, scale):
    out = np.empty((*shape, source.shape[2]))
    for place in np.ndindex(*shape):
        position = (np.array(place) + 0.5) / scale - 0.5
        position = np.clip(position, 0, np.subtract(source.shape[:2], 1))
        total = 0
        for corner in np.ndindex(2, 2):
            pixel = np.minimum(
                np.floor(position).astype(int) + corner, np.subtract(source.shape[:2], 1)
            )
            near = np.prod(1 - np.abs(np.floor(position) + corner - position))
            total = total + near * source[tuple(pixel)].astype(np.float64)
        out[place] = total
    return out


def gather_votes(votes, shape, other_shape, reach, slack):
    """Gaussians as in `analogy_kernels.matching.hough`, cut off at two and a half deviations."""
    votes = votes.reshape(*shape, *other_shape).astype(np.float64)
    # One after the other, as the votes pass by the match between.
    gathered = _gathered(votes, _gaussian(reach), lambda step: step * 2)
    return _gathered(gathered, _gaussian(slack), lambda step: (0, 0, *step)).reshape(
        shape[0] * shape[1], -1
    )


def _gathered(votes, weights, step_of):
    """Sum of the votes that lie steps away, of which each has its weight."""
    out = np.zeros_like(votes)
    for y, x in np.ndindex(weights.size, weights.size):
        step = step_of((y - weights.size // 2, x - weights.size // 2))
        starts, places = _a_step_on(votes.shape, step)
        out[starts] += weights[y] * weights[x] * votes[places]
    return out


def hough_votes(similarity, shape, other_shape, exponent, reach, slack, sheets=1):
    prior = np.maximum(similarity.astype(np.float64), 0) ** exponent
    return _votes(prior, shape, other_shape, reach, slack, sheets)


def hough_matching(similarity, shape, other_shape, exponent, rounds, sheets=1):
    prior = np.maximum(similarity.astype(np.float64), 0) ** exponent
    belief = prior
    for reach, slack in rounds:
        belief = prior * _votes(belief, shape, other_shape, reach, slack, sheets) ** 2
    other_shape = sheets * other_shape[0], other_shape[1]
    nnf = np.stack(np.unravel_index(belief.argmax(axis=1), other_shape), axis=-1)
    other_nnf = np.stack(np.unravel_index(belief.argmax(axis=0), shape), axis=-1)
    return nnf.reshape(*shape, 2), other_nnf.reshape(*other_shape, 2)


def _votes(belief, shape, other_shape, reach, slack, sheets):
    """Of every pixel about one, among all sheets, and gathered on each by itself."""
    scale = np.sqrt(belief.max(axis=1, keepdims=True) * belief.max(axis=0, keepdims=True))
    votes = np.divide(belief, scale, where=scale > 0, out=np.zeros_like(belief))
    each = np.split(votes, sheets, axis=1)
    return np.hstack([gather_votes(one, shape, other_shape, reach, slack) for one in each])


def _gaussian(deviation):
    radius = int(np.ceil(2.5 * deviation))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    return weights / weights.sum()


def wls(image, guide, smoothness, sensitivity, epsilon):
    """Solve the whole sparse system, one equation a pixel, in float64."""
    height, width = guide.shape
    guide = guide.astype(np.float64)
    matrix = scipy.sparse.lil_array((height * width, height * width))
    for y, x in np.ndindex(height, width):
        here = y * width + x
        matrix[here, here] += 1
        for near_y, near_x in ((y, x + 1), (y + 1, x)):
            if near_y < height and near_x < width:
                near = near_y * width + near_x
                step = abs(guide[near_y, near_x] - guide[y, x])
                weight = smoothness / (step**sensitivity + epsilon)
                for one, other in ((here, near), (near, here)):
                    matrix[one, one] += weight
                    matrix[one, other] -= weight
    flat = image.reshape(height * width, -1).astype(np.float64)
    solution = scipy.sparse.linalg.spsolve(matrix.tocsc(), flat)
    return solution.reshape(image.shape)


def self_distances(features):
    """Cosine distances of all pairs in float64; a feature of no length is like none, itself too."""
    features = features.astype(np.float64)
    out = np.empty((len(features), len(features)))
    for i, j in np.ndindex(out.shape):
        lengths = np.linalg.norm(features[i]) * np.linalg.norm(features[j])
        out[i, j] = 1 - (features[i] @ features[j] / lengths if lengths else 0)
    return out / out.sum(axis=1, keepdims=True)


def projected_quantiles(features, directions):
    shares = [k / 256 for k in range(257)]
    return np.array(
        [
            np.quantile(features.astype(np.float64) @ direction.astype(np.float64), shares)
            for direction in directions.T
        ]
    )
