"""Panels of one height, one beside another, as a picture of the documentation."""

from PIL import Image

HEIGHT = 300

_GAP = 10


def panel_of(image):
    """An image at the height of all panels."""
    size = round(image.shape[1] * HEIGHT / image.shape[0]), HEIGHT
    return Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)


def save_side_by_side(panels, path):
    """Write panels into one picture."""
    width = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1)
    sheet = Image.new("RGB", (width, HEIGHT), "white")
    left = 0
    for panel in panels:
        sheet.paste(panel, (left, 0))
        left += panel.width + _GAP
    sheet.save(path, quality=88)
