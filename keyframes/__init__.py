"""Pick the frames of a recording that are worth labelling.

The names load on first use, so that the command line's help is there at once.
"""

from typing import TYPE_CHECKING

from clustering import lazy_names

if TYPE_CHECKING:
    from keyframes.batch import Batch, run_batch
    from keyframes.choice.rows import choose
    from keyframes.choice.selection import Keyframe
    from keyframes.errors import (
        BatchError,
        EncoderError,
        ExportError,
        KeyframesError,
        OutputError,
        PredictionsError,
        RegionError,
        SettingsError,
        VideoError,
    )
    from keyframes.labelling import export
    from keyframes.labelling.exported import Exported
    from keyframes.pipeline import extract
    from keyframes.predictions import Predictions, read_predictions
    from keyframes.result.result import Result
    from keyframes.settings import Crop, Settings
    from keyframes.video import VideoReader
    from keyframes.video.frames import Frame, VideoHeader
    from keyframes.views import extract_views

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "BatchError",
    "Crop",
    "EncoderError",
    "ExportError",
    "Exported",
    "Frame",
    "Keyframe",
    "KeyframesError",
    "OutputError",
    "Predictions",
    "PredictionsError",
    "RegionError",
    "Result",
    "Settings",
    "SettingsError",
    "VideoError",
    "VideoHeader",
    "VideoReader",
    "__version__",
    "choose",
    "export",
    "extract",
    "extract_views",
    "read_predictions",
    "run_batch",
]

_MODULES = {
    **dict.fromkeys((name for name in __all__ if name.endswith("Error")), "errors"),
    "Batch": "batch",
    "Crop": "settings",
    "Exported": "labelling.exported",
    "Frame": "video.frames",
    "Keyframe": "choice.selection",
    "Predictions": "predictions",
    "Result": "result.result",
    "Settings": "settings",
    "VideoHeader": "video.frames",
    "VideoReader": "video",
    "choose": "choice.rows",
    "export": "labelling",
    "extract": "pipeline",
    "extract_views": "views",
    "read_predictions": "predictions",
    "run_batch": "batch",
}

__getattr__, __dir__ = lazy_names(globals(), _MODULES)
