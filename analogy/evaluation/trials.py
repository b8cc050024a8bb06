"""One transfer of an evaluation, with what its figures are taken from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analogy.images import matching_shape, read_image, resize
from analogy.method.transfer import Analogy, transfer
from analogy_kernels.target import target_of


@dataclass(frozen=True)
class Trial:
    """A transfer and what was found on its way.

    Attributes
    ----------
    result : Analogy
    fields : dict, level -> (ab, ba)
        Nearest-neighbour fields as each level was searched: int32 arrays, (height, width, 2), in
        host memory.
    cost : float
        Mean cost of the matches of level 1, over both directions: minus the mean cosine of matched
        features, -1 at best. Eq. 2 compares two pairs of features, of which it is the mean.
    """

    result: Analogy
    fields: dict
    cost: float

    @property
    def seconds(self):
        return self.result.record["seconds"]["total"]

    @property
    def residual(self):
        """Mean over the deconvolutions of what is left of eq. 5, None where there were none."""
        left = [found["residuals"][-1] for found in self.result.record["deconvolution"]]
        return float(np.mean(left)) if left else None

    @property
    def consistent(self):
        """Share of the pixels of both images whose matches lead back to within 8 pixels."""
        confidences = self.result.confidence_a, self.result.confidence_b
        return float(np.mean(np.concatenate([map_.ravel() for map_ in confidences]) >= 128))


def run_trial(a, b_prime, parameters, model=None, device="auto"):
    """Run one transfer; arguments as for :func:`analogy.transfer`."""
    fields, costs = {}, []

    def keep(state):
        matches, on = state.matches, target_of(state.a_prime)
        fields[state.level] = on.to_host(matches.ab), on.to_host(matches.ba)
        costs[:] = [on.to_host(cost).mean() for cost in (matches.cost_ab, matches.cost_ba)]

    result = transfer(a, b_prime, parameters, model=model, device=device, on_level=keep)
    terms = 1 if parameters.single_direction else 2
    return Trial(result, fields, float(np.mean(costs)) / terms)


def read_shrunk(path, max_side):
    """Read an image, shrunk so that its longer side has at most `max_side` pixels."""
    image = read_image(path)
    return resize(image, matching_shape(image.shape[:2], 1.0, max_side, str(path)))
