"""Draw architecture.svg, the way of a transfer: ``python docs/images/architecture.py``."""

from html import escape
from pathlib import Path

WIDTH, HEIGHT = 960, 680
ROW_TOP, ROW_PITCH, BOX_HEIGHT = 66, 98, 62

# Left edges and widths of the columns.
FEATURES, SEARCH, RECONSTRUCTION = (20, 210), (300, 270), (650, 290)

# By level: size of the maps at 448 x 448 pixels, how it is matched, which level is deconvolved to
# and which is kept.
_LED = "or the smaller size's matches"
ROWS = (
    (5, "28 x 28 x 512", ("PatchMatch, patches 3 x 3", _LED), None),
    (4, "56 x 56 x 512", ("PatchMatch, patches 3 x 3", _LED), (2, 3)),
    (3, "112 x 112 x 256", ("PatchMatch, patches 3 x 3", "either direction"), (1, 2)),
    (2, "224 x 224 x 128", ("PatchMatch, patches 5 x 5", "either direction"), (0, 1)),
    (1, "448 x 448 x 64", ("PatchMatch, patches 5 x 5", "either direction"), None),
)
# The level that a larger size is searched from.
FIRST_LEVEL = 3

# Colours of the page that it is part of, where there is one.
STYLE = """
#architecture { --ink: var(--color-foreground-primary, #1f2328);
  --faint: var(--color-foreground-muted, #59636e); --line: var(--color-foreground-muted, #59636e);
  --box: var(--color-background-secondary, #f3f4f6); --mark: var(--color-brand-primary, #0a4bff); }
@media (prefers-color-scheme: dark) { #architecture {
  --ink: var(--color-foreground-primary, #e6e6e6);
  --faint: var(--color-foreground-muted, #9ca0a5); --line: var(--color-foreground-muted, #9ca0a5);
  --box: var(--color-background-secondary, #1a1c1e);
  --mark: var(--color-brand-primary, #3d94ff); } }
#architecture text { font: 15px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; }
#architecture .small { font-size: 13px; fill: var(--faint); }
#architecture .code { font: 13px ui-monospace, monospace; fill: var(--faint); }
#architecture .head { font-weight: 600; }
#architecture rect { fill: var(--box); stroke: var(--line); }
#architecture .none { fill: none; stroke-dasharray: 4 4; }
#architecture .arrow { fill: none; stroke: var(--line); stroke-width: 1.5; }
#architecture .found { stroke: var(--mark); }
#architecture marker path { fill: var(--line); }
#architecture marker.found path { fill: var(--mark); stroke: none; }
""".strip()


def draw():
    """Text of the picture."""
    rows = (part for row in range(len(ROWS)) for part in _row(row))
    parts = [*_heads(), *rows, *_next_size(), *_results()]
    return "\n".join(
        [
            f'<svg id="architecture" xmlns="http://www.w3.org/2000/svg" role="img"'
            f' viewBox="0 0 {WIDTH} {HEIGHT}" aria-labelledby="architecture-title">',
            '<title id="architecture-title">From two images by features of five levels, searched '
            "from level 5 to level 1 at one size after another, to A' and B</title>",
            f"<style>\n{STYLE}\n</style>",
            "<defs>",
            *(_marker(name) for name in ("", "found")),
            "</defs>",
            *parts,
            "</svg>\n",
        ]
    )


def _heads():
    for (left, width), head, code in (
        (FEATURES, "Features of A and B'", "analogy.network.features"),
        (SEARCH, "Search", "analogy.method.search, .scales"),
        (RECONSTRUCTION, "Reconstruction of A' and B", "analogy.method.reconstruction"),
    ):
        yield _text(left + width / 2, 22, head, "head")
        yield _text(left + width / 2, 44, code, "code")


