"""What can be set, with the defaults and where they come from.

Section and equation numbers are the paper's (Liao et al., SIGGRAPH 2017). Where the authors'
released program departs from the paper, the better of the two is the default and the presets
hold the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

LEVELS = (5, 4, 3, 2, 1)


@dataclass(frozen=True)
class Parameters:
    """Settings of one transfer. Sequences run from level 5 down to 1.

    Attributes
    ----------
    ratio : float
        Size at which features are matched, as a share of the images' own size. The results are
        always put together at full size.
    max_side : int or None
        Longest side, in pixels, at which features are matched. The authors' program: 700.
    patch_sides : tuple of int
        Of the patches compared, in pixels of the level (section 4.2).
    search_radii : tuple of int or None
        Of the random search, in pixels of the level; None for the whole map (section 4.4).
    search_iterations : int
        Of PatchMatch. The authors' program: 10.
    initialization : "random" or "identity"
        Of the matches at level 5 (section 4.1: random).
    coarse_matching : "hough" or "patchmatch"
        How levels 5 and 4 are matched: all matches compared and supported by those of like
        displacement, or searched like the finer levels (section 4.2).
    reach : int or None
        Pixels of a level that its search may lead a match away from what the coarser level gave,
        along either axis, after coarse levels matched by "hough"; None for any.
    finest_level : int
        Where matching ends, 1 to 5; the results take the matches of that level.
    single_direction : bool
        Compare A' with B' only (eq. 3) and not A with B as well (eq. 2).
    independent_levels : bool
        Match every level afresh, without anything from the coarser ones (figure 8).
    reconstruction : "deconvolution" or "resampling"
        How the other image's features are carried to the next level: by eq. 5, or straight
        through the upsampled matches (figure 5).
    deconv_depth : 1 or 2
        Levels that a deconvolution spans. The paper has 1; the authors' program 2, running
        forward again by one, which keeps the features on the network's own distribution.
    deconv_target : "vote" or "warp"
        Whether patches or single pixels are fetched as the features to deconvolve (authors'
        program, section 4.3).
    deconv_start : "vote" or "random"
        Where the deconvolution starts: the other image's features voted through the upsampled
        matches (authors' program), or noise (section 4.3).
    deconv_iterations : int
        Of L-BFGS, at most.
    deconv_tolerance : float
        Converged when five iterations lower the loss by less than this share.
    alphas : tuple of float
        Weights of the content at levels 4 to 1 (section 4.3).
    alpha_offset : float
        Added to all of them; the paper varies it by 0.1 either way.
    weight_map : "sigmoid" or "hard"
        Switch between content and style by response (eq. 6; the authors' program: hard).
    vote_side : int
        Of the patches averaged in the results, in pixels (section 4.5: 5, the authors'
        program: 3).
    seed : int
    """

    ratio: float = 1.0
    max_side: int | None = 700
    patch_sides: tuple[int, ...] = (3, 3, 3, 5, 5)
    search_radii: tuple[int | None, ...] = (None, 6, 6, 4, 4)
    search_iterations: int = 10
    initialization: Literal["random", "identity"] = "random"
    coarse_matching: Literal["hough", "patchmatch"] = "hough"
    reach: int | None = 3
    finest_level: int = 1
    single_direction: bool = False
    independent_levels: bool = False
    reconstruction: Literal["deconvolution", "resampling"] = "deconvolution"
    deconv_depth: Literal[1, 2] = 2
    deconv_target: Literal["vote", "warp"] = "vote"
    deconv_start: Literal["vote", "random"] = "vote"
    deconv_iterations: int = 100
    deconv_tolerance: float = 0.1
    alphas: tuple[float, ...] = (0.8, 0.7, 0.6, 0.1)
    alpha_offset: float = 0.0
    weight_map: Literal["sigmoid", "hard"] = "sigmoid"
    vote_side: int = 5
    seed: int = 0

    def patch_side(self, level):
        return self.patch_sides[LEVELS.index(level)]

    def search_radius(self, level, other_shape):
        """Radius of the random search at a level, in pixels of a map of `other_shape`."""
        radius = self.search_radii[LEVELS.index(level)]
        return max(other_shape) if radius is None or self.independent_levels else radius

    def alpha(self, level):
        """Weight of the content at a level below 5, kept inside [0, 1]."""
        return min(max(self.alphas[LEVELS.index(level) - 1] + self.alpha_offset, 0.0), 1.0)


# The authors' program's blend weights; 2 is the paper's default.
BLEND_WEIGHTS = {
    1: (0.7, 0.6, 0.5, 0.0),
    2: (0.8, 0.7, 0.6, 0.1),
    3: (0.9, 0.8, 0.7, 0.2),
}

_DEFAULT = Parameters()

PRESETS = {
    "default": _DEFAULT,
    "paper": replace(_DEFAULT, deconv_depth=1, deconv_target="warp", deconv_start="random"),
    "authors": replace(_DEFAULT, weight_map="hard", vote_side=3),
}
