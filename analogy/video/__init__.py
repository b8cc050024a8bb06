"""Frames of a film in the look of one image: ``analogy.video.transfer_video``."""

import lazy_loader

# As in `analogy` itself.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
