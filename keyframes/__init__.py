"""Pick the frames of a recording that are worth labelling.

The names load on first use, so that the command line's help is there at once.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyframes.batch import Batch, run_batch
    from keyframes.datatypes import Crop, Exported, Frame, Keyframe, Result, Selection, Settings, VideoHeader
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
    from keyframes.exporters import export
    from keyframes.pipeline import extract, extract_views
    from keyframes.video import VideoReader

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
    **dict.fromkeys(
        ("Crop", "Exported", "Frame", "Keyframe", "Result", "Selection", "Settings", "VideoHeader"), "datatypes"
    ),
    **dict.fromkeys(
        (
            "BatchError",
            "EncoderError",
            "ExportError",
            "KeyframesError",
            "OutputError",
            "RegionError",
            "SettingsError",
            "VideoError",
        ),
        "errors",
    ),
    "Batch": "batch",
    "export": "exporters",
    "VideoReader": "video",
    "extract": "pipeline",
    "extract_views": "pipeline",
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
