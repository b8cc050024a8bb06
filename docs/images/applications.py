"""Make the pictures of the page from the example pair: ``python docs/images/applications.py``.

Each application is shown by a picture before and after, with the one whose look it takes in the
corner, and the balanced one by both of its results. Some pictures are made of the castle: a drawing
of it, or the castle at dusk. With names of applications as arguments it makes those alone.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "analogy" / "service" / "pictures"

# Of a picture on the page, at twice the size that it has there; and of what is in its corner.
WIDTH, HEIGHT = 400, 250
MIDDLE, INSET_HEIGHT, EDGE = WIDTH // 2, 100, 4

# What is kept of a picture that is cut: here its buildings are.
CENTRE = 0.3, 0.3

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
        "style2style": (drawing_of(castle), church),
        "style2photo": (church, castle),
        "photo2photo": (castle, dusk_of(castle)),
    }


def shown(before, after, look):
    """A picture before and after with the look in its corner: half of each, or both if upright."""
    if before.width > before.height:
        picture = fitted(before, WIDTH)
        picture.paste(fitted(after, WIDTH).crop((MIDDLE, 0, WIDTH, HEIGHT)), (MIDDLE, 0))
        picture.paste("white", (MIDDLE - 1, 0, MIDDLE + 1, HEIGHT))
    else:
        picture = beside(before, after)
    small = ImageOps.fit(look, (INSET_HEIGHT, INSET_HEIGHT), centering=CENTRE)
    framed = ImageOps.expand(small, EDGE, "white")
    picture.paste(framed, (WIDTH - framed.width, HEIGHT - framed.height))
    return picture


def beside(one, other):
    """Two pictures side by side."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    picture.paste(fitted(one, MIDDLE - 1), (0, 0))
    picture.paste(fitted(other, MIDDLE - 1), (MIDDLE + 1, 0))
    return picture


def fitted(image, width):
    """A picture cut to a width, at the height of all."""
    return ImageOps.fit(image, (width, HEIGHT), centering=CENTRE)


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
    pairs = pairs_of(castle, church)
    for preset in sys.argv[1:] or pairs:
        picture, look = pairs[preset]
        parameters = adjusted_preset(preset, max_side=SIDE)
        found = analogy.transfer(np.asarray(picture), np.asarray(look), parameters, session=session)
        after = found.a_prime if found.a_prime_refined is None else found.a_prime_refined
        if preset == "default":
            made = beside(Image.fromarray(after), Image.fromarray(found.b))
        else:
            made = shown(picture, Image.fromarray(after), look)
        made.save(FOLDER / f"{preset}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
