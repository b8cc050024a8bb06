"""Nearest-neighbour fields between the colour patches of two images.

Only patches that lie whole inside their image count, matched and matches alike: the exact searches
have no others. PatchMatch is kept to them by labels.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.peers.contest import Contender, Contest

PATCH_SIDE = 5

_WARM_UP_SIDE = 48

# Rows of distances that the exact answer works out at a time.
_BLOCK = 2048

_ITERATIONS = (1, 2, 4, 10, 20)

# What times are held against.
_USUAL = 10


def contest(side):
    """The example pair at `side` pixels."""
    problem = _pair(side)
    exact = exact_nnf(**problem)
    return Contest(
        f"Nearest patches, {PATCH_SIDE}x{PATCH_SIDE}, {side}x{side} pixels",
        (
            *(
                Contender(f"ours, iterations: {count}", by_ours, options={"iterations": count})
                for count in (_USUAL, *(count for count in _ITERATIONS if count != _USUAL))
            ),
            Contender("ours, both directions, iterations: 8", by_ours_both_ways),
            *(
                Contender(
                    f"patchmatch-cython, iterations: {count}",
                    by_patchmatch_cython,
                    "patchmatch-cython",
                    {"iterations": count},
                )
                for count in _ITERATIONS
            ),
            Contender("SciPy cKDTree, exact", by_kd_tree, "scipy"),
            Contender("scikit-learn brute force, exact", by_scikit_learn, "scikit-learn"),
            Contender("faiss flat, exact", by_faiss, "faiss-cpu", {"index": "Flat"}),
            Contender("faiss IVF512, 8 probes", by_faiss, "faiss-cpu", {"index": "IVF512,Flat"}),
            Contender("faiss HNSW32", by_faiss, "faiss-cpu", {"index": "HNSW32"}),
        ),
        problem,
        _pair(_WARM_UP_SIDE),
        partial(_judge, problem, exact),
        {"mean SSD": min, "above the exact, %": min, "exact, %": max},
        (
            "Mean SSD: squared differences of the colours, 0 to 255, summed over a patch and its "
            "channels. Exact, %: pixels whose match is as near as the nearest. Random starts.",
            "patchmatch-cython searches within one image with a hole and repaints the hole after "
            "every iteration: see docs/peers.md for how it is given two.",
        ),
    )


def by_ours(first, second, threads, iterations):
    from analogy_kernels.matching.patchmatch import patchmatch
    from benchmarks.peers.colours import as_features

    shape, other_shape = first.shape[:2], second.shape[:2]
    labels = interior(shape).astype(np.int32), interior(other_shape).astype(np.int32)

    def work():
        return patchmatch(
            *as_features(first, second),
            PATCH_SIDE,
            iterations=iterations,
            bound=0.0,
            labels=labels,
        )[0]

    return work


def by_ours_both_ways(first, second, threads):
    from analogy_kernels.matching.patchmatch import patchmatch_both_ways
    from benchmarks.peers.colours import as_features

    shapes = first.shape[:2], second.shape[:2]
    labels = tuple(interior(shape).astype(np.int32) for shape in shapes)

    def work():
        (nnf, _), _ = patchmatch_both_ways(
            *as_features(first, second), PATCH_SIDE, bound=0.0, labels=labels
        )
        return nnf

    return work


def by_patchmatch_cython(first, second, threads, iterations):
    """Both images in one, the first of them with a lattice of holes.

    Its solver takes for sources the patches without a hole, and searches for those with one. So
    every patch of the first image has exactly one pixel, of 25, that is a hole; that pixel has the
    colour that the present matches vote for, the others their own.
    """
    from patchmatch_cython import CythonSolver

    height = first.shape[0]
    seam = np.zeros((PATCH_SIDE, *first.shape[1:]), first.dtype)
    image = np.concatenate([first, seam, second]).astype(np.float32)
    holes = np.zeros(image.shape[:2], bool)
    holes[: height + PATCH_SIDE : PATCH_SIDE, ::PATCH_SIDE] = True
    holes[height : height + PATCH_SIDE] = True

    def work():
        solver = CythonSolver(image, holes, PATCH_SIDE)
        solver(iterations, seed=1)
        # It stores x before y.
        return solver.nnf[:height, :, ::-1] - np.int32([height + PATCH_SIDE, 0])

    return work


def by_kd_tree(first, second, threads):
    from scipy.spatial import cKDTree

    def work():
        found = cKDTree(patches(second)).query(patches(first), workers=threads)[1]
        return _field(found, first.shape, second.shape)

    return work


def by_scikit_learn(first, second, threads):
    from sklearn.neighbors import NearestNeighbors

    def work():
        neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(patches(second))
        found = neighbours.kneighbors(patches(first), return_distance=False)
        return _field(found[:, 0], first.shape, second.shape)

    return work


def by_faiss(first, second, threads, index):
    import faiss

    faiss.omp_set_num_threads(threads)

    def work():
        vectors = patches(second)
        built = faiss.index_factory(vectors.shape[1], index)
        built.train(vectors)
        built.add(vectors)
        if index.startswith("IVF"):
            built.nprobe = 8
        found = built.search(patches(first), 1)[1]
        return _field(found[:, 0], first.shape, second.shape)

    return work


def patches(image):
    """Whole patches of an image as vectors around 0, float32 (patches, side * side * channels)."""
    centred = image.astype(np.float32) - np.float32(127.5)
    windows = np.lib.stride_tricks.sliding_window_view(centred, (PATCH_SIDE,) * 2, (0, 1))
    return windows.reshape(-1, PATCH_SIDE**2 * image.shape[2])


def interior(shape):
    """Which pixels have a whole patch around them, bool (height, width)."""
    half = PATCH_SIDE // 2
    inside = np.zeros(shape, bool)
    inside[half : shape[0] - half, half : shape[1] - half] = True
    return inside


def patch_ssd(first, second, nnf):
    """Sums of squared differences of the whole patches of `first` and their matches', float64."""
    half = PATCH_SIDE // 2
    ys, xs = np.nonzero(interior(first.shape[:2]))
    matches = nnf[ys, xs].astype(np.int64)
    total = np.zeros(ys.size)
    first, second = first.astype(np.float64), second.astype(np.float64)
    for dy in range(-half, half + 1):
        for dx in range(-half, half + 1):
            there = second[matches[:, 0] + dy, matches[:, 1] + dx]
            total += np.square(first[ys + dy, xs + dx] - there).sum(axis=1)
    return total


