"""Clusters and features that a network learns; needs PyTorch, which nothing else here does.

The names load on first use.
"""

from typing import TYPE_CHECKING, Any

from clustering.lazy_loading import lazy_names

if TYPE_CHECKING:
    from clustering.deep.assignment import soft_assignment, target_distribution
    from clustering.deep.augmentation import Augmentation
    from clustering.deep.autoencoder_features import AutoencoderFeatures
    from clustering.deep.checkpoint import load_checkpoint, save_checkpoint
    from clustering.deep.dec import DEC
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
    "DEC": "dec",
    "Augmentation": "augmentation",
    "AutoencoderFeatures": "autoencoder_features",
    "Objective": "losses",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
    "soft_assignment": "assignment",
    "target_distribution": "assignment",
}


_load, __dir__ = lazy_names(globals(), _MODULES)


def __getattr__(name: str) -> Any:
    from importlib.util import find_spec

    if name in _MODULES and find_spec("torch") is None:
        from clustering.errors import MissingExtraError

        raise MissingExtraError(f"clustering.deep.{name} needs PyTorch: pip install '.[encoder]' in the repository")
    return _load(name)
