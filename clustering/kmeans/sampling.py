"""Samples of rows by weight, and what they are drawn with."""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.errors import InvalidInputError

# Rows on which seeds are chosen: so many at least, or so many for each seed. A start from more is hardly better once
# Lloyd's algorithm has run from it.
SEED_ROWS, ROWS_A_SEED = 10240, 40


def as_random_state(seed: int | np.random.RandomState) -> np.random.RandomState:
    """Return a generator as it is, or a new one of a seed, without loading scikit-learn."""
    if isinstance(seed, np.random.RandomState):
        return seed
    try:
        return np.random.RandomState(seed)
    except (TypeError, ValueError):
        raise InvalidInputError(
            f"random_state={seed!r} must be a whole number from 0 to {2**32 - 1}, or a RandomState"
        ) from None


def sample_rows(weights: Array, n_sampled: int, rng: np.random.RandomState) -> tuple[NDArray[np.int64], Array]:
    """Rows of a systematic sample by weight (evenly spread, from a random place on), and how often each was met.

    Parameters
    ----------
    weights : array (n_samples,), float
        Of all rows, 0 or more.
    n_sampled : int
        How often a row is met in all; where there are no more rows than that, the sample is all of them.
    rng : RandomState

    Returns
    -------
    rows : array (at most n_sampled,), int64
        Ascending, without repetition.
    counts : array of the same shape and the dtype of the weights
        How often each was met; of a sample of all rows, their weights.
    """
    if n_sampled >= len(weights):
        return np.arange(len(weights)), weights
    cumulative = np.cumsum(weights, dtype=np.float64)
    targets = (np.arange(n_sampled) + rng.uniform()) * (cumulative[-1] / n_sampled)
    met = np.minimum(np.searchsorted(cumulative, targets, side="right"), len(weights) - 1)
    rows, counts = np.unique(met, return_counts=True)
    return rows, counts.astype(weights.dtype)
