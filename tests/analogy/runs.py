"""A real run, as small as one can be, for what shows runs."""

import dataclasses
import functools

from skimage import data

import analogy
from analogy.images import resize
from analogy.visualization.levels import LevelTrace, picture_levels


@dataclasses.dataclass(frozen=True)
class Run:
    a: object
    b_prime: object
    trace: LevelTrace
    result: analogy.Analogy
    pictures: object

    def record(self, a="photo.png", b_prime="cup.png"):
        """What the command line makes of the result's record."""
        inputs = {"a": a, "b_prime": b_prime}
        return {"inputs": inputs, "command": f"analogy run {a} {b_prime}"} | self.result.record


@functools.cache
def small_run(**change):
    """A photograph of a person and one of a cup, of two sizes, in a second or two."""
    a, b_prime = resize(data.astronaut(), (72, 64)), resize(data.coffee(), (48, 70))
    parameters = analogy.Parameters(deconv_iterations=5, search_iterations=(2,) * 5, **change)
    trace = LevelTrace()
    result = analogy.transfer(a, b_prime, parameters, device="cpu", on_level=trace)
    votes = parameters.vote_side, parameters.vote_width
    pictures = picture_levels(trace, a, b_prime, *votes)
    return Run(a, b_prime, trace, result, pictures)
