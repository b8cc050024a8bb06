from .errors import AnalogyError
from .images import read_image
from .method.again import transfer_again
from .method.algorithm import LevelState
from .method.masks import Masks
from .method.rematching import Remains
from .method.session import Session
from .method.several import SeveralAnalogies, transfer_from_several
from .method.transfer import Analogy, transfer
from .parameters import BLEND_WEIGHTS, CATEGORIES, PRESETS, Parameters

__version__: str

__all__ = [
    "BLEND_WEIGHTS",
    "CATEGORIES",
    "PRESETS",
    "Analogy",
    "AnalogyError",
    "LevelState",
    "Masks",
    "Parameters",
    "Remains",
    "Session",
    "SeveralAnalogies",
    "read_image",
    "transfer",
    "transfer_again",
    "transfer_from_several",
]
