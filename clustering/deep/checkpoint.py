"""A fitted estimator as bytes, and back: numbers and settings alone, never code.

The bytes are torch's own archive, read with ``weights_only=True``: nothing in it is run. (Before PyTorch 2.6 that could
be got round, CVE-2025-32434: so 2.6 is the least.)
"""

import io
import json
import pickle
import zipfile
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from clustering.deep.augmentation import Augmentation
from clustering.deep.autoencoder_features import AutoencoderFeatures
from clustering.deep.dec import DEC
from clustering.deep.losses import Objective
from clustering.errors import CheckpointError

FORMAT = 1
# What torch raises of bytes that are cut off, or something else; JSON and a network of another shape besides.
UNREADABLE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    RuntimeError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)


def save_checkpoint(estimator: AutoencoderFeatures | DEC) -> bytes:
    """Return a fitted estimator as bytes.

    Parameters
    ----------
    estimator : AutoencoderFeatures or DEC

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where it is not fitted.
    """
    check_is_fitted(estimator, "cluster_centers_" if isinstance(estimator, DEC) else "network_")
    encoder = estimator.encoder_ if isinstance(estimator, DEC) else estimator
    settings: dict[str, Any] = {"encoder": _plain(encoder), "n_features": encoder.n_features_in_}
    tensors = {f"network.{name}": value.cpu() for name, value in encoder.network_.state_dict().items()}
    if isinstance(estimator, DEC):
        settings |= {"clusters": _plain(estimator), "temperature": estimator.temperature_}
        tensors["centers"] = torch.from_numpy(estimator.cluster_centers_)
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "settings": json.dumps(settings, sort_keys=True), "tensors": tensors}, buffer)
    return buffer.getvalue()


def load_checkpoint(data: bytes) -> AutoencoderFeatures | DEC:
    """Return the fitted estimator that `save_checkpoint` made bytes of; labels of the rows it saw are not kept.

    Parameters
    ----------
    data : bytes
        May come from anywhere: nothing in it is run.

    Raises
    ------
    CheckpointError
        Where it is something else, or damaged.
    """
    try:
        # torch reads an older format too, which no checkpoint has.
        if not zipfile.is_zipfile(io.BytesIO(data)):
            raise ValueError("it is cut off, or something else")
        kept = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if kept["format"] != FORMAT:
            raise ValueError(f"its format is {kept['format']!r}, not {FORMAT}")
        settings, tensors = json.loads(kept["settings"]), dict(kept["tensors"])
        centers = tensors.pop("centers", None)
        encoder = AutoencoderFeatures(**_revived(settings["encoder"]))
        weights = {name.removeprefix("network."): value for name, value in tensors.items()}
        encoder.restore(weights, int(settings["n_features"]))
        if "clusters" not in settings:
            return encoder
        model = DEC(**_revived(settings["clusters"]), encoder=encoder)
        model.restore(np.asarray(centers, np.float32), float(settings["temperature"]))
        return model
    except UNREADABLE as error:
        # torch's own message is a page of advice.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"this is not a checkpoint of an estimator: {reason[:200]}") from None


def _plain(estimator: Any) -> dict[str, Any]:
    """Parameters of an estimator as JSON has them; what only this process or machine knows is left out."""
    found: dict[str, Any] = {}
    for name, value in estimator.get_params(deep=False).items():
        if name in ("device", "encoder", "progress", "random_state"):
            continue
        if isinstance(value, Augmentation | Objective):
            value = asdict(value)
        found[name] = value.item() if isinstance(value, np.generic) else value
    return found


def _revived(settings: dict[str, Any]) -> dict[str, Any]:
    found = dict(settings)
    for name, kind in (("augmentation", Augmentation), ("objective", Objective)):
        if isinstance(found.get(name), dict):
            found[name] = kind(**found[name])
    for name in ("image_shape", "hidden", "channels"):
        if isinstance(found.get(name), list):
            found[name] = tuple(found[name])
    return found
