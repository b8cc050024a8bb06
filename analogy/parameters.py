"""What can be set, with the defaults and where they come from.

Section and equation numbers are the paper's (Liao et al., SIGGRAPH 2017). Where the authors'
released program departs from the paper, the better of the two is the default and the presets
hold the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from analogy.checked_fields import Colour, Length, Odd, Range, check_fields

LEVELS = (5, 4, 3, 2, 1)

_Count = Annotated[int, Range(0)]
_Positive = Annotated[float, Range(0, above_low=True)]
_NotNegative = Annotated[float, Range(0)]
_PatchSide = Annotated[int, Odd()]
_Level = Annotated[int, Range(1, 5)]


@dataclass(frozen=True)
class Parameters:
    """Settings of one transfer. Sequences run from level 5 down to 1.

    A field that holds what it may not is refused when they are made, by a `FieldError`.

    Attributes
    ----------
    ratio : float
        Largest size at which features are matched, as a share of the images' own size. The results
        are always put together at full size.
    max_side : int or None
        Longest side, in pixels, at which features are matched. The authors' program: 700.
    first_scale : int or None
        Side, in pixels, of a square of the area that images are shrunk to in order to be matched
        first; larger sizes then start from the matches of smaller ones, see
        :mod:`analogy.method.scales`. None for one size, as the paper and the authors' program have
        it.
    patch_sides : tuple of int
        Side of the patches compared, in pixels of the level (section 4.2).
    search_radii : tuple of int or None
        Radius of the random search, in pixels of the level; None for the whole map (section 4.4).
    search_iterations : tuple of int
        Iterations of PatchMatch. The authors' program: 10 at every level, and nothing exchanged.
    search_turns : tuple of int
        Iterations in which the search hears once of neighbours 8, 4, 2 and 1 pixels away: 1 as in
        the authors' program, or by turns in 2: less time, and less of A's structure.
    exchange_matches : bool
        Let each direction take over, after each iteration, what the other has found better: eight
        iterations then end at lower costs than ten; lower costs are not better pictures, see
        docs/scales.md. Has no effect with `single_direction` or a
        `colour_weight`, where the directions compare different maps.
    evenness : tuple of float
        What an iteration of the search adds to the cost of a match for each time that its patch is
        fetched more than those around it, as a multiple of its fair share, see
        :mod:`analogy_kernels.matching.occurrence`: stains and repetition give way to parts of B'
        that would never appear. Smaller sizes do without, and it has no effect where matches are
        exchanged.
    initialization : "random" or "identity"
        How the matches at level 5 start (section 4.1: random).
    coarse_matching : "hough" or "patchmatch"
        How levels 5 and 4 of the smallest size are matched: all matches compared and supported by
        those of like displacement, or searched like the finer levels (section 4.2). The former
        carries more keypoints between photographs, the latter keeps A's outlines.
    search_reaches : tuple of int or None
        Pixels of a level that its search may lead a match away from where it started, along either
        axis, after coarse levels matched by "hough"; None for any.
    finest_level : int
        Where matching ends, 1 to 5; the results take the matches of that level.
    single_direction : bool
        Compare A' with B' only (eq. 3) and not A with B as well (eq. 2).
    independent_levels : bool
        Match every level afresh, without anything from the coarser ones (figure 8).
    coarsest_reconstruction : int
        Level from whose matches on features of A' and B are made for the next finer one, 2 to 5;
        down to that level, A' is taken to look like A and B like B'. The paper and the authors'
        program: 5.
    reconstruction : "deconvolution" or "resampling"
        How the other image's features are carried to the next level: by eq. 5, or pixel by pixel
        through the upsampled matches (figure 5).
    led_deconvolutions : tuple of int
        Levels, 3 and 2, from whose matches features are deconvolved at sizes that a smaller one
        leads. From the others they are voted at the finer level itself, by upsampled matches: most
        of the time, and nothing that a picture shows. The first size, which finds where things
        are, deconvolves from all levels; without, faces have stains: see docs/scales.md.
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
        Most iterations of L-BFGS.
    deconv_tolerance : float
        Converged when five iterations lower the loss by less than this share.
    alphas : tuple of float
        Weights of the content at levels 4 to 1 (section 4.3).
    choose_alphas : bool
        Choose them from the images instead (see :mod:`analogy.method.blend_weight`).
    alpha_offset : float
        Added to all of them; the paper varies it by 0.1 either way.
    weight_map : "sigmoid" or "hard"
        Switch between content and style by response (eq. 6; the authors' program: hard).
    pose : "none", "auto" or "all"
        Whether copies of B' that are mirrored, turned and scaled are matched in its place, see
        :mod:`analogy.method.pose_choice`: none, those that suit A clearly better than B' as it is,
        or those that suit A best. Neither the paper nor the authors' program has any.
    upright_strokes : bool
        Fetch the results' pixels from B' as it is, and not from its copies: strokes then do not
        turn with the things.
    vote_side : int
        Side of the patches that vote for the results' pixels (section 4.5: 5 pixels, the authors'
        program: 3).
    vote_width : float or None
        Difference in colour, in grey levels, by which a vote loses its weight: votes count by how
        like they are to what the pixel's own match fetches, so that seams vanish and strokes stay
        sharp. None for the mean of all votes, as the paper and the authors' program have it.
    fill_unreliable : bool
        Before the vote, give pixels whose matches do not lead back the displacement of the nearest
        ones whose do (for the failures of section 7).
    fill_beyond : float
        Pixels, as matched, that a match may lead away from its start and not be filled.
    colour_weight : float
        Weight of the squared distance of the colours of A and B', in [0, 1], at level 1. The
        paper has none, and names it as what PatchMatch has ahead where both show one scene
        (section 5.1).
    smoothing : int
        Passes of smoothing over the matches found; only where the images are alike in colour.
    subpixel : int
        Iterations that refine the matches to fractions of a pixel; likewise.
    refine : bool
        Also give the results the colours alone, with the photographs' own detail (section 6.4).
    wls_lambda : float
        How much the weighted-least-squares filter of the refinement smooths (eq. 7; this and the
        two below are the authors' program's).
    wls_alpha : float
        How much it minds edges: exponent of the steps of log-luminance.
    wls_epsilon : float
        Added to those, so that flat regions are not smoothed without bound.
    background : str or None
        Colour that pictures from files are laid over where they are transparent, as CSS names it.
        None keeps them transparent: what is transparent is never fetched, and A' has A's alpha.
    seed : int
    """

    ratio: Annotated[float, Range(0, 1, above_low=True)] = 1.0
    max_side: Annotated[int | None, Range(32)] = 700
    first_scale: Annotated[int | None, Range(1)] = 192
    patch_sides: Annotated[tuple[_PatchSide, ...], Length(5)] = (3, 3, 3, 3, 3)
    search_radii: Annotated[tuple[_Count | None, ...], Length(5)] = (None, 4, 3, 2, 2)
    search_iterations: Annotated[tuple[_Count, ...], Length(5)] = (10, 8, 6, 5, 3)
    search_turns: Annotated[tuple[Annotated[int, Range(1, 4)], ...], Length(5)] = (1,) * 5
    exchange_matches: bool = False
    evenness: Annotated[tuple[_NotNegative, ...], Length(5)] = (0.0, 0.0, 0.004, 0.01, 0.03)
    initialization: Literal["random", "identity"] = "random"
    coarse_matching: Literal["hough", "patchmatch"] = "patchmatch"
    search_reaches: Annotated[tuple[_Count | None, ...], Length(5)] = (None,) * 5
    finest_level: _Level = 1
    single_direction: bool = False
    independent_levels: bool = False
    coarsest_reconstruction: Annotated[int, Range(2, 5)] = 4
    reconstruction: Literal["deconvolution", "resampling"] = "deconvolution"
    led_deconvolutions: tuple[Annotated[int, Range(2, 3)], ...] = (2,)
    deconv_depth: Literal[1, 2] = 2
    deconv_target: Literal["vote", "warp"] = "vote"
    deconv_start: Literal["vote", "random"] = "vote"
    deconv_iterations: _Count = 100
    deconv_tolerance: _NotNegative = 0.6
    alphas: Annotated[tuple[Annotated[float, Range(0, 1)], ...], Length(4)] = (0.8, 0.7, 0.6, 0.1)
    choose_alphas: bool = False
    alpha_offset: Annotated[float, Range(-1, 1)] = 0.0
    weight_map: Literal["sigmoid", "hard"] = "sigmoid"
    pose: Literal["none", "auto", "all"] = "auto"
    upright_strokes: bool = False
    vote_side: _PatchSide = 3
    vote_width: _Positive | None = 40.0
    fill_unreliable: bool = False
    fill_beyond: _NotNegative = 16.0
    colour_weight: _NotNegative = 0.0
    smoothing: _Count = 0
    subpixel: _Count = 0
    refine: bool = False
    wls_lambda: _Positive = 0.8
    wls_alpha: _Positive = 1.0
    wls_epsilon: _Positive = 1e-4
    background: Annotated[str, Colour()] | None = None
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def has_scales(self) -> bool:
        """Whether images are matched at smaller sizes first."""
        # Levels 5 and 4 of a larger size are not searched, and nothing leads independent levels.
        return (
            self.first_scale is not None and self.finest_level <= 3 and not self.independent_levels
        )

    @property
    def refines_matches(self) -> bool:
        """Whether matches are worked on after the search, and have fractions."""
        return self.smoothing > 0 or self.subpixel > 0

    def patch_side(self, level: int) -> int:
        return self.patch_sides[LEVELS.index(level)]

    def iterations(self, level: int) -> int:
        return self.search_iterations[LEVELS.index(level)]

    def turns(self, level: int) -> int:
        return self.search_turns[LEVELS.index(level)]

    def search_radius(self, level: int, other_shape: tuple[int, int]) -> int:
        """Radius of the random search at a level, in pixels of a map of `other_shape`."""
        radius = self.search_radii[LEVELS.index(level)]
        return max(other_shape) if radius is None or self.independent_levels else radius

    def search_reach(self, level: int) -> int | None:
        return self.search_reaches[LEVELS.index(level)]

    def alpha(self, level: int) -> float:
        """Weight of the content at a level below 5, kept inside [0, 1]."""
        return min(max(self.alphas[LEVELS.index(level) - 1] + self.alpha_offset, 0.0), 1.0)


#: The authors' program's blend weights of levels 4 to 1; 2 is the paper's default.
BLEND_WEIGHTS = {
    1: (0.7, 0.6, 0.5, 0.0),
    2: (0.8, 0.7, 0.6, 0.1),
    3: (0.9, 0.8, 0.7, 0.2),
}

#: Section 5's categories of pairs, with the weights that the paper matches them with.
CATEGORIES: dict[str, dict[str, Any]] = {
    "I": {"alphas": (1.0, 1.0, 1.0, 1.0), "alpha_offset": 0.0},
    "II": {"alphas": BLEND_WEIGHTS[2], "alpha_offset": 0.1},
    "III": {"alphas": BLEND_WEIGHTS[2], "alpha_offset": 0.0},
}

_DEFAULT = Parameters()
# One size, searched and voted for as the paper and the authors' program do, whatever the defaults.
_PLAIN: dict[str, Any] = {
    "first_scale": None,
    "pose": "none",
    "search_radii": (None, 6, 6, 4, 4),
    "search_iterations": (10,) * 5,
    "search_turns": (1,) * 5,
    "evenness": (0.0,) * 5,
    "patch_sides": (3, 3, 3, 5, 5),
    "coarsest_reconstruction": 5,
    "led_deconvolutions": (3, 2),
    "deconv_tolerance": 0.1,
    # Where somebody asks for the coarse levels to be matched by votes all the same.
    "search_reaches": (None, None, 2, None, None),
    "alphas": BLEND_WEIGHTS[2],
    "vote_side": 5,
    "vote_width": None,
}

#: By name, what ``--preset`` starts from: ours, the paper's, its authors' program's, ours for
#: correspondences and for two photographs of one scene, and what the authors advise for the
#: applications of sections 6.1 to 6.4.
PRESETS = {
    "default": _DEFAULT,
    "paper": replace(
        _DEFAULT, **_PLAIN, deconv_depth=1, deconv_target="warp", deconv_start="random"
    ),
    "authors": replace(_DEFAULT, **_PLAIN | {"vote_side": 3}, weight_map="hard"),
    # Which thing is which, for keypoints: votes, and a search that is held near them. Pictures take
    # over outlines of B' by it. See docs/evaluation-keypoints.md.
    "matches": replace(
        _DEFAULT,
        **_PLAIN | {"search_iterations": (10, 8, 8, 8, 8)},
        exchange_matches=True,
        coarse_matching="hough",
    ),
    # Two photographs of one scene: all content (section 5.1, category I), and what was measured
    # to suit it, see docs/evaluation.md.
    "flow": replace(
        _DEFAULT,
        **_PLAIN | {"alphas": (1.0, 1.0, 1.0, 1.0)},
        colour_weight=1000.0,
        smoothing=3,
        subpixel=10,
    ),
    # The applications of sections 6.1 to 6.4, with the weights that the authors advise for their
    # program. The ratio of 0.5 that it takes for faces and for photographs made of paintings is
    # what matching from small to large does away with.
    # For paintings of photographs a little more of A than by the weight of 3: its outlines.
    "photo2style": replace(_DEFAULT, alphas=(0.93, 0.83, 0.73, 0.4)),
    # Two paintings are of two faces, mostly, which want larger patches, a larger first size and
    # what level 5 says of the place in a face: fewer stains. Where all of both is to be used, the
    # ground of one is lent to the hair of the other.
    "style2style": replace(
        _DEFAULT,
        alphas=BLEND_WEIGHTS[3],
        coarsest_reconstruction=5,
        patch_sides=(3, 3, 3, 5, 3),
        search_radii=(None, 6, 4, 2, 2),
        deconv_tolerance=0.1,
        first_scale=224,
        evenness=(0.0, 0.0, 0.0025, 0.01, 0.02),
    ),
    # A drawing says little of what is where but at the coarsest level, and has few pixels that are
    # like a photograph's: see docs/scales.md.
    "style2photo": replace(
        _DEFAULT,
        coarsest_reconstruction=5,
        alphas=(0.8, 0.7, 0.6, 0.3),
        evenness=(0.0, 0.0, 0.0, 0.0015, 0.003),
    ),
    "photo2photo": replace(
        _DEFAULT,
        alphas=BLEND_WEIGHTS[3],
        coarsest_reconstruction=5,
        refine=True,
    ),
}

#: The presets for people who look for no method but for pictures: what each is called, and what it
#: does.
APPLICATIONS = {
    "default": ("Balanced", "Both images keep some of their own structure."),
    "photo2style": ("Photo to style", "A photograph and a painting exchange their looks."),
    "style2style": ("Style to style", "Two paintings or drawings exchange their looks."),
    "style2photo": ("Style to photo", "A painting or drawing becomes a photograph."),
    "photo2photo": ("Photo to photo", "Two photographs exchange colours and keep their detail."),
}


def adjusted_preset(
    preset: str = "default",
    weight: str | None = None,
    evenness: float | None = None,
    **options: Any,
) -> Parameters:
    """Parameters of a preset, changed by what was asked for.

    Parameters
    ----------
    preset : str
        Name of one of `PRESETS`.
    weight : "1", "2", "3" or "auto", optional
        The blend weights of `BLEND_WEIGHTS`, or to be chosen by the images.
    evenness : float, optional
        Evenness of every level.
    options
        Fields of :class:`Parameters`; None leaves the preset's.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if evenness is not None:
        given["evenness"] = (evenness,) * len(LEVELS)
    if weight == "auto":
        given["choose_alphas"] = True
    elif weight is not None:
        given["alphas"] = BLEND_WEIGHTS[int(weight)]
    return replace(PRESETS[preset], **given)
