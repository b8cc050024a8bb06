"""What each stage of a transfer is expected to cost, for a progress bar."""

from __future__ import annotations

import math

from analogy.method.plan import leading, plan_levels

PREPARATION = "preparing kernels"

#: What is told of that stage while it compiles.
COMPILING = "compiling kernels (the first time only)"

# Seconds at 448x448 on two CPU cores.
_SEARCH_SHARES = {5: 0.2, 4: 0.4, 3: 0.5, 2: 0.9, 1: 2.4}
_RECONSTRUCTION_SHARES = {5: 8.0, 4: 7.5, 3: 6.0, 2: 3.6}


def expected_shares(parameters, shapes):
    """What the stages cost, measured on two CPU cores.

    Parameters
    ----------
    parameters : Parameters
    shapes : sequence of (shape, shape)
        Height and width of A and of B' at each size, from small to large.

    Returns
    -------
    dict, (stage, level) or (stage, level, size) -> float
    """
    shares = _shares_of_results(parameters)
    shares |= {("features", None): 0.3, (PREPARATION, None): 0.6}
    if parameters.pose != "none":
        shares["poses", None] = 1.6
    if parameters.choose_alphas:
        shares["blend weight", None] = _SEARCH_SHARES[5]
    largest = math.prod(shapes[-1][0])
    for scale, (shape_a, _) in enumerate(shapes):
        is_last = scale == len(shapes) - 1
        own = parameters if is_last else leading(parameters)
        size = math.prod(shape_a) / largest
        stages = _shares_of_a_size(own, scale > 0)
        shares |= {(*stage, scale): size * share for stage, share in stages.items()}
    return shares


def _shares_of_a_size(parameters, is_led):
    """The same of one size, if it had the area of the last."""
    shares: dict[tuple, float] = {("features", None): 1.2}
    for plan in plan_levels(parameters, is_led):
        shares["search", plan.level] = _SEARCH_SHARES[plan.level]
        if plan.carrying in ("deconvolution", "resampling"):
            shares["reconstruction", plan.level] = _RECONSTRUCTION_SHARES[plan.level]
    return shares


def expected_shares_again(parameters, shapes):
    """The same of a transfer that goes on from another: searches of the first and last size."""
    shares = _shares_of_results(parameters)
    last = len(shapes) - 1
    for scale in {0, last}:
        size = math.prod(shapes[scale][0]) / math.prod(shapes[last][0])
        own = parameters if scale == last else leading(parameters)
        for plan in plan_levels(own, scale > 0):
            shares["search", plan.level, scale] = size * _SEARCH_SHARES[plan.level]
    return shares


def _shares_of_results(parameters):
    """What is done with the matches of the last size."""
    shares: dict[tuple, float] = {("vote", None): 0.1, ("confidence", None): 0.1}
    if parameters.refines_matches:
        shares["match refinement", None] = 1.5 * parameters.smoothing + 0.4 * parameters.subpixel
    if parameters.refine:
        shares["refinement", None] = 0.5
    return shares
