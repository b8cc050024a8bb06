"""Motion between two frames whose true motion is known: a pair of Middlebury's."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.peers.contest import Contender, Contest

_WARM_UP_SIDE = 64

# Of the pictures: pixels of displacement that have full colour.
_LARGEST_SHOWN = 5.0

_OPENCV = "opencv-contrib-python-headless"


def contests(folder, names=None):
    """A contest for each pair in Middlebury's folder, or for those named."""
    from analogy.evaluation.middlebury import find_pairs, read_pair

    for path in find_pairs(folder):
        if not names or path.name in names:
            yield _contest(read_pair(path))


def _contest(pair):
    frames = {"first": pair.first, "second": pair.second}
    return Contest(
        f"Flow, {pair.name}",
        (
            Contender("ours, preset flow", by_ours),
            Contender(
                "scikit-image TV-L1",
                by_scikit_image,
                "scikit-image",
                {"method": "optical_flow_tvl1"},
            ),
            Contender(
                "scikit-image ILK", by_scikit_image, "scikit-image", {"method": "optical_flow_ilk"}
            ),
            Contender("OpenCV DIS, medium", by_dis, _OPENCV),
            Contender("OpenCV Farneback", by_farneback, _OPENCV),
            Contender("OpenCV DeepFlow", by_deep_flow, _OPENCV),
        ),
        frames,
        {
            name: np.ascontiguousarray(frame[:_WARM_UP_SIDE, :_WARM_UP_SIDE])
            for name, frame in frames.items()
        },
        partial(_judge, pair.flow),
        {"mean error, px": min, "off by over 1 px, %": min},
        ("Error: distance of a displacement from the true one, where that is known. Defaults.",),
        _picture,
    )


def by_ours(first, second, threads):
    import analogy

    return lambda: analogy.transfer(first, second, analogy.PRESETS["flow"], device="cpu").flow_ab


def by_scikit_image(first, second, threads, method):
    from skimage import registration
    from skimage.color import rgb2gray

    estimate = getattr(registration, method)

    def work():
        dy, dx = estimate(rgb2gray(first), rgb2gray(second))
        return np.stack([dx, dy], axis=-1)

    return work


def by_dis(first, second, threads):
    import cv2

    method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return _by_opencv(first, second, threads, lambda a, b: method.calc(a, b, None))


def by_farneback(first, second, threads):
    import cv2

    method = cv2.FarnebackOpticalFlow_create()
    return _by_opencv(first, second, threads, lambda a, b: method.calc(a, b, None))


def by_deep_flow(first, second, threads):
    import cv2

    method = cv2.optflow.createOptFlow_DeepFlow()
    return _by_opencv(first, second, threads, lambda a, b: method.calc(a, b, None))


def _by_opencv(first, second, threads, estimate):
    import cv2

    cv2.setNumThreads(threads)
    return lambda: estimate(*(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)))


def _judge(true_flow, flow):
    from analogy.evaluation.middlebury import endpoint_errors

    errors = endpoint_errors(flow, true_flow)
    known = errors[np.isfinite(errors)]
    return {
        "mean error, px": float(known.mean()),
        "off by over 1 px, %": float(100 * np.mean(known > 1)),
    }


def _picture(flow):
    from analogy.visualization.colours import flow_colours

    return flow_colours(flow, _LARGEST_SHOWN)
