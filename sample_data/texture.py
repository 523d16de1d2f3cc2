"""Noise textures and soft masks that the floor, the fur and the photograph are made of."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]


def fractal(shape: tuple[int, int], rng: np.random.Generator, coarsest: float, octaves: int) -> FloatImage:
    """Draw fractal noise: each octave has half the grain and half the strength of the one before.

    Parameters
    ----------
    shape : tuple of int
        (height, width) in pixels.
    rng : numpy.random.Generator
        Source of the noise.
    coarsest : float
        Size of the largest blobs in pixels.
    octaves : int
        Number of layers.

    Returns
    -------
    numpy.ndarray
        Noise of `shape`, float32, mean 0 and standard deviation 1.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        cell = max(coarsest / 2**octave, 1.0)
        # Two extra cells on each side and a random cut, so that no octave lines up with the image border.
        grid = rng.standard_normal((int(shape[0] / cell) + 4, int(shape[1] / cell) + 4), np.float32)
        shift_y, shift_x = rng.uniform(0, cell, 2)
        matrix = np.array([[1 / cell, 0, 1 + shift_x / cell], [0, 1 / cell, 1 + shift_y / cell]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        layer = cv2.warpAffine(grid, matrix, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REFLECT)
        total += layer / 2**octave
    total -= total.mean()
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


def soft_step(distance: npt.NDArray[Any]) -> FloatImage:
    """Mask of an edge from a signed distance.

    Parameters
    ----------
    distance : numpy.ndarray
        Signed distance to the edge, in units of the edge's softness (often pixels), positive inside.

    Returns
    -------
    numpy.ndarray
        Mask of the same shape, float32: 0 outside, 1 inside, a smooth ramp over one unit.
    """
    ramp = np.clip(distance + 0.5, 0, 1).astype(np.float32)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)


def brush(picture: FloatImage, colour: npt.NDArray[Any], mask: npt.NDArray[Any]) -> None:
    """Blend a colour into a picture, in place.

    Parameters
    ----------
    picture : numpy.ndarray
        Image (height, width, 3), float32, changed in place.
    colour : numpy.ndarray
        Colour (3,) or image (height, width, 3) to blend in.
    mask : numpy.ndarray
        Opacity (height, width), 0 to 1.
    """
    picture += (colour - picture) * mask[..., None]
