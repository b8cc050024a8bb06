"""Make the pictures of the page from the example pair: ``python docs/images/applications.py``.

Each application is shown by a picture whose right half has the look of the small one in its
corner, and the balanced one by both of its results. The second picture of some is made of the
castle: a drawing of it, or the castle at dusk.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "analogy" / "service" / "pictures"

# Of a picture on the page, at twice the size that it has there; and of what is in its corner.
WIDTH, HEIGHT = 400, 250
INSET_HEIGHT, EDGE = 100, 4

# Pixels of a side at which they are matched.
SIDE = 320
QUALITY, SAMPLE_QUALITY = 82, 85


def drawing_of(image):
    """A drawing in pencil: grey, less what is as dark around it."""
    grey = ImageOps.grayscale(image)
    around = np.asarray(grey.filter(ImageFilter.GaussianBlur(3)), np.float32)
    share = np.asarray(grey, np.float32) / np.maximum(around, 1)
    shade = 255 * np.clip(share, 0, 1) ** 2
    mixed = 0.8 * shade + 0.2 * np.asarray(grey, np.float32)
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)).convert("RGB")


def dusk_of(image):
    """The same, mirrored, when the sun has set: little blue and green, and dark below."""
    samples = np.asarray(ImageOps.mirror(image), np.float32) / 255
    height = np.linspace(1.05, 0.6, samples.shape[0])[:, None, None]
    warm = samples**1.25 * (1.15, 0.74, 0.6) * height
    return Image.fromarray((255 * np.clip(warm, 0, 1)).astype(np.uint8))


def pairs_of(castle, church):
    """What each application is shown by: a picture, and the one whose look it takes."""
    return {
        "default": (castle, church),
        "photo2style": (castle, church),
        "style2style": (church, drawing_of(castle)),
        "style2photo": (church, castle),
        "photo2photo": (castle, dusk_of(castle)),
    }


def shown(before, after, look):
    """A picture before and after, half of each, with the look in its corner."""
    size = WIDTH, HEIGHT
    before, after = (ImageOps.fit(image, size, centering=(0.3, 0.3)) for image in (before, after))
    middle = WIDTH // 2
    picture = before.copy()
    picture.paste(after.crop((middle, 0, WIDTH, HEIGHT)), (middle, 0))
    picture.paste("white", (middle - 1, 0, middle + 1, HEIGHT))
    small = ImageOps.fit(look, (INSET_HEIGHT, INSET_HEIGHT), centering=(0.3, 0.3))
    framed = ImageOps.expand(small, EDGE, "white")
    picture.paste(framed, (WIDTH - framed.width, HEIGHT - framed.height))
    return picture


def both(a_prime, b):
    """Two results side by side."""
    size = WIDTH // 2, HEIGHT
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for left, image in ((0, a_prime), (size[0] + 1, b)):
        picture.paste(ImageOps.fit(image, (size[0] - 1, HEIGHT), centering=(0.25, 0.3)), (left, 0))
    return picture


def main():
    """Transfer them, and write the pictures and the sample pair."""
    import analogy
    from analogy.parameters import adjusted_preset

    castle, church = (
        Image.open(ROOT / "examples" / f"{name}.png").convert("RGB")
        for name in ("castle", "church")
    )
    for name, sample in (("castle", castle), ("church", church)):
        sample.save(FOLDER / f"{name}.jpg", quality=SAMPLE_QUALITY, optimize=True)
    session = analogy.Session()
    for preset, (picture, look) in pairs_of(castle, church).items():
        parameters = adjusted_preset(preset, max_side=SIDE)
        found = analogy.transfer(np.asarray(picture), np.asarray(look), parameters, session=session)
        after = found.a_prime if found.a_prime_refined is None else found.a_prime_refined
        if preset == "default":
            made = both(Image.fromarray(after), Image.fromarray(found.b))
        else:
            made = shown(picture, Image.fromarray(after), look)
        made.save(FOLDER / f"{preset}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
