"""Images by vector quantisation: palettes that anyone can open; blocks and wavelet vectors in a container of their own.

The names load on first use, so that the command line's help is there at once.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantize.datatypes import Encoded, Picture, Settings
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
    "Encoded",
    "ImageError",
    "LargerRefusal",
    "OutputError",
    "Picture",
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


def __getattr__(name: str) -> Any:
    from importlib import import_module

    # From light to heavy.
    for module in ("errors", "datatypes", "pipeline") if name in __all__ else ():
        found = import_module(f"{__name__}.{module}")
        if hasattr(found, name):
            globals()[name] = getattr(found, name)
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
