"""Deep Image Analogy: give each of two images the look of the other.

``analogy.transfer(a, b_prime)`` does it for arrays, ``analogy run A.png B.png`` for files.
"""

import lazy_loader

__version__ = "0.1.0"

# Each name of __init__.pyi is imported when it is asked for: Numba takes a second to import.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
