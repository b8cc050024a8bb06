"""Small photographs for evaluations, and the least work that a transfer can be."""

from PIL import Image
from skimage import data

from analogy.images import resize
from analogy.parameters import Parameters

# Without exchange and votes: so few pixels are then matched alike whatever is compared.
QUICK = Parameters(
    coarse_matching="patchmatch",
    search_iterations=(1,) * 5,
    exchange_matches=False,
    deconv_iterations=1,
)


def write_photographs(folder, *names, shape=(40, 45)):
    paths = []
    for name, image in zip(names, (data.astronaut(), data.coffee()), strict=True):
        paths.append(folder / name)
        Image.fromarray(resize(image, shape)).save(paths[-1])
    return paths
