"""Clusters and features that a network learns; needs PyTorch, which nothing else here does.

The names load on first use.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clustering.deep.assignment import soft_assignment, target_distribution
    from clustering.deep.augmentation import Augmentation
    from clustering.deep.checkpoint import load_checkpoint, save_checkpoint
    from clustering.deep.estimators import DEC, AutoencoderFeatures
    from clustering.deep.losses import Objective

__all__ = [
    "DEC",
    "Augmentation",
    "AutoencoderFeatures",
    "Objective",
    "load_checkpoint",
    "save_checkpoint",
    "soft_assignment",
    "target_distribution",
]

_MODULES = {
    "DEC": "estimators",
    "Augmentation": "augmentation",
    "AutoencoderFeatures": "estimators",
    "Objective": "losses",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
    "soft_assignment": "assignment",
    "target_distribution": "assignment",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec("torch") is None:
        from clustering.errors import MissingExtraError

        raise MissingExtraError(f"clustering.deep.{name} needs PyTorch: pip install '.[encoder]' in the repository")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
