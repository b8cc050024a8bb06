"""A right call of every public function of `kernels`, by its name: what misuse starts from.

A recipe draws small arguments and gives them by name. `WRITTEN` says which of them a function
writes; all others have to stay as they are. `COSTLY` are numbers by which a function takes as long
as it is told to.
"""

import numpy as np

import analogy_kernels
from analogy_kernels.device import hard_weight, sigmoid_weight, squared_difference

WRITTEN = {
    "add_scaled": {"out"},
    "append_colour": {"out"},
    "combine": {"rows"},
    "conv3x3_relu_maxpool": {"out", "argmax"},
    "keep_content": {"weights"},
    "maxpool2x2": {"out", "argmax"},
}
COSTLY = {
    "lbfgs": {"history", "iterations"},
    "patchmatch": {"iterations"},
    "patchmatch_both_ways": {"iterations"},
    "refine_field": {"iterations"},
}


def written(name):
    """Names of the arguments that a function writes."""
    return WRITTEN.get(name, {"out"}) | {"scratch"}


def recipe(name, seed):
    """Right arguments of a function, by name."""
    return globals()[f"_{name}"](np.random.default_rng(seed))


def has_recipe(name):
    return f"_{name}" in globals()


def call(name, arguments):
    """Call a function; of a class that kernels take, use what it makes."""
    made = getattr(analogy_kernels, name)(**arguments)
    if isinstance(made, analogy_kernels.FilterBank):
        return analogy_kernels.conv3x3(np.ones((5, 6, made.channels_in), np.float32), made)
    if isinstance(made, analogy_kernels.LabelMap) and name == "LabelMap":
        return analogy_kernels.legal_nnf(np.zeros((*made.labels.shape, 2), np.int32), made, made, 0)
    return made


def _size(random, least=1):
    return tuple(int(side) for side in random.integers(least, 9, 2))


def _floats(random, *shape):
    return random.random(shape, np.float32)


def _half(random, array):
    """The map, or one time in three as float16."""
    return array.astype(np.float16) if random.integers(3) == 0 else array


def _nnf(random, shape, other_shape):
    return random.integers(0, other_shape[:2], (*shape[:2], 2)).astype(np.int32)


def _field(random, shape, other_shape):
    return (random.random((*shape[:2], 2)) * (np.array(other_shape[:2]) + 2) - 1).astype(np.float32)


def _map(random, channels=None):
    """A map, one time in four a grey one without channels."""
    size = _size(random)
    if channels is None and random.integers(4) == 0:
        return _floats(random, *size)
    return _floats(random, *size, channels or random.integers(1, 6))


def _maybe(random, array):
    """An array for a result, or None."""
    return array if random.integers(2) else None


def _add_scaled(random):
    x, direction, out = _floats(random, 3, random.integers(0, 20))
    return {"x": x, "step": 0.5, "direction": direction, "out": out}


def _append_colour(random):
    image = _map(random, 3)
    out = _floats(random, *image.shape[:2], 9)
    options = {"weight": 2.0, "is_source": bool(random.integers(2))}
    return {"image": image, **options, "out": out, "channel_offset": int(random.integers(5))}


def _as_array(random):
    return {"array": _map(random)}


def _as_field(random):
    return {"nnf": _nnf(random, _size(random), (5, 6))}


def _best_of_columns(random):
    return {"table": _floats(random, *_size(random))}


_best_of_rows = _best_of_columns


def _blend(random):
    content = _half(random, _map(random))
    detail, out = (np.ascontiguousarray(content[::-1]) for _ in range(2))
    weights = _floats(random, *content.shape[:2])
    return {"content": content, "detail": detail, "weights": weights, "out": _maybe(random, out)}


def _combine(random):
    rows = _floats(random, *_size(random))
    row = int(random.integers(len(rows)))
    return {"rows": rows, "coefficients": random.random(len(rows)).tolist(), "row": row}


def _bank(random):
    """A bank of a thin layer, or of a wide one."""
    channels = int(random.choice([1, 3, 16, 20])), int(random.integers(1, 9))
    return analogy_kernels.filter_bank(
        _floats(random, 3, 3, *channels), _floats(random, channels[1])
    )


def _convolution(random, reads, gives):
    size, bank = _size(random), _bank(random)
    channels = {"in": bank.channels_in, "out": bank.channels_out}
    scratch = _floats(random, analogy_kernels.scratch_elements(bank, *size))
    return {
        **{name: _floats(random, *size, channels[end]) for name, end in reads.items()},
        "bank": bank,
        "scratch": _maybe(random, scratch),
        "out": _maybe(random, _floats(random, *size, channels[gives])),
    }


