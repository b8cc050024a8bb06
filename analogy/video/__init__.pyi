from .parameters import VideoParameters
from .transfer import Frame, transfer_video

__all__ = ["Frame", "VideoParameters", "transfer_video"]
