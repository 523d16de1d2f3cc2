"""Images by vector quantisation: palettes that anyone can open; blocks and wavelet vectors in a container of their own.

The names load on first use, so that the command line's help is there at once.
"""

from typing import TYPE_CHECKING

from clustering import lazy_names

if TYPE_CHECKING:
    from quantize.datatypes import Settings
    from quantize.errors import (
        CodebookError,
        ContainerError,
        ImageError,
        LargerRefusal,
        OutputError,
        QualityRefusal,
        QuantizeError,
        Refusal,
        SettingsError,
        TargetError,
    )
    from quantize.pipeline import decode, encode

__version__ = "0.1.0"

__all__ = [
    "CodebookError",
    "ContainerError",
    "ImageError",
    "LargerRefusal",
    "OutputError",
    "QualityRefusal",
    "QuantizeError",
    "Refusal",
    "Settings",
    "SettingsError",
    "TargetError",
    "__version__",
    "decode",
    "encode",
]


__getattr__, __dir__ = lazy_names(
    globals(),
    {
        **dict.fromkeys((name for name in __all__ if name.endswith(("Error", "Refusal"))), "errors"),
        "Settings": "datatypes",
        **dict.fromkeys(("decode", "encode"), "pipeline"),
    },
)