def exact_nnf(first, second):
    """The best match of every whole patch, by comparing all with all."""
    sources, targets = patches(first), patches(second)
    # Half the squares: |a - b|^2 / 2 less what is the same for all of a's candidates.
    halves = np.square(targets).sum(axis=1) / 2
    found = [
        np.argmin(halves - sources[i : i + _BLOCK] @ targets.T, axis=1)
        for i in range(0, len(sources), _BLOCK)
    ]
    return _field(np.concatenate(found), first.shape, second.shape)


def _field(found, shape, other_shape):
    """Matches as positions, from indices into all whole patches; zeros at the border."""
    half = PATCH_SIDE // 2
    nnf = np.zeros((*shape[:2], 2), np.int32)
    positions = np.stack(np.divmod(found, other_shape[1] - 2 * half), axis=-1) + half
    nnf[interior(shape[:2])] = positions
    return nnf


def _judge(problem, exact, nnf):
    ssd, least = (patch_ssd(**problem, nnf=field) for field in (nnf, exact))
    return {
        "mean SSD": float(ssd.mean()),
        "above the exact, %": float(100 * (ssd.mean() / least.mean() - 1)),
        "exact, %": float(100 * np.mean(ssd <= least)),
    }


def _pair(side):
    from benchmarks.images import example_pair

    return dict(zip(("first", "second"), example_pair(side, side), strict=True))
