"""Principal components of thumbnails."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from clustering import one_blas_thread
from keyframes.sampling import CHUNK_ROWS, even_rows
from keyframes.scan.equal_rows import digest, equalized

N_COMPONENTS = 32
# PCA is fitted on at most this many frames, evenly spread; more change the basis little and cost memory and time.
N_FITTED = 1024
FULL_SCALE = np.float32(255)


@dataclass(frozen=True)
class PrincipalComponents:
    """A linear map from thumbnails to their leading principal components.

    Attributes
    ----------
    mean : array (n_pixels,), float32
        In units of full white, 0 to 1.
    basis : array (n_components, n_pixels), float32
        Orthonormal rows, the largest variance first; rows of zeros beyond the rank of the data.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    @classmethod
    def fit(cls, thumbnails: NDArray[np.uint8]) -> "PrincipalComponents":
        """Fit the map on an even sample of the rows of an array (n_frames, n_pixels), uint8.

        The eigenvectors come from the products of the frames with each other, which are fewer than the products of the
        pixels (the method of snapshots; L. Sirovich, "Turbulence and the dynamics of coherent structures", Quarterly of
        Applied Mathematics 45(3), 1987).
        """
        sample = thumbnails[even_rows(len(thumbnails), N_FITTED)] / np.float64(255)
        mean = sample.mean(axis=0)
        sample -= mean
        n_components = min(N_COMPONENTS, *sample.shape)
        with one_blas_thread():
            largest = (len(sample) - n_components, len(sample) - 1)
            _, weights = eigh(sample @ sample.T, subset_by_index=largest)
            basis = weights.T[::-1] @ sample
        # Directions without variance are kept as zeros: components beyond the rank tell nothing.
        lengths = np.linalg.norm(basis, axis=1, keepdims=True)
        known = lengths > 1e-6 * max(1e-9, float(lengths.max()))
        basis = np.where(known, basis / np.where(known, lengths, 1), 0)
        return cls(mean.astype(np.float32), np.ascontiguousarray(basis, np.float32))

    def transform(self, thumbnails: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Components of each row of an array (n_frames, n_pixels), uint8: (n_frames, n_components), float16.

        Equal rows get equal components.
        """
        components = np.empty((len(thumbnails), len(self.basis)), np.float16)
        for first in range(0, len(thumbnails), CHUNK_ROWS):
            chunk = slice(first, first + CHUNK_ROWS)
            components[chunk] = self.transform_chunk(thumbnails[chunk])
        return equalized(components, b"".join(map(digest, thumbnails)))

    def transform_chunk(self, thumbnails: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Components of up to `CHUNK_ROWS` rows, whose last bits depend on a row's place among them."""
        centered = thumbnails / FULL_SCALE
        centered -= self.mean
        with one_blas_thread():
            return (centered @ self.basis.T).astype(np.float16)


def spread_of(rows: NDArray[Any], most: int = N_FITTED) -> float:
    """Return the root of the summed variances of the columns of an array (n_frames, n_features), by a sample of it."""
    return float(np.sqrt(np.var(rows[even_rows(len(rows), most)], axis=0, dtype=np.float64).sum()))