def _conv3x3(random):
    return _convolution(random, {"source": "in"}, "out")


_conv3x3_relu = _conv3x3


def _conv3x3_backward(random):
    return _convolution(random, {"gradient": "out"}, "in")


def _conv3x3_relu_backward(random):
    return _convolution(random, {"gradient": "out", "activation": "out"}, "in")


def _pooled_convolution(random):
    size, bank = _size(random), _bank(random)
    pooled = *(-(-side // 2) for side in size), bank.channels_out
    scratch = _floats(random, analogy_kernels.pooled_scratch_elements(bank, *size))
    return size, bank, pooled, {"bank": bank, "scratch": _maybe(random, scratch)}


def _conv3x3_relu_maxpool(random):
    size, bank, pooled, given = _pooled_convolution(random)
    out, argmax = _floats(random, *pooled), np.zeros(pooled, np.uint8)
    results = {"out": _maybe(random, out), "argmax": _maybe(random, argmax)}
    return {"source": _floats(random, *size, bank.channels_in), **given, **results}


def _conv3x3_relu_maxpool_backward(random):
    size, bank, pooled, given = _pooled_convolution(random)
    gradient, maxima = _floats(random, 2, *pooled)
    argmax = random.integers(0, 4, pooled, np.uint8)
    out = _maybe(random, _floats(random, *size, bank.channels_in))
    read = {"gradient": gradient, "pooled": maxima, "argmax": argmax}
    return {**read, **given, "shape": size, "out": out}


def _correlate(random):
    source = _map(random)
    return {"source": source, "other": _floats(random, 3, 4, *source.shape[2:])}


def _filter_bank(random):
    weights = _floats(random, 3, 3, *random.choice([1, 3, 16, 20], 2))
    return {
        "weights": weights,
        "bias": _floats(random, weights.shape[3]),
        "target": analogy_kernels.CPU,
        "backward": bool(random.integers(2)),
    }


def _FilterBank(random):  # noqa: N802
    bank = _bank(random)
    return dict(vars(bank))


def _table(random):
    shape, other_shape = (tuple(int(side) for side in random.integers(1, 4, 2)) for _ in range(2))
    sheets = int(random.integers(1, 3))
    size = shape[0] * shape[1], sheets * other_shape[0] * other_shape[1]
    return _floats(random, *size), {"shape": shape, "other_shape": other_shape, "sheets": sheets}


def _gather_votes(random):
    votes, shapes = _table(random)
    return {"votes": votes, **shapes, "reach": 1.0, "slack": 0.5}


def _hough_matching(random):
    similarity, shapes = _table(random)
    return {"similarity": similarity, **shapes, "exponent": 2.0, "rounds": [(1.0, 0.5), (2.0, 1.0)]}


def _hough_votes(random):
    similarity, shapes = _table(random)
    return {"similarity": similarity, **shapes, "exponent": 2.0, "reach": 1.0, "slack": 0.5}


def _identity_nnf(random):
    return {"shape": _size(random), "other_shape": _size(random), "target": analogy_kernels.CPU}


def _inner_product(random):
    a, b = _floats(random, 2, *_size(random))
    return {"a": a, "b": b, "scratch": _maybe(random, np.zeros(520))}


def _inner_products(random):
    k, m, n = (int(size) for size in random.integers(1, 6, 3))
    rows, vectors, scratch = _floats(random, k, n), _floats(random, m, n), np.zeros(k * m * 513)
    return {"rows": rows, "vectors": vectors, "scratch": _maybe(random, scratch)}


def _inner_products_scratch(random):
    return {"k": 3, "m": 2, "target": analogy_kernels.CPU}


def _interpolate(random):
    source, shape = _map(random), _size(random)
    out = _floats(random, *shape, *source.shape[2:])
    return {"source": source, "shape": shape, "scale": 0.5, "out": _maybe(random, out)}


def _keep_better(random):
    source, other = _map(random, 3), _map(random, 3)
    field, nnf = (make(random, source.shape, other.shape) for make in (_field, _nnf))
    options = {"patch_side": 3, "ratio": 1.1, "slack": 0.1}
    return {"source": source, "other": other, "field": field, "nnf": nnf, **options}


def _keep_content(random):
    weights, keep = _floats(random, 2, *_size(random))
    return {"weights": weights, "keep": keep}


def _label_map(random):
    return {"labels": random.integers(0, 4, _size(random)), "target": analogy_kernels.CPU}


def _LabelMap(random):  # noqa: N802
    return dict(vars(analogy_kernels.label_map(random.integers(0, 4, _size(random)))))


def _lbfgs(random):
    lowest, start = _floats(random, 2, 6)

    def squared_distance(x):
        return ((x - lowest) ** 2).sum(), 2 * (x - lowest)

    options = {"first_step": 0.01, "history": 4, "iterations": 5, "tolerance": 0.01, "window": 5}
    constants = {"sufficient_decrease": 1e-4, "curvature": 0.9}
    told = {"callback": lambda x, loss: None, "out": _maybe(random, np.zeros(6, np.float32))}
    return {"fun": squared_distance, "x0": start, **options, **constants, **told}


def _legal_nnf(random):
    shape, other_shape = _size(random), _size(random, 4)
    source = analogy_kernels.label_map(random.integers(0, 3, shape))
    other = analogy_kernels.label_map(np.resize(np.arange(4), other_shape))
    return {"nnf": _nnf(random, shape, other_shape), "source": source, "other": other, "seed": 3}


def _maxpool2x2(random):
    source = _floats(random, *_size(random), 3)
    pooled = *(-(-side // 2) for side in source.shape[:2]), 3
    out, argmax = _floats(random, *pooled), np.zeros(pooled, np.uint8)
    return {"source": source, "out": _maybe(random, out), "argmax": _maybe(random, argmax)}


def _maxpool2x2_backward(random):
    shape = _size(random)
    gradient = _floats(random, *(-(-side // 2) for side in shape), 3)
    argmax, out = random.integers(0, 4, gradient.shape, np.uint8), _floats(random, *shape, 3)
    return {"gradient": gradient, "argmax": argmax, "shape": shape, "out": _maybe(random, out)}


def _minmax(random):
    return {"array": _floats(random, *_size(random))}


def _Minimum(random):  # noqa: N802
    told = {"gradient_norm": 0.5, "evaluations": 1, "reason": "iterations"}
    return {"x": _floats(random, 3), "losses": (1.0,), **told}


def _nearest_patches(random):
    (source, other), sides, cost = _maps(random)
    options = {"patch_side": 3, "k": int(random.integers(1, 5)), "bound": 200.0, "cost": cost}
    displacements = _displacements(random, *sides)
    return {"source": source, "other": other, **options, "displacements": displacements}


def _normalize(random):
    features, offset = _map(random), int(random.integers(3))
    channels = features.shape[2] if features.ndim == 3 else 1
    out = _floats(random, *features.shape[:2], offset + channels)
    options = {"channel_offset": offset, "length": 1.0}
    return {"features": features, "out": _maybe(random, out), **options}


def _maps(random):
    """Maps of two sides: a pair of few channels, as many as have sketches or float16, or two."""
    kind = random.choice(["few", "sketched", "half", "two"])
    channels = {"sketched": (128,), "two": (3, 4)}.get(kind, (int(random.integers(1, 6)),))
    dtype = np.float16 if kind == "half" else np.float32
    sides = _size(random), _size(random)
    first, second = (
        tuple(_floats(random, *size, count).astype(dtype) for count in channels) for size in sides
    )
    cost = squared_difference if kind == "few" and random.integers(2) else None
    return (first, second) if kind == "two" else (first[0], second[0]), sides, cost


def _labels(random, sides):
    labels = tuple(random.integers(0, 3, size).astype(np.int32) for size in sides)
    return labels if random.integers(2) else None


def _displacements(random, shape, other_shape):
    """Few of those that leave each pixel of both maps a place, or None."""
    ends = (
        (min(there - here, 0), max(there - here, 0))
        for here, there in zip(shape, other_shape, strict=True)
    )
    return tuple((low - 1, high + 1) for low, high in ends) if random.integers(2) else None


def _occurrence(random):
    shape = _size(random)
    out = _maybe(random, np.zeros(shape, np.float32))
    nnf = _nnf(random, _size(random), shape)
    return {"nnf": nnf, "other_shape": shape, "patch_side": 3, "out": out}


def _patchmatch(random):
    (source, other), sides, cost = _maps(random)
    options = {"patch_side": 3, "radius": 4, "iterations": 2, "seed": 1, "bound": 200.0}
    options["displacements"] = _displacements(random, *sides)
    start = {"source": source, "other": other, "start": _maybe(random, _nnf(random, *sides))}
    charges = {"anchor_cost": 0.1, "anchor_reach": 2.0, "evenness": 0.1}
    charges["anchors"] = _maybe(random, _nnf(random, *sides))
    options["turns"] = 2
    return {**start, **options, **charges, "labels": _labels(random, sides), "cost": cost}


def _patchmatch_both_ways(random):
    (first, second), sides, cost = _maps(random)
    nnfs = _nnf(random, *sides), _nnf(random, *sides[::-1])
    options = {"patch_side": 3, "radii": (4, 3), "iterations": 2, "seeds": (1, 2), "bound": 200.0}
    options["turns"] = 2
    options["displacements"] = _displacements(random, *sides)
    start = {"first": first, "second": second, "starts": nnfs}
    return {**start, **options, "labels": _labels(random, sides), "cost": cost}


def _pooled_scratch_elements(random):
    return {"bank": _bank(random), "height": 4, "width": 5}


def _random_map(random):
    return {"shape": (*_size(random), 3), "strength": 2.0, "seed": 1, "target": analogy_kernels.CPU}


def _random_nnf(random):
    sides = _size(random), _size(random)
    shapes = dict(zip(("shape", "other_shape"), sides, strict=True))
    displacements = _displacements(random, *sides)
    return {**shapes, "seed": 1, "target": analogy_kernels.CPU, "displacements": displacements}


def _refine_field(random):
    source, other = _map(random, 3), _map(random, 3)
    field = _field(random, source.shape, other.shape)
    return {"source": source, "other": other, "field": field, "iterations": 2}


def _reliability(random):
    shape, other_shape = _size(random), _size(random)
    nnf, reverse = _nnf(random, shape, other_shape), _nnf(random, other_shape, shape)
    return {"nnf": nnf, "reverse": reverse}


def _response(random):
    features = _map(random)
    out = _floats(random, *features.shape[:2])
    return {"features": features, "out": _maybe(random, out)}


def _restrain(random):
    shape = _size(random)
    nnf, start, out = (_nnf(random, shape, (9, 9)) for _ in range(3))
    return {"nnf": nnf, "start": start, "reach": 2, "out": _maybe(random, out)}


def _round_trip(random):
    arguments = _reliability(random)
    out = _floats(random, *arguments["nnf"].shape[:2])
    return {**arguments, "out": _maybe(random, out)}


def _scratch_elements(random):
    return {"bank": _bank(random), "height": 3, "width": 4}


def _smooth(random):
    guide = _map(random, 3)
    field, weights = _field(random, guide.shape, (5, 6)), 1 + _floats(random, *guide.shape[:2])
    return {"field": field, "weights": weights, "guide": guide}


def _upsample_nnf(random):
    nnf, shape = _nnf(random, _size(random), (5, 6)), _size(random)
    out = np.zeros((*shape, 2), np.int32)
    scales = {"scale": (2.0, 1.5), "other_scale": (2.0, 0.5), "first_row": 1}
    shapes = {"shape": shape, "other_shape": (9, 7)}
    return {"nnf": nnf, **shapes, **scales, "out": _maybe(random, out)}


def _upsample_nnf_guided(random):
    nnf, size = _nnf(random, _size(random), (5, 6)), _size(random)
    guide, image = (
        random.integers(0, 256, (*shape[:2], 3)).astype(np.uint8) for shape in (nnf.shape, size)
    )
    scales = {"scale": (2.0, 1.5), "other_scale": (2.0, 0.5), "first_row": 1}
    out = _maybe(random, np.zeros((*size, 2), np.int32))
    return {"nnf": nnf, "guide": guide, "image": image, "other_shape": (9, 7), **scales, "out": out}


def _plain_vote(random):
    source, size = _half(random, _map(random)), _size(random)
    nnf, out = _nnf(random, size, source.shape), np.zeros((*size, *source.shape[2:]), source.dtype)
    return {"source": source, "nnf": nnf, "patch_side": 3, "out": _maybe(random, out)}


def _vote(random):
    arguments = _plain_vote(random)
    weights = _floats(random, *arguments["nnf"].shape[:2])
    return {**arguments, "weights": _maybe(random, weights)}


def _vote_alike(random):
    return {**_plain_vote(random), "width": 0.5}


def _vote_field(random):
    arguments = _plain_vote(random)
    nnf, source = arguments.pop("nnf"), arguments["source"]
    return {**arguments, "field": _field(random, nnf.shape, source.shape)}


def _warp(random):
    arguments = _plain_vote(random)
    del arguments["patch_side"]
    return arguments


def _weight_map(random):
    response = _floats(random, *_size(random))
    weight = [sigmoid_weight, hard_weight][random.integers(2)]
    out = _maybe(random, np.zeros_like(response))
    return {"response": response, "alpha": 0.5, "weight": weight, "out": out}


def _wls(random):
    image = _map(random)
    guide, out = _floats(random, *image.shape[:2]), _maybe(random, np.zeros_like(image))
    options = {"smoothness": 0.8, "sensitivity": 1.0, "epsilon": 1e-4, "tolerance": 1e-5}
    return {"image": image, "guide": guide, **options, "out": out}
