from .algorithm import Analogy, LevelState, transfer
from .errors import AnalogyError
from .masks import Masks
from .parameters import BLEND_WEIGHTS, CATEGORIES, PRESETS, Parameters
from .references import SeveralAnalogies, transfer_from_several
from .session import Session

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
    "Session",
    "SeveralAnalogies",
    "transfer",
    "transfer_from_several",
]