def _row(index):
    level, size, search, reconstruction = ROWS[index]
    top = ROW_TOP + index * ROW_PITCH
    middle, below = top + BOX_HEIGHT / 2, top + ROW_PITCH
    yield from _box(FEATURES[0], top, FEATURES[1], BOX_HEIGHT, f"Level {level}", (size,))
    yield from _box(SEARCH[0], top, SEARCH[1], BOX_HEIGHT, search[0], search[1:])
    yield _arrow(f"M {_right(FEATURES)} {middle} H {SEARCH[0] - 8}")
    if level > 1:
        yield _arrow(f"M {_middle(SEARCH)} {top + BOX_HEIGHT} V {below - 8}", "found")
        yield _text(_middle(SEARCH) - 12, below - 14, "matches, upsampled", "small", "end")
    if level == 5:
        yield _rect(RECONSTRUCTION[0], top, RECONSTRUCTION[1], BOX_HEIGHT, "none")
        yield _text(_middle(RECONSTRUCTION), middle - 4, "none: at level 4, A' is still A", "small")
        yield _text(_middle(RECONSTRUCTION), middle + 14, "and B is B'", "small")
    elif reconstruction:
        lowest, kept = reconstruction
        blended = "blend; at the first size" if level > FIRST_LEVEL else "blend with content"
        name = f"level {lowest}" if lowest else "the image"
        yield from _box(
            RECONSTRUCTION[0],
            top,
            RECONSTRUCTION[1],
            BOX_HEIGHT,
            f"deconvolve level {level} to {name}",
            (f"forward to level {kept}, {blended}",),
        )
        yield _arrow(f"M {_right(SEARCH)} {middle} H {RECONSTRUCTION[0] - 8}", "found")
        yield _text((_right(SEARCH) + RECONSTRUCTION[0]) / 2, middle - 8, "matches", "small")
        yield _arrow(
            f"M {_middle(RECONSTRUCTION)} {top + BOX_HEIGHT} V {below - 19} "
            f"H {_right(SEARCH) - 45} V {below - 8}"
        )
        yield _text(
            _middle(RECONSTRUCTION) - 8,
            below - 24,
            f"features of A' and B at level {level - 1}",
            "small",
            "end",
        )


def _next_size():
    """From the last level's matches to the first two levels of the next size."""
    tops = [ROW_TOP + row * ROW_PITCH for row in range(len(ROWS))]
    start, gap = SEARCH[0], (_right(FEATURES) + SEARCH[0]) / 2
    leave, *enter = (top + BOX_HEIGHT - 12 for top in (tops[-1], tops[1], tops[0]))
    for end in enter:
        yield _arrow(f"M {start} {leave} H {gap} V {end} H {start - 8}", "found")
    yield _text(gap - 8, tops[3] - 12, "to the next size", "small", "end")


def _results():
    top = ROW_TOP + len(ROWS) * ROW_PITCH
    bottom = top - ROW_PITCH + BOX_HEIGHT
    yield _arrow(f"M {_middle(SEARCH)} {bottom} V {top - 8}", "found")
    yield _text(_middle(SEARCH) + 12, top - 14, "of the last size", "small", "start")
    yield from _box(
        SEARCH[0], top, SEARCH[1], BOX_HEIGHT, "vote at the images' full size", ("along edges",)
    )
    yield _text(_middle(SEARCH), top + BOX_HEIGHT + 20, "analogy.method.full_size", "code")
    yield from _box(
        RECONSTRUCTION[0], top, RECONSTRUCTION[1], BOX_HEIGHT, "A', B, both flows", ("PNG, NumPy",)
    )
    yield _arrow(f"M {_right(SEARCH)} {top + BOX_HEIGHT / 2} H {RECONSTRUCTION[0] - 8}")
    yield from _box(
        FEATURES[0], top, FEATURES[1], BOX_HEIGHT, "confidence", ("which matches lead back",)
    )
    yield _text(_middle(FEATURES), top + BOX_HEIGHT + 20, "analogy.method.confidence", "code")
    yield _arrow(
        f"M {SEARCH[0] + 30} {bottom} V {top - 19} H {_middle(FEATURES)} V {top - 8}", "found"
    )


def _box(left, top, width, height, text, smaller=()):
    yield _rect(left, top, width, height)
    middle = left + width / 2
    yield _text(middle, top + height / 2 + (5 if not smaller else -3), text)
    for line in smaller:
        yield _text(middle, top + height / 2 + 17, line, "small")


def _rect(left, top, width, height, kind=""):
    return f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" class="{kind}"/>'


def _text(x, y, text, kind="", anchor=""):
    style = f' style="text-anchor: {anchor}"' if anchor else ""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}"{style}>{escape(text, quote=False)}</text>'


def _arrow(path, kind=""):
    return f'<path class="arrow {kind}" marker-end="url(#arrow-{kind})" d="{path}"/>'


def _marker(kind):
    return (
        f'<marker id="arrow-{kind}" class="{kind}" viewBox="0 0 8 8" refX="0" refY="4" '
        'markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M 0 0 L 8 4 L 0 8 z"/></marker>'
    )


def _middle(column):
    return column[0] + column[1] / 2


def _right(column):
    return column[0] + column[1]


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw())
