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

_MODULES = {
    **dict.fromkeys(("Encoded", "Picture", "Settings"), "datatypes"),
    **dict.fromkeys(
        (
            "CodebookError",
            "ContainerError",
            "ImageError",
            "LargerRefusal",
            "OutputError",
            "QualityRefusal",
            "QuantizeError",
            "Refusal",
            "SettingsError",
            "TargetError",
        ),
        "errors",
    ),
    **dict.fromkeys(("decode", "encode"), "pipeline"),
}

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
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
