"""Pick the frames of a recording that are worth labelling.

The names load on first use, so that the command line's help is there at once.
"""

from typing import TYPE_CHECKING, Any

from keyframes.version import __version__

if TYPE_CHECKING:
    from keyframes.batch import Batch, run_batch
    from keyframes.choice.selection import Keyframe, Selection
    from keyframes.errors import (
        BatchError,
        EncoderError,
        ExportError,
        KeyframesError,
        OutputError,
        RegionError,
        SettingsError,
        VideoError,
    )
    from keyframes.labelling import export
    from keyframes.labelling.exported import Exported
    from keyframes.pipeline import extract
    from keyframes.result.result import Result
    from keyframes.settings import Crop, Settings
    from keyframes.video import VideoReader
    from keyframes.video.frames import Frame, VideoHeader
    from keyframes.views import extract_views


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
    "RegionError",
    "Result",
    "Selection",
    "Settings",
    "SettingsError",
    "VideoError",
    "VideoHeader",
    "VideoReader",
    "__version__",
    "export",
    "extract",
    "extract_views",
    "run_batch",
]

_MODULES = {
    **dict.fromkeys((name for name in __all__ if name.endswith("Error")), "errors"),
    "Batch": "batch",
    "Crop": "settings",
    "Exported": "labelling.exported",
    "Frame": "video.frames",
    "Keyframe": "choice.selection",
    "Result": "result.result",
    "Selection": "choice.selection",
    "Settings": "settings",
    "VideoHeader": "video.frames",
    "VideoReader": "video",
    "export": "labelling",
    "extract": "pipeline",
    "extract_views": "views",
    "run_batch": "batch",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
